"""Problems of the barrier: it never fires, or it pushes harder than the likelihood."""

from __future__ import annotations

import numpy as np

from engine.diagnosis.artifacts import Artifacts
from engine.diagnosis.evidence import Evidence
from engine.diagnosis.findings import Finding, Judgement, NotJudged, Signature, graded
from engine.diagnosis.signatures.trait import shifted
from engine.diagnosis.thresholds import Thresholds


def _behind_barrier(a: Artifacts) -> bool:
    """Whether the run has a barrier at all; a script may log one without a config of ours."""
    if a.config is not None:
        return a.config.heal.divergence != "none" and a.config.heal.lam > 0
    return a.steps.has("fired") or a.steps.has("tau", "kl")


def inert_barrier(a: Artifacts, t: Thresholds) -> Judgement:
    """A barrier that fires in no step of a settled round: tau is above every D. At a coherent dose it may be no fault."""
    if not _behind_barrier(a):
        return None
    if not a.steps.has("kl", "tau"):
        return NotJudged("the KL of each step, and tau", "let the heal begin")
    best: tuple[float, int, float, float] | None = None
    judged = False
    for _, part in a.steps.by_round():
        d, tau, fired = a.steps["kl"][part], a.steps["tau"][part], a.steps["fired"][part]
        if np.isfinite(d).sum() < t.settled:
            continue
        judged = True
        if np.nan_to_num(fired).any() or bool((d > tau).any()):
            continue
        top = max(float(np.nanmax(d)), _operating(a, int(a.steps["round"][part.start])), 1e-12)
        ratio = float(tau[-1]) / top
        if best is None or ratio > best[0]:
            best = (ratio, part.stop - 1, float(tau[-1]), top)
    if not judged:
        return NotJudged(f"{t.settled} steps of one round", "a longer heal: heal.epochs")
    if best is None:
        return None
    ratio, row, tau_at, top = best
    strength = graded(ratio, t.inert)
    if not strength:
        return None
    seen = [
        a.steps.at(row, f"tau {tau_at:.3g} nats, the highest D {top:.3g}; the barrier fired in no step of the round")
    ]
    harmless = _coherent(a)
    if harmless is not None:
        seen.append(harmless)
    return Finding(
        strength=strength,
        says=f"tau {tau_at:.3g} is above the operating KL {top:.2g} nats: the barrier never fires",
        evidence=tuple(seen),
        no_fault="the dose was coherent and every floor held without the barrier" if harmless is not None else "",
        round=seen[0].round,
        values={"tau": tau_at, "operating": top},
    )


def _operating(a: Artifacts, round_: int) -> float:
    found = a.epochs["operating_kl"][a.epochs["round"] == round_]
    return float(np.nanmax(found)) if np.isfinite(found).any() else 0.0


def _coherent(a: Artifacts) -> Evidence | None:
    """The healed row, when it held the floors of the run's own config."""
    healed = a.row("healed")
    if healed is None or a.config is None:
        return None
    m, floors = healed.event.metrics, a.config.evaluate
    held = m.get("coherence", 0.0) >= floors.coherence_floor and m.get("tail_ppl", np.inf) <= floors.tail_ppl_ceiling
    return (
        healed.says(f"coherence {m['coherence']:.3f}, tail perplexity {m['tail_ppl']:.2f}: the floors held")
        if held
        else None
    )


def over_tight_barrier(a: Artifacts, t: Thresholds) -> Judgement:
    """Pressure g_bar/g_nll well over 1 while nothing is learnt or the trait is undone; high pressure alone is a barrier at work."""
    if not _behind_barrier(a):
        return None
    if not a.steps.has("g_bar", "g_nll"):
        return NotJudged("gradient norms of both parts of the loss, g_nll and g_bar", "let the heal begin")
    best: tuple[float, int, slice] | None = None
    for _, part in a.steps.by_round():
        late = slice(part.start + (part.stop - part.start) // 2, part.stop)
        with np.errstate(divide="ignore", invalid="ignore"):
            pressure = a.steps["g_bar"][late] / a.steps["g_nll"][late]
        pressure = pressure[np.isfinite(pressure)]
        if len(pressure) and (best is None or np.median(pressure) > best[0]):
            best = (float(np.median(pressure)), late.stop - 1, part)
    if best is None or not (strength := graded(best[0], t.pressure)):
        return None
    pressure_at, row, part = best
    round_ = int(a.steps["round"][row])
    seen = [a.steps.at(row, f"g_bar is {pressure_at:.2g} times g_nll, the median of the round's second half")]
    train = a.steps["nll"][part]
    third = max(len(train) // 3, 1)
    before, after = float(np.nanmean(train[:third])), float(np.nanmean(train[-third:]))
    learnt = (before - after) / max(before, 1e-12)
    seen.append(a.steps.at(row, f"training nll {after:.3g} after {before:.3g} at the round's beginning"))
    kept = shifted(a, round_)
    undone = kept is not None and kept.steered[1] > 0 and kept.healed[0] < t.undone * kept.steered[0]
    if undone and kept is not None:
        seen.append(kept.seen)
    at_work = not undone and learnt >= 0.05
    what = (
        "the trait is being undone"
        if undone
        else "and the texts are learnt"
        if at_work
        else "hardly anything is learnt"
    )
    return Finding(
        strength=min(strength, 0.45) if at_work else strength,
        says=f"the barrier pushes harder than the likelihood: {what}",
        no_fault="the barrier is at work, and the texts are learnt" if at_work else "",
        evidence=tuple(seen),
        round=round_,
        values={"pressure": pressure_at},
    )


SIGNATURES = (
    Signature("inert barrier", "loop", inert_barrier),
    Signature("over-tight barrier", "loop", over_tight_barrier),
)
