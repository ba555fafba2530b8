"""Problems of the trait: it is gone after healing, or it is taken back round by round."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from engine.diagnosis.artifacts import Artifacts
from engine.diagnosis.evidence import Evidence
from engine.diagnosis.findings import Finding, Judgement, NotJudged, Signature, graded
from engine.diagnosis.thresholds import Thresholds

AXES = (("first_person_nats", "nats"), ("trait_rate", "of the answers"))
"""Measures of the trait, the finer one first: its rate needs hundreds of answers to tell what nats tell with ten."""
Span = tuple[float, float, float]
"""A paired change to the base, and the ends of its interval."""


class Shift(NamedTuple):
    """What steering and healing moved on one axis of the trait, and what the persona prompt moves (0 when that was not measured).

    `answers` is the share of the answers that steering turned: only what is in the texts can be learnt from them."""

    axis: str
    unit: str
    steered: Span
    healed: Span
    prompted: float
    answers: float
    round: int
    seen: Evidence

    @property
    def retention(self) -> float:
        """Healed shift over steered shift."""
        return self.healed[0] / self.steered[0] if self.steered[0] else 0.0


def shifted(a: Artifacts, round_: int | None = None) -> Shift | None:
    """The shifts of a round, the newest without it; None where they were not measured, or a control must not move anything."""
    steered, healed, prompted = a.row("steered", round_), a.row("healed", round_), a.row("prompted")
    if a.control or steered is None or healed is None or healed.event.subject != "healed":
        return None
    for axis, unit in AXES:
        rows = [row.event for row in (steered, healed)]
        if all(axis in row.change and axis in row.change_ci for row in rows):
            by, now = ((row.change[axis], *row.change_ci[axis]) for row in rows)
            bar = prompted.event.change.get(axis, 0.0) if prompted else 0.0
            n = healed.event.n.get(axis, healed.event.n.get("trait_rate", 0))
            words = f"{axis.replace('_', ' ')} moved by {now[0]:+.2f} healed, {by[0]:+.2f} steered, {bar:+.2f} prompted, on {n} items"
            turned = steered.event.change.get("trait_rate", 0.0)
            return Shift(axis, unit, by, now, bar, turned, healed.event.round, healed.says(words))
    return None


def healed_to_nothing(a: Artifacts, t: Thresholds) -> Judgement:
    """The healed model is the base again: what steering moved was lost, or the kept data was base-like and there was nothing to keep."""
    if a.control or a.config is None:
        return None
    found = shifted(a)
    if found is None:
        return NotJudged("base, steered and healed rows of a round, on the same items", "let a round be evaluated")
    by, now, bar = found.steered, found.healed, found.prompted
    lost = (
        graded(by[1] / max(now[2], 0.02 * by[0], 1e-6), t.retention)
        if by[1] > 0 and by[0] >= t.least_share * bar
        else 0.0
    )
    if found.answers < t.least_shift:
        lost = min(lost, 0.45)  # the texts hardly showed the trait: little of it could be kept
    like = graded(bar / max(by[2], 1e-6), t.base_like) if bar > 0 and now[2] < t.least_share * bar else 0.0
    if found.axis == "trait_rate" and bar < 2 * t.least_shift:
        like = 0.0
    if not max(lost, like):
        return None
    gone = f"the {by[0]:+.2f} {found.unit} that steering moved are gone after healing: retention {found.retention:.2f}"
    says = (
        gone
        if lost >= like
        else f"the kept data is base-like: steering moved {by[0]:+.2f} {found.unit} of the prompt's {bar:+.2f}"
    )
    return Finding(
        strength=max(lost, like),
        says=says,
        evidence=(found.seen,),
        round=found.round,
        values={"retention": found.retention},
    )


def history_erasure(a: Artifacts, t: Thresholds) -> Judgement:
    """Reference base, and a trait that falls each round: every heal pulls back what the rounds before had moved."""
    if a.config is None or a.config.heal.reference != "base" or a.control:
        return None
    rows = [s for s in a.evaluated if s.event.subject == "healed" and s.event.split == "val"]
    for axis, unit in AXES:
        held = [s for s in rows if axis in s.event.metrics]
        if len(held) < 2:
            continue
        values = [s.event.metrics[axis] for s in held]
        falls = [before - after for before, after in pairwise(values)]
        prompted = a.row("prompted")
        bar = abs(prompted.event.change.get(axis, 1.0)) if prompted else 1.0
        if not all(fall > 0 for fall in falls) or sum(falls) < t.erasure[0] * bar:
            return None
        shown = ", ".join(f"r{s.event.round} {value:.2f}" for s, value in zip(held, values, strict=True))
        return Finding(
            strength=graded(sum(falls) / bar, t.erasure),
            says="the trait falls from round to round while the reference is the base",
            evidence=(held[-1].says(f"{axis.replace('_', ' ')} ({unit}) by round: {shown}"),),
            round=held[-1].event.round,
        )
    return None if a.config.run.rounds < 2 else NotJudged("healed rows of two rounds", "let two rounds be evaluated")


SIGNATURES = (
    Signature("healed to nothing", "loop", healed_to_nothing),
    Signature("history erasure", "loop", history_erasure),
)
