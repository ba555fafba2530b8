"""What a diagnosis says (requirement D3): a root cause, healthy, or insufficient, with everything that it rests on."""

from __future__ import annotations

from typing import Literal

import msgspec

from engine.diagnosis.evidence import Evidence
from engine.diagnosis.findings import Class


class Fix(msgspec.Struct, frozen=True, kw_only=True):
    """Something to do. `impact` and `confidence` in [0, 1], `effect` what is expected of it, `command` ready to run or ''."""

    does: str
    effect: str
    impact: float
    confidence: float
    command: str = ""


class Hypothesis(msgspec.Struct, frozen=True, kw_only=True):
    """Another explanation, and why it is the weaker one."""

    name: str
    cls: Class
    strength: float
    says: str
    weaker: str
    evidence: tuple[Evidence, ...] = ()


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """What is not there, which signatures wait for it, and how it is got."""

    what: str
    for_: tuple[str, ...] = msgspec.field(default=(), name="for")
    how: str = ""


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """`root_cause` is a signature's name, 'healthy' or 'insufficient'; `confidence` is that of the answer, for insufficient that of the
    leading hypothesis. `provisional` marks a run that goes on."""

    run: str
    answer: Literal["root cause", "healthy", "insufficient"]
    root_cause: str
    cls: Class | None = msgspec.field(default=None, name="class")
    confidence: float
    summary: str
    evidence: tuple[Evidence, ...] = ()
    competing_hypotheses: tuple[Hypothesis, ...] = ()
    first_action: str = ""
    prediction_if_true: str = ""
    prediction_if_false: str = ""
    fixes: tuple[Fix, ...] = ()
    missing: tuple[Missing, ...] = ()
    advisories: tuple[Hypothesis, ...] = ()
    provisional: bool = False
    status: str = ""
    based_on: str = ""
