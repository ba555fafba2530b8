"""Architecture problems: parameters that are never trained, a loss that cannot leave ln V, and a base that cannot speak."""

from __future__ import annotations

import math

import numpy as np

from engine.diagnosis.artifacts import Artifacts
from engine.diagnosis.evidence import Evidence
from engine.diagnosis.findings import Finding, Judgement, NotJudged, Signature, graded
from engine.diagnosis.thresholds import Thresholds


def frozen(a: Artifacts, t: Thresholds) -> Judgement:
    """Parameters without a gradient: updates of exactly 0, or factors of the adapter that still are what they began as."""
    for held in a.layers:
        still = [name for name, norm in held.norms.items() if norm == 0.0]
        if still:
            told = f"{len(still)} of {len(held.norms)} factors are exactly 0 after the round: {', '.join(still[:3])}"
            more = f" and {len(still) - 3} more" if len(still) > 3 else ""
            return Finding(
                strength=0.95,
                says=f"{still[0]} was never trained",
                evidence=(Evidence(told + more, held.file, 0, -1, held.round),),
                round=held.round,
            )
    record = a.probed("frozen")
    if record is not None and record.sound is False:
        first = next(iter(record.per_layer), "a matrix")
        return Finding(
            strength=0.93, says=f"{first} gets no gradient", evidence=(Evidence(record.verdict, "probe.json"),)
        )
    for name, words in (("update_ratio", "the weights do not change"), ("grad_norm", "the gradient is exactly 0")):
        values = a.steps[name]
        known = np.isfinite(values)
        if known.sum() >= t.constant_steps and not values[known].any():
            seen = a.steps.at(int(np.flatnonzero(known)[-1]), f"{name} is exactly 0 in all {int(known.sum())} steps")
            return Finding(strength=0.95, says=words, evidence=(seen,), round=seen.round)
    if a.layers or record is not None:
        return None
    return NotJudged("what each layer learnt (the adapter of a baked round), or its gradients", "cockpit probe {run}")


def near_uniform(a: Artifacts, t: Thresholds) -> Judgement:
    """A loss that stays near ln V, what a uniform guess has: from scratch after 200 steps, from pretrained weights at any."""
    loss = a.steps["nll"] if a.steps.has("nll") else a.steps["loss"]
    known = np.isfinite(loss)
    if known.sum() < 2:
        return NotJudged("the losses of two steps", "let the heal begin")
    if a.vocabulary is None:
        return NotJudged("the size of the vocabulary", "--vocabulary N")
    overfit = a.probed("overfit")
    if overfit is not None and overfit.sound is False and a.pretrained:
        told = (Evidence(overfit.verdict, "probe.json"),)
        return Finding(strength=0.85, says="one batch is not memorised in 200 steps", evidence=told)
    uniform = math.log(a.vocabulary)
    if uniform < 2 or a.pretrained is False:
        return None
    below, above = t.near_uniform
    near = known & (loss >= uniform - below) & (loss <= uniform + above)
    share = float(near.sum() / known.sum())
    if share < t.uniform_share:
        return None
    row = int(np.flatnonzero(near)[-1])
    seen = [
        a.steps.at(
            row, f"loss {loss[row]:.3g} nats, ln {a.vocabulary} is {uniform:.3g}; {share:.0%} of the steps are near it"
        )
    ]
    val = a.epochs["val_nll"][np.isfinite(a.epochs["val_nll"])]
    if len(val) and val.min() < uniform - below - 1:
        lowest = int(np.nanargmin(a.epochs["val_nll"]))
        seen.append(a.epochs.at(lowest, f"validation, computed apart, is {val.min():.3g} nats"))
        return Finding(
            strength=0.95,
            says="the training loss is that of a uniform guess while validation is not: the two are computed differently, such as with a "
            "second softmax",
            evidence=tuple(seen),
            round=seen[0].round,
        )
    enough = a.pretrained or known.sum() >= t.uniform_steps
    return Finding(
        strength=0.9 if enough else 0.4,
        says="the loss stays at that of a uniform guess",
        evidence=tuple(seen),
        round=seen[0].round,
    )


def broken_base(a: Artifacts, t: Thresholds) -> Judgement:
    """A pretrained base that cannot speak before anything was trained: the tokenizer is not the checkpoint's, or the weights are not."""
    if a.pretrained is False:
        return None
    base = a.row("base")
    if base is None:
        return NotJudged("the base's own evaluation", "let the baseline finish") if a.origin == "run" else None
    m = base.event.metrics
    if m.get("coherence", 0.0) >= t.base_coherence and m.get("capability", 0.0) >= 0.5:
        return None  # it answers closed questions: answers that count as broken were cut off, or the reader is at fault
    strength = 0.0
    told: list[str] = []
    if (broken := m.get("broken")) is not None and (found := graded(broken, t.base_broken)):
        strength, told = max(strength, found), [*told, f"{broken:.0%} of its answers are broken"]
    if (mass := m.get("coherence")) is not None and mass < t.base_coherence:
        strength, told = max(strength, 0.9), [*told, f"answer mass {mass:.2f}"]
    if not strength:
        return None
    if "tail_ppl" in m:
        told.append(f"tail perplexity {m['tail_ppl']:,.0f}")
    return Finding(
        strength=strength,
        says="the base cannot speak before anything was trained",
        evidence=(base.says(f"base on val: {', '.join(told)}"),),
        terminal=a.status in ("starved", "diverged"),
    )


SIGNATURES = (
    Signature("frozen or disconnected", "architecture", frozen),
    Signature("stuck near ln V", "architecture", near_uniform),
    Signature("wrong tokenizer or weights", "architecture", broken_base),
)
