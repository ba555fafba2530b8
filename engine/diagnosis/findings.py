"""What a signature says: a finding with its strength and evidence, nothing, or what it would need to judge."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import msgspec

from engine.diagnosis.artifacts import Artifacts
from engine.diagnosis.evidence import Evidence
from engine.diagnosis.thresholds import Thresholds

Class = Literal["divergence", "collapse", "gradient", "architecture", "optimisation", "loop", "data", "resources"]
"""The five classes of requirement D1, and this loop's own, the data's and the machine's."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A signature that is there. `strength` is how clearly, in (0, 1]; `terminal` says that it is why the run ended; `says` one sentence.

    `own` marks what was wrong in the texts themselves, before anything was learnt from them."""

    strength: float
    says: str
    evidence: tuple[Evidence, ...]
    terminal: bool = False
    own: bool = False
    no_fault: str = ""  # why it may be no fault, '' when it is one
    round: int = 0
    values: dict[str, float] = {}


class NotJudged(msgspec.Struct, frozen=True):
    """The evidence is not there. `needs` says what would be needed, `how` the command or setting that gives it, with {run} for the run."""

    needs: str
    how: str = ""


Judgement = Finding | NotJudged | None
"""None: the evidence is there and does not show the signature."""


class Signature(NamedTuple):
    """A named failure, its class, and the pure function that looks for it."""

    name: str
    cls: Class
    judge: Callable[[Artifacts, Thresholds], Judgement]


def mapped(a: Artifacts, name: str, ours: str = "let the heal begin") -> str:
    """How a column is got: from a foreign log by its name, from a script by reporting it, from a run of the loop by letting it go on."""
    if a.origin == "log":
        return f"--map {name}=COLUMN"
    return ours if a.config is not None else f"report {name} from the script"


def graded(value: float, steps: tuple[float, float, float]) -> float:
    """Strength of a value against (advisory, flagged, certain): 0 below the first, .25 at it, .5 at the second, .97 from the third on.

    Linear in the logarithm between the first two, rising as its root after; falling steps judge small values. Steps are positive."""
    sign = 1.0 if steps[2] > steps[0] else -1.0
    x = sign * math.log(max(value, 1e-300))
    low, middle, high = (sign * math.log(step) for step in steps)
    if not x >= low:
        return 0.0
    if x >= high:
        return 0.97
    if x >= middle:
        return 0.5 + 0.47 * math.sqrt((x - middle) / (high - middle))
    return 0.25 + 0.25 * (x - low) / (middle - low)
