"""Data problems: a first loss that does not fit the texts, labels that are all masked, placeholders, and validation rows in train."""

from __future__ import annotations

import math

import numpy as np

from engine.diagnosis.artifacts import Artifacts, Floats
from engine.diagnosis.evidence import Evidence
from engine.diagnosis.findings import Finding, Judgement, NotJudged, Signature, graded, mapped
from engine.diagnosis.thresholds import Thresholds


def initial_loss(a: Artifacts, t: Thresholds) -> Judgement:
    """The first loss against what is known of it: with B = 0 the base's own, and never worse than a uniform guess by much."""
    loss = a.steps["nll"] if a.steps.has("nll") else a.steps["loss"]
    known = np.flatnonzero(np.isfinite(loss))
    if not len(known):
        return NotJudged("the loss of the first step", "let the heal begin")
    first = int(known[0])
    for name in ("initial_gap", "initial_loss"):
        record = a.probed(name)
        if record is not None and record.sound is False:
            seen = Evidence(record.verdict, "probe.json")
            return Finding(strength=0.9, says="the first loss is not the base's own", evidence=(seen,))
    bound = _bound(a, int(a.steps["round"][first]))
    if bound is None and a.vocabulary and a.origin == "log":
        bound = 1.2 * math.log(a.vocabulary)
    if bound is None:
        return NotJudged(
            "what the first loss should be", "--vocabulary N" if a.origin == "log" else "keep completions.jsonl"
        )
    over = float(loss[first]) - bound
    strength = graded(over, t.initial_margin) if over > 0 else 0.0
    if not strength:
        return None
    whose = (
        "the base's own scores of the kept texts allow"
        if a.origin == "run"
        else "1.2 ln V, worse than a uniform guess:"
    )
    seen = a.steps.at(first, f"first loss {loss[first]:.3g} nats; {whose} {bound:.3g}")
    return Finding(
        strength=strength,
        says="the first loss, before anything was learnt, is not what the base gives these texts",
        evidence=(seen,),
        round=seen.round,
    )


def _bound(a: Artifacts, round_: int) -> float | None:
    """Highest mean nll that the kept texts can have under the base, nats: no window of eight tokens is worse than worst_ppl.

    Only round 1 starts from the base."""
    if a.texts is None or round_ != 1:
        return None
    table = a.texts.table
    chosen = (table["round"] == round_) & (table["kept"] == 1) & np.isfinite(table["worst_ppl"])
    if not chosen.any():
        return None
    worst: Floats = np.log(np.maximum(table["worst_ppl"][chosen], 1.0))
    return float(worst.mean())


def all_masked(a: Artifacts, t: Thresholds) -> Judgement:
    """A loss of exactly 0: no label is left to learn from."""
    loss = a.steps["nll"] if a.steps.has("nll") else a.steps["loss"]
    known = np.isfinite(loss)
    if not known.any():
        return NotJudged("the losses of the steps", mapped(a, "loss"))
    targets = a.probed("targets")
    if targets is not None and targets.sound is False:
        told = Evidence(targets.verdict, "probe.json")
        return Finding(strength=0.85, says="rows without a target are learnt from", evidence=(told,))
    zero = known & (loss == 0.0)
    if zero.sum() < min(t.constant_steps, int(known.sum())):
        return None
    share = float(zero.sum() / known.sum())
    rows = np.flatnonzero(zero)
    tokens = a.steps["tokens"][rows]
    counted = f" while {np.nansum(tokens):,.0f} tokens were counted" if np.isfinite(tokens).any() else ""
    seen = a.steps.at(int(rows[0]), f"loss exactly 0 in {len(rows)} of {int(known.sum())} steps{counted}")
    return Finding(
        strength=0.95 if share > 0.5 else 0.8,
        says="the loss is exactly 0: every label is masked",
        evidence=(seen,),
        round=seen.round,
    )


def placeholder(a: Artifacts, t: Thresholds) -> Judgement:
    """Loss 1.0 and gradient norm 1.0 exactly: values that nobody measured, written because the data was exhausted (A9)."""
    loss, norm = a.steps["loss"], a.steps["grad_norm"]
    known = np.isfinite(loss)
    if not known.any():
        return NotJudged("the losses of the steps", mapped(a, "loss"))
    same = (loss == 1.0) & ((norm == 1.0) | ~np.isfinite(norm))
    if same.sum() >= t.constant_steps:
        row = int(np.flatnonzero(same)[0])
        both = bool((norm[same] == 1.0).any())
        seen = a.steps.at(
            row, f"loss {'and gradient norm ' if both else ''}exactly 1 in {int(same.sum())} steps, the first one here"
        )
        return Finding(
            strength=0.95 if both else 0.7,
            says="losses are placeholders, not measured",
            evidence=(seen,),
            round=seen.round,
        )
    run, row = _longest_constant(loss)
    if run >= 8 and loss[row] != 0.0:
        seen = a.steps.at(row, f"the same loss {loss[row]!r} in {run} steps in a row")
        return Finding(
            strength=0.7, says="the loss does not change by a single bit", evidence=(seen,), round=seen.round
        )
    return None


def _longest_constant(x: Floats) -> tuple[int, int]:
    """(length, first row) of the longest run of one value."""
    if len(x) < 2:
        return len(x), 0
    cuts = np.concatenate([[0], np.flatnonzero(x[1:] != x[:-1]) + 1, [len(x)]])
    lengths = np.diff(cuts)
    place = int(np.argmax(lengths))
    return int(lengths[place]), int(cuts[place])


def validation_in_train(a: Artifacts, t: Thresholds) -> Judgement:
    """Validation rows that stand in the training set, word for word (D4)."""
    if not a.splits:
        how = "rounds/N/healset.jsonl of a baked round" if a.origin == "run" else "compare their hashes"
        return NotJudged("the training and validation rows themselves", how)
    worst = max(a.splits, key=lambda s: s.shared / max(s.val, 1))
    share = worst.shared / max(worst.val, 1)
    strength = graded(share, t.overlap) if worst.shared else 0.0
    if not strength:
        return None
    seen = Evidence(
        f"{worst.shared} of {worst.val} validation rows are training rows too", worst.file, worst.line, -1, worst.round
    )
    return Finding(
        strength=strength, says="validation is measured on training rows", evidence=(seen,), round=worst.round
    )


SIGNATURES = (
    Signature("initial loss off", "data", initial_loss),
    Signature("loss exactly 0", "data", all_masked),
    Signature("placeholder data", "data", placeholder),
    Signature("validation inside train", "data", validation_in_train),
)
