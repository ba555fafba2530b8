"""Problems from round to round: a fold that is not a sum, a filter that starves, a dose that falls."""

from __future__ import annotations

import numpy as np

from engine.contract.events import DoseProbed
from engine.diagnosis.artifacts import Artifacts, Seen
from engine.diagnosis.evidence import Evidence
from engine.diagnosis.findings import Finding, Judgement, NotJudged, Signature, graded
from engine.diagnosis.thresholds import Thresholds


def baked_drift(a: Artifacts, t: Thresholds) -> Judgement:
    """A fold that is not the sum of its rounds, or a base that is no longer the base at gate 0."""
    if a.origin == "log" or a.config is None:
        return None
    for seen in a.baked:
        if not seen.event.gate_zero_equal:
            told = seen.says("with every gate at 0 the model is not bit-equal to the base")
            return Finding(
                strength=0.97,
                says="the base itself was changed",
                evidence=(told,),
                terminal=a.status == "failed",
                round=seen.event.round,
            )
    leaks = a.probed("leaks")
    if leaks is not None and leaks.sound is False:
        found = Evidence(leaks.verdict, "probe.json")
        return Finding(strength=0.9, says="a gradient reaches the base's own weights", evidence=(found,))
    if not a.baked:
        return NotJudged("a baked round", "let a round be baked")
    worst = max(a.baked, key=lambda s: s.event.fold_error)
    strength = graded(worst.event.fold_error, t.fold_error) if worst.event.fold_error > 0 else 0.0
    if not strength:
        return None
    told = worst.says(f"fold error {worst.event.fold_error:.2g}, {t.fold_error[1]:g} at most")
    return Finding(
        strength=strength,
        says="the folded history is not the sum of its rounds",
        evidence=(told,),
        round=worst.event.round,
    )


def starved_filter(a: Artifacts, t: Thresholds) -> Judgement:
    """Fewer completions kept than the floor; what dropped them is named."""
    if a.status != "starved":
        if a.origin == "log" or a.config is None or a.kept:
            return None
        return NotJudged("what the filter kept and dropped", "let a round reach its filter")
    seen = [Evidence(a.reason, a.ended.file, a.ended.line)]
    if a.kept:
        last = a.kept[-1]
        dropped = {reason: sum(by.values()) for reason, by in last.event.dropped.items()}
        named = ", ".join(f"{reason} {n}" for reason, n in sorted(dropped.items(), key=lambda x: -x[1]))
        seen.append(last.says(f"kept {sum(last.event.kept.values())}, dropped: {named or 'none'}"))
    if a.doses and a.doses[-1].event.probed:
        dose = a.doses[-1]
        seen.append(dose.says(f"dose {dose.event.kappa:.3g}: {dose.event.survivors} of {dose.event.probed} survive"))
    elif a.texts is not None:
        doses = a.texts.table["dose"]
        seen.append(Evidence(f"doses tried: {np.nanmin(doses):.3g} to {np.nanmax(doses):.3g}", a.texts.table.file))
    return Finding(
        strength=0.95,
        says="the filter kept fewer completions than the floor",
        evidence=tuple(seen),
        terminal=True,
        round=seen[-1].round,
    )


def dose_collapse(a: Artifacts, t: Thresholds) -> Judgement:
    """The strongest dose that survives the filter falls from round to round: the student breaks earlier each time."""
    accepted: dict[int, Seen[DoseProbed]] = {}
    for seen in a.doses:
        if seen.event.accepted and (
            seen.event.round not in accepted or seen.event.kappa >= accepted[seen.event.round].event.kappa
        ):
            accepted[seen.event.round] = seen
    rounds = sorted(accepted)
    if len(rounds) < 2:
        return None
    first, last = accepted[rounds[0]], accepted[rounds[-1]]
    strength = graded(first.event.kappa / last.event.kappa, t.dose_fall)
    if not strength:
        return None
    told = last.says(
        f"dose {last.event.kappa:.3g} is the strongest that survives, {first.event.kappa:.3g} in round {rounds[0]}"
    )
    return Finding(
        strength=strength,
        says="the dose that survives the filter falls from round to round",
        evidence=(told,),
        round=rounds[-1],
    )


SIGNATURES = (
    Signature("baked drift", "loop", baked_drift),
    Signature("starved filter", "loop", starved_filter),
    Signature("dose collapse", "loop", dose_collapse),
)
