"""The answers to the checklist as a person writes them: one TOML file, one table an item (REQUIREMENTS K0 to K8, DESIGN section 6).

Parsing is strict about names and kinds and silent about content: whether an answer will do is for preflight.py to say.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from engine.contract.config import Config
from engine.contract.errors import BadInput
from engine.contract.metrics import NO_AXIS
from engine.contract.resolve import KNOBS, nearest, read_toml, resolve

LONGEST = 4000
"""Characters an answer may have."""


class Item(BaseModel):
    """One table of the file; every field starts empty, and an empty one blocks."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, protected_namespaces=())


class Math(Item):
    """K0: one to three lines of what is optimised, and what in it is unnecessary, before any prose."""

    optimised: str = ""
    unnecessary: str = ""


class Tokenization(Item):
    """K1: bpe, character, byte, morphological, unigram or wordpiece; runs with different tokenizers are not comparable."""

    type: str = ""
    comparable: str = ""


class Architecture(Item):
    """K2: the exact class, and what about it matters here."""

    model_class: str = ""
    answer: str = ""


class Init(Item):
    """K3: where the base's weights come from (random, structured, pretrained), and the adapter's rank, distribution and initial B."""

    base: str = ""
    rank: int = 0
    initial_b: str = ""
    distribution: str = ""


class Direction(Item):
    """K4: the direction of the divergence (forward, reverse, mixed, none) and why; there is no default."""

    direction: str = ""
    why: str = ""


class MetricItem(Item):
    """K5: the exact metric, its split and its unit; perplexity names its tokenizer."""

    name: str = ""
    split: str = ""
    unit: str = ""
    tokenizer: str = ""


class Question(Item):
    """K6: This run tests hypothesis: ___"""

    hypothesis: str = ""


class PriorItem(Item):
    """K7: the run this one is compared with ('none' when there is none), what earlier runs and notes say, and the stated difference
    to a failed run with the same config."""

    comparator: str = ""
    learnt: str = ""
    difference: str = ""


class KnownBugs(Item):
    """K8: which known bugs come near this run, and why they do not bite."""

    answer: str = ""


class Prediction(Item):
    """What will be measured if the hypothesis holds. `of` is the value itself or its paired change to the base; `comparator` is the
    row or run it is read against; `miss_means` is what will be believed if it fails."""

    metric: str = ""
    op: str = ""
    threshold: float | None = None
    of: str = "value"
    subject: str = "healed"
    split: str = ""
    round: int | str = "best"
    confidence: float | None = None
    comparator: str = "base"
    miss_means: str = ""


class Waiver(Item):
    """A rule that is set aside, by name, with a reason and perhaps an end."""

    rule: str
    reason: str = ""
    expires: date | None = None


class Answers(Item):
    """The whole file. `preset` and `set` are the base config this preflight is for, `axes` the knobs that may differ under it;
    `acknowledged` names the run since whose seal the unchanged items stand ('' while that is asked and not answered)."""

    preset: str = ""
    set: tuple[str, ...] = ()
    axes: tuple[str, ...] = ()
    acknowledged: str | None = None
    math: Math = Math()
    tokenization: Tokenization = Tokenization()
    architecture: Architecture = Architecture()
    init: Init = Init()
    direction: Direction = Direction()
    metric: MetricItem = MetricItem()
    question: Question = Question()
    prior: PriorItem = PriorItem()
    known_bugs: KnownBugs = KnownBugs()
    prediction: Prediction = Prediction()
    waivers: tuple[Waiver, ...] = ()

    def base_config(self) -> Config:
        """The config this preflight was answered for. Raises BadInput."""
        return resolve(self.preset or None, sets=self.set)

    def table(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return self.model_dump(mode="json")


ITEMS: dict[str, str] = {
    "math": "K0",
    "tokenization": "K1",
    "architecture": "K2",
    "init": "K3",
    "direction": "K4",
    "metric": "K5",
    "question": "K6",
    "prior": "K7",
    "known_bugs": "K8",
    "prediction": "K6",
    "waivers": "K8",
}
"""The requirement that each table answers."""


def load_answers(path: Path) -> Answers:
    """The answers of a file. Raises BadInput in one line that names the key and the nearest known one."""
    return parse_answers(read_toml(path), str(path))


def parse_answers(table: Mapping[str, Any], where: str = "preflight") -> Answers:
    """A TOML table as Answers. Raises BadInput on unknown keys, wrong kinds, and axes that a seal cannot cover."""
    _known_keys(table, where)
    loose = {k: tuple(v) if isinstance(v, list) else v for k, v in table.items()}
    try:
        answers = Answers.model_validate(loose)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"][:2])
        raise BadInput(
            f"{where}: {key} = {str(first['input'])[:60]!r}: {first['msg'][:1].lower()}{first['msg'][1:]}"
        ) from None
    for axis in answers.axes:
        if axis not in KNOBS:
            raise BadInput(f"{where}: axis {axis!r} is not a setting{nearest(axis, KNOBS)}")
        if axis == "run.smoke":
            raise BadInput(
                f"{where}: run.smoke cannot be an axis: a smoke run carries no claim, and no seal covers it and a real one. "
                "Start it with cockpit fast-dev-run"
            )
        if axis in NO_AXIS:
            raise BadInput(
                f"{where}: {axis} cannot be an axis: numbers measured under different ones are not comparable (KB45). "
                "Write a second preflight"
            )
        if axis in ("model.id", "trait.name"):
            raise BadInput(
                f"{where}: {axis} cannot be an axis: one seal covers one model and one trait. Write a second preflight"
            )
    return answers


def parse_text(text: str, where: str = "preflight") -> Answers:
    """TOML text as Answers. Raises BadInput."""
    try:
        return parse_answers(tomllib.loads(text), where)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{where} is not readable as TOML: {error}") from None


def _known_keys(table: Mapping[str, Any], where: str) -> None:
    for key, value in table.items():
        if key not in Answers.model_fields:
            raise BadInput(f"{where}: no item named {key!r}{nearest(key, Answers.model_fields)}")
        model = Answers.model_fields[key].annotation
        rows = value if key == "waivers" and isinstance(value, list) else [value]
        known = Waiver.model_fields if key == "waivers" else getattr(model, "model_fields", None)
        for row in rows:
            if known is None or not isinstance(row, Mapping):
                continue
            for name in row:
                if name not in known:
                    raise BadInput(f"{where}: no answer named {f'{key}.{name}'!r}{nearest(name, known, within=key)}")


_PLACEHOLDER = re.compile(
    r"(?:t\.?b\.?[dac]\.?|todo|fixme|xxx+|asdf\w*|qwer\w*|foo|bar|baz|test|testing|lorem.*|placeholder|blah.*|something|whatever|"
    r"none|nothing|n/?a|no|yes|ok(?:ay)?|idk|dunno|see above|same|wip|answer|hypothesis|fill (?:me )?in|_+)\W*",
    re.IGNORECASE,
)
_ROUNDED = re.compile(
    r"~\s*\d[\d.,]*\s*(?:[kKMBT]\b|million|billion)|\d[\d.,]*\s*[kKMBT]\s*param|about \d[\d.,]*\s*[kKMBT]\b"
)
_ONLY_ROUNDED = re.compile(r"(?:~|about|ca\.?)?\s*\d[\d.,]*\s*(?:[kKMBT]|million|billion)?\.?")


def fault(text: str, *, words: int = 1) -> str:
    """What is wrong with an answer as an answer ('' when nothing): empty, placeholder, rounded count, too long, too short."""
    plain = " ".join(text.split())
    if not plain:
        return "is empty"
    if len(text) > LONGEST:
        return f"is {len(text):,} characters long; say it in {LONGEST:,}"
    if _PLACEHOLDER.fullmatch(plain):
        return f"is a placeholder ({plain[:20]!r})"
    if _ONLY_ROUNDED.fullmatch(plain) or _ROUNDED.search(plain):
        return f"has a rounded number ({plain[:20]!r}); counts are exact here"
    letters = [c for c in plain.lower() if c.isalpha()]
    if len(letters) < 2 or (len(plain) >= 4 and len(set(letters)) <= 2):
        return f"says nothing ({plain[:20]!r})"
    if len(plain.split()) < words:
        return f"is too short to be one ({plain[:30]!r})"
    return ""
