"""A question as it is sealed: which runs it is about, what is measured, one contrast, and what is expected of it.

It is asked before any of its members run. As a TOML file:

    question = "Does rmse keep tails intact where mean does not?"
    family = "-k3f9"                      # a run whose config the members share, or its family hash
    contrast = "heal.aggregate=rmse against heal.aggregate=mean"
    metric = "broken"
    op = "<="
    threshold = -0.1                      # of the difference
    level = "publishable"
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from engine.contract.answers import fault
from engine.contract.checks import METRICS
from engine.contract.errors import BadInput
from engine.contract.events import METRIC_VERSION
from engine.contract.facts import ModelFacts
from engine.contract.files import read_json
from engine.contract.hashes import FREE, family_hash
from engine.contract.metrics import NO_AXIS
from engine.contract.resolve import from_table, nearest, parse_set, read_toml
from engine.contract.rundir import RunDir, all_runs, find_run
from engine.contract.runfile import RunFile, load_runfile
from journal.claims.levels import needed
from journal.text import plain

SUBJECTS = ("base", "prompted", "steered", "healed")
OPS = (">=", "<=", ">", "<")
CONTROL = "steer.method"
RANDOM = "random"
SMOKE = "run.smoke"


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person states. `contrast` is 'A against B': sides are knob values along axes ('heal.aggregate=rmse'), the family's own
    config ('own', or the subject's name), or on the right another subject of the same runs ('base', 'prompted', 'steered').

    `threshold` and `margin` are of the difference A - B, in the unit of the metric; with `equivalence` the margin takes the place of
    `op` and `threshold`."""

    question: str
    family: str
    metric: str
    contrast: str
    subject: str = "healed"
    split: str = "test"
    op: str = ""
    threshold: float = 0.0
    margin: float = 0.0
    equivalence: bool = False
    level: str = "publishable"
    confidence: float | None = None
    miss_means: str = ""
    optimised: str = ""
    unnecessary: str = ""


_REQUIRED = [field.name for field in msgspec.structs.fields(Asked) if field.required]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A question with its runs made definite: `arms` holds every axis' value of each arm, `against` is an arm or a subject within each run.

    `family_hash` is that of the members without seed, limits and axes; numbers are only comparable under one `metric_version` and
    one `tokenizer_hash`."""

    asked: Asked
    arms: dict[str, dict[str, Any]]
    claimed: str
    against: str
    axes: list[str]
    family_hash: str
    reference: str
    tokenizer_hash: str
    metric_version: int
    preset: str
    trait: str
    model: str

    @property
    def within(self) -> bool:
        """Whether the contrast is between two subjects of the same runs."""
        return self.against not in self.arms

    @property
    def controlled(self) -> bool:
        """Whether one of the contrasted arms is the random-vector control itself."""
        return any(self.arms[a].get(CONTROL) == RANDOM for a in self.contrasted)

    @property
    def contrasted(self) -> tuple[str, ...]:
        """The arms that the contrast needs."""
        return (self.claimed,) if self.within else (self.claimed, self.against)


def load_asked(path: Path) -> Asked:
    """A question's TOML file. Raises BadInput, naming the key, when it cannot be read or holds something else."""
    return asked(read_toml(path), str(path))


def asked(table: Mapping[str, Any], where: str = "the question") -> Asked:
    """A table as a question. Raises BadInput, naming the nearest known key of an unknown one."""
    for name in table:
        if name not in Asked.__struct_fields__:
            raise BadInput(f"{where}: no key named {plain(name)!r}{nearest(name, Asked.__struct_fields__)}")
    missing = [name for name in _REQUIRED if name not in table]
    if missing:
        raise BadInput(
            f"{where}: a question also needs {', '.join(missing)}; cockpit claim new --help says what each is"
        )
    try:
        found = msgspec.convert(dict(table), Asked)
    except msgspec.ValidationError as error:
        raise BadInput(f"{where}: {plain(str(error))}") from None
    _check(found, where)
    return found


def _check(q: Asked, where: str) -> None:
    wrong = fault(q.question)
    if wrong:
        raise BadInput(
            f"{where}: the question {wrong}; ask in words, for example: Does rmse keep tails that mean breaks?"
        )
    if q.metric not in METRICS:
        raise BadInput(f"{where}: no metric named {plain(q.metric)!r}{nearest(q.metric, METRICS)}")
    if q.subject not in SUBJECTS:
        raise BadInput(f"{where}: subject {plain(q.subject)!r} is none of {', '.join(SUBJECTS)}")
    if q.split not in ("test", "val"):
        raise BadInput(f"{where}: split {plain(q.split)!r} is neither test nor val")
    needed(q.level)
    if not all(math.isfinite(x) for x in (q.threshold, q.margin)):
        raise BadInput(f"{where}: threshold and margin are finite numbers")
    if q.confidence is not None and not 0 < q.confidence < 1:
        raise BadInput(f"{where}: a confidence lies between 0 and 1, such as .7")
    if q.equivalence and q.margin <= 0:
        raise BadInput(f"{where}: equivalence needs a stated margin above 0, in the unit of {q.metric}: --margin 0.05")
    if q.equivalence and q.op:
        raise BadInput(f"{where}: equivalence is judged by its margin; leave op and threshold out")
    if not q.equivalence and q.op not in OPS:
        raise BadInput(
            f"{where}: say what is expected of the difference: op is one of {' '.join(OPS)}, with a threshold"
        )


def define(project: Path, q: Asked) -> Question:
    """The question with its family and arms read from the project. Raises BadInput when the family or an arm cannot be meant."""
    folder, run = _reference(project, q.family)
    if run.config.run.smoke:
        raise BadInput(f"{folder.id} is a smoke run, which carries no claim; name a real run of the family")
    left, separator, right = (part.strip() for part in q.contrast.partition(" against "))
    if not separator or not left or not right:
        raise BadInput(
            f"contrast {plain(q.contrast)!r} is not 'A against B': for example 'heal.aggregate=rmse against heal.aggregate=mean', "
            "or 'own against base' within each run"
        )
    left = "own" if left == q.subject else left
    if left in SUBJECTS:
        raise BadInput(f"contrast: the left side is an arm, not the subject {left}; 'own' is the family's own config")
    if right == q.subject:
        raise BadInput(f"contrast: {right} against itself; name another subject or arm on the right")
    sides = {side: _values(run, side) for side in (left, right) if side not in SUBJECTS}
    axes = sorted({knob for values in sides.values() for knob in values} | {CONTROL})
    flat = run.config.flat()
    full = {side: {axis: values.get(axis, flat[axis]) for axis in axes} for side, values in sides.items()}
    if right in full and full[left] == full[right]:
        raise BadInput(f"contrast: both sides are the same config; vary a knob between them: {plain(q.contrast)}")
    names = {side: _name(values) for side, values in sides.items()}
    if right in names and names[left] == names[right]:
        names = dict.fromkeys(names, "") | {side: side for side in names}
    arms = {names[side]: values for side, values in full.items()}
    tokenizer, math_ = _tokenizer(folder), _math(folder)
    q = msgspec.structs.replace(q, **{name: getattr(q, name) or math_[name] for name in math_})
    question = Question(
        asked=q,
        arms=arms,
        claimed=names[left],
        against=names.get(right, right),
        axes=axes,
        family_hash=identity(run, axes),
        reference=folder.id,
        tokenizer_hash=tokenizer,
        metric_version=METRIC_VERSION,
        preset=run.preset or "own config",
        trait=run.config.trait.name,
        model=run.config.model.id,
    )
    if not question.controlled:
        control = full[left] | {CONTROL: RANDOM}
        question = msgspec.structs.replace(question, arms={**arms, RANDOM: control})
    return question


def identity(run: RunFile, axes: list[str]) -> str:
    """A run's family under a question's axes; being a smoke run does not hide it, so that it is named and refused."""
    return family_hash(run.stored or run.config, run.trait_hash, run.model_hash, [*axes, SMOKE])


def _reference(project: Path, name: str) -> tuple[RunDir, RunFile]:
    """A run by name, else the newest real run whose family hash begins so (at least eight digits)."""
    if len(name) >= 8 and all(c in "0123456789abcdef" for c in name):
        for folder in reversed(all_runs(project)):
            try:
                run = load_runfile(folder.config)
            except BadInput:
                continue
            if run.family_hash.startswith(name) and not run.config.run.smoke:
                return folder, run
        raise BadInput(f"no run of family {name[:12]} in this project; name a run of it")
    folder = find_run(project, name)
    return folder, load_runfile(folder.config)


def _values(run: RunFile, side: str) -> dict[str, Any]:
    """Knob values of one side, typed as the config types them; {} for the family's own."""
    if side == "own":
        return {}
    table = {section: dict(values) for section, values in run.config.model_dump().items()}
    knobs = []
    for part in side.split(","):
        for section, values in parse_set(part).items():
            for name, value in values.items():
                if f"{section}.{name}" in (*FREE, SMOKE):
                    raise BadInput(f"contrast: {section}.{name} is no axis of a claim; every arm has its seeds anyway")
                if f"{section}.{name}" in NO_AXIS:
                    raise BadInput(f"contrast: arms that differ in {section}.{name} are not comparable (KB45)")
                table[section][name] = value
                knobs.append(f"{section}.{name}")
    flat = from_table(table).flat()
    return {knob: flat[knob] for knob in knobs}


def _name(values: Mapping[str, Any]) -> str:
    """An arm's name in a table: 'rmse', 'tau 0.5', 'aggregate rmse, lam 0.3'; 'own' for the family's config."""
    if not values:
        return "own"
    if len(values) == 1 and isinstance(value := next(iter(values.values())), str) and value not in SUBJECTS:
        return plain(value, 40)
    return ", ".join(f"{knob.partition('.')[2]} {plain(str(value), 30)}" for knob, value in values.items())


def _math(folder: RunDir) -> dict[str, str]:
    """The math of the reference's checklist, which stands where the question gives none."""
    answers = read_json(folder.preflight).get("answers", {}).get("math", {})
    return {name: str(answers.get(name, "")) for name in ("optimised", "unnecessary")}


def _tokenizer(folder: RunDir) -> str:
    preflight = read_json(folder.preflight)
    try:
        return msgspec.convert(preflight["evidence"]["facts"], ModelFacts).tokenizer_hash
    except (KeyError, TypeError, msgspec.ValidationError):
        raise BadInput(
            f"{folder.preflight} does not say which tokenizer it is about; name another run of the family"
        ) from None
