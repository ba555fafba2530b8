"""A foreign script as a run: which script under which arguments, the answers it was sealed with, and the check of that seal.

A script has no config of ours, so what the checklist reads from a model and a config is answered in words alone; nothing else is
waived. The arguments themselves are never kept, only their hash, with what looks like a secret left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec

from engine.contract.answers import Answers, fault
from engine.contract.errors import BadInput, Refused
from engine.contract.events import now
from engine.contract.files import read_json, write_json
from engine.contract.hashes import canonical, code_hash, sha256
from engine.contract.preflight import OPS, TOKENIZERS, Block, refusal, seal_hash
from engine.contract.resolve import read_toml

NO_FILE = sha256(b"")
"""The content of a command that runs no file of its own."""
SUBJECTS = ("model", "base")
"""Whom a script may evaluate: what it trains, and the same model before."""


class ScriptFile(msgspec.Struct, frozen=True, kw_only=True):
    """What config.json of a script's run holds. `script` is '' for code given on the command line; `seed` is that of a --seed option.

    `argv_hash` covers every argument; `family` the same without the seed, so that seeds of one experiment are one family."""

    name: str
    program: str
    script: str
    script_sha256: str
    argv_hash: str
    family: str
    arguments: int
    secrets: int = 0  # values among them that were struck out, and are nowhere
    seed: int | None = None
    time_limit: float = 0.0  # seconds, 0 is none
    hang_limit: float = 900.0  # seconds without a line, counted from the first one

    @property
    def config_hash(self) -> str:
        """Identity of one run: the script's content and its arguments."""
        return sha256(canonical([self.script_sha256, self.argv_hash]))

    @property
    def family_hash(self) -> str:
        """Identity of a family: config_hash without the seed."""
        return sha256(canonical([self.script_sha256, self.family]))

    def save(self, path: Path) -> None:
        """Write config.json atomically."""
        identities = {"config_hash": self.config_hash, "family_hash": self.family_hash}
        write_json(path, {"script": msgspec.to_builtins(self), **identities})


def load_script(path: Path) -> ScriptFile | None:
    """The script of a run folder's config.json; None when the run is no script's. Raises BadInput when it is damaged."""
    table = read_json(path)
    if not isinstance(table, Mapping) or "script" not in table:
        return None
    try:
        found = msgspec.convert(table["script"], ScriptFile)
    except msgspec.ValidationError as error:
        raise BadInput(f"{path} is not a script's config: {error}") from None
    if table.get("config_hash") != found.config_hash:
        raise BadInput(f"{path} was edited after launch: its config hash is {found.config_hash[:8]}")
    return found


_TEXTS = (
    ("K0", "math.optimised", 3, "One to three lines: what is minimised, over what, under which constraint"),
    ("K0", "math.unnecessary", 2, "Name what in it could go, and which ablation shows it"),
    ("K1", "tokenization.comparable", 2, "Say whether the comparator has the same tokenizer"),
    ("K2", "architecture.model_class", 1, "Give the exact class of the model"),
    ("K2", "architecture.answer", 2, "Say what about this architecture matters for the run"),
    ("K3", "init.distribution", 1, "State how the weights are drawn or where they come from"),
    ("K4", "direction.why", 2, "Say why this direction, or what is minimised instead of a divergence"),
    ("K5", "metric.name", 1, "Name the metric as the script reports it, such as accuracy"),
    ("K5", "metric.unit", 1, "Name the unit, for example fraction of items"),
    ("K6", "question.hypothesis", 4, "Finish the sentence: This run tests hypothesis: ___"),
    ("K6", "prediction.metric", 1, "Name the metric of the script that decides"),
    ("K6", "prediction.comparator", 1, "Name what it is read against: base, a baseline, or a run"),
    ("K6", "prediction.miss_means", 3, "Say what you will believe if the prediction fails"),
    ("K7", "prior.learnt", 2, "Say what the journal, notes and failed runs say, or that there are none"),
    ("K8", "known_bugs.answer", 2, "Name the known bugs that come near this run, and why they do not bite"),
)


def for_scripts(path: Path) -> bool:
    """Whether a checklist is a script's: it says nothing of preset, settings and axes, which are a launch's. Raises BadInput."""
    return not {"preset", "set", "axes"} & set(read_toml(path))


def blocks(
    answers: Answers, earlier: Iterable[Mapping[str, Any]] = (), script: ScriptFile | None = None
) -> list[Block]:
    """What forbids the start, in checklist order; without a script, as far as the answers alone tell. `earlier` are the finished runs
    of the project's scripts, newest first."""
    found = [*texts(answers), *choices(answers), *_waivers(answers, datetime.now(UTC).date())]
    if not answers.prior.comparator.strip():
        found.append(Block("K7", "prior.comparator is empty", "Choose a run from: cockpit runs; or say none", True))
    if script is not None:
        found += _against(answers, list(earlier), script)
    return sorted(found, key=lambda block: block.item)


def texts(answers: Answers) -> Iterable[Block]:
    """Free text that is empty, a placeholder, rounded, too long or too short."""
    for item, where, words, mend in _TEXTS:
        section, name = where.split(".")
        if wrong := fault(getattr(getattr(answers, section), name), words=words):
            yield Block(item, f"{where} {wrong}", mend, wrong == "is empty")


def choices(answers: Answers) -> Iterable[Block]:
    """Answers that are one of a few words, or a number."""
    said, kinds = answers.prediction, (*TOKENIZERS, "none")
    choices: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
        ("K1", "tokenization.type", answers.tokenization.type, kinds),
        ("K3", "init.base", answers.init.base, ("random", "structured", "pretrained")),
        ("K4", "direction.direction", answers.direction.direction, ("forward", "reverse", "mixed", "none")),
        ("K5", "metric.split", answers.metric.split, ("val", "test")),
        ("K6", "prediction.op", said.op, OPS),
        ("K6", "prediction.of", said.of, ("value",)),
        ("K6", "prediction.subject", said.subject, SUBJECTS),
        ("K6", "prediction.split", said.split, ("val", "test")),
    )
    for item, where, value, allowed in choices:
        if value not in allowed:
            yield Block(item, f"{where} = {value[:20]!r}", f"Use one of {', '.join(allowed)}", not value)
    perplexity = "ppl" in answers.metric.name or "perplexity" in answers.metric.name
    if perplexity and fault(answers.metric.tokenizer):
        yield Block("K5", "a perplexity without the tokenizer it is counted in", "Name it in metric.tokenizer")
    if said.threshold is None or not math.isfinite(said.threshold):
        yield Block("K6", "prediction.threshold is not a number", "State the number that decides", True)
    if said.confidence is None or not 0 < said.confidence <= 1:
        unsaid = said.confidence is None or math.isnan(said.confidence)
        what = "prediction.confidence is not a number" if unsaid else f"prediction.confidence = {said.confidence:g}"
        yield Block("K6", what, "State how sure you are, above 0 and at most 1", unsaid)
    if answers.preset or answers.set or answers.axes:
        yield Block("K0", "preset, set and axes belong to `cockpit launch`", "Leave them out of a script's checklist")


def _against(answers: Answers, earlier: list[Mapping[str, Any]], script: ScriptFile) -> Iterable[Block]:
    for run in earlier:
        repeated = run["config_hash"] == script.config_hash and run["failed"]
        if repeated and fault(answers.prior.difference, words=2):
            mend = "State in prior.difference what is different now, or change the script or its arguments"
            yield Block("K7", f"run {run['id']} was exactly this and ended as {run['status']}", mend)
            break
    hypothesis = " ".join(answers.question.hypothesis.split()).lower()
    for run in earlier:
        same = hypothesis and " ".join(str(run["hypothesis"]).split()).lower() == hypothesis
        if same and run["name"] == script.name and run["family_hash"] != script.family_hash:
            mend = "Say what this change is to show; other seeds of one script need no new hypothesis"
            yield Block("K6", f"the hypothesis is that of {run['id']}, and the script or its arguments changed", mend)
            break


def _waivers(answers: Answers, today: date) -> Iterable[Block]:
    for waiver in answers.waivers:
        if fault(waiver.reason):
            yield Block("K8", f"the waiver of {waiver.rule} {fault(waiver.reason)}", "A waiver has a reason")
        elif waiver.expires is not None and waiver.expires < today:
            yield Block("K8", f"the waiver of {waiver.rule} expired on {waiver.expires}", "Renew it with a reason")


def seal_script(
    answers: Answers, script: ScriptFile, earlier: Iterable[Mapping[str, Any]], evidence: Mapping[str, Any]
) -> dict[str, Any]:
    """The frozen record of a script under its answers. Raises Refused, naming the first block, when any stands."""
    standing = blocks(answers, earlier, script)
    if standing:
        raise refusal(standing)
    table = answers.table()
    record: dict[str, Any] = {
        "format": 1,
        "kind": "script",
        "answers": table,
        "answers_hash": sha256(canonical(table)),
        "axes": [],
        "script": msgspec.to_builtins(script),
        "config_hash": script.config_hash,
        "family_hash": script.family_hash,
        "metric_version": 0,
        "evidence": {"known_bugs": [], "flags": [], **evidence},
        "sealed_at": now(),
        "code_hash": code_hash(),
    }
    return record | {"seal": seal_hash(record)}


def check_script_seal(record: Any, script: ScriptFile, *, script_sha256: str, argv_hash: str) -> str:
    """The preflight hash when the seal is whole and covers the script and arguments that are about to start. Raises Refused."""
    if not isinstance(record, Mapping) or not isinstance(record.get("seal"), str):
        raise Refused("no sealed preflight: start scripts with `cockpit run --preflight F.toml -- CMD`")
    if seal_hash(record) != record["seal"] or record.get("script") != msgspec.to_builtins(script):
        raise Refused("the preflight was changed after it was sealed: start again with the answers you mean")
    if script_sha256 != script.script_sha256:
        raise Refused(f"{script.script} changed after it was sealed: start it again")
    if argv_hash != script.argv_hash:
        raise Refused("the arguments are not those that were sealed: start it again")
    return str(record["seal"])
