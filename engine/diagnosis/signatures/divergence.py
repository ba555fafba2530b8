"""Loss divergence: validation that doubles or starts over its cap, spikes, and a learning rate that is too high."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.diagnosis.artifacts import Artifacts, Floats, Table
from engine.diagnosis.evidence import Evidence
from engine.diagnosis.findings import Finding, Judgement, NotJudged, Signature, graded, mapped
from engine.diagnosis.thresholds import Thresholds

Bools = NDArray[np.bool_]


def validation_doubles(a: Artifacts, t: Thresholds) -> Judgement:
    """A validation loss over twice the one before and at least .3 nats above it (A3), or the guard that saw it."""
    guards = [g for g in a.guards if g.event.guard == "doubling"]
    if guards:
        last = guards[-1]
        seen = last.says(f"guard doubling: validation {last.event.value} against a limit of {last.event.limit}")
        return Finding(
            strength=0.95,
            says="a validation loss was more than twice the one before",
            evidence=(seen, *_around(a, last.event.round), *_wild(a, t)),
            terminal=a.status == "diverged",
            round=last.event.round,
        )
    val = a.epochs["val_nll"]
    if np.isfinite(val).sum() < 2:
        return NotJudged("two validation losses", mapped(a, "val", "let two epochs finish"))
    for _, part in a.epochs.by_round():
        at = np.flatnonzero(np.isfinite(val[part])) + part.start
        before, after = val[at[:-1]], val[at[1:]]
        hits = np.flatnonzero((before > 0) & (after > t.doubling * before) & (after - before >= t.least_rise))
        if len(hits):
            row, was = int(at[1:][hits[0]]), float(before[hits[0]])
            seen = a.epochs.at(row, f"validation {val[row]:.3g} nats after {was:.3g}")
            return Finding(
                strength=0.9,
                says="a validation loss was more than twice the one before",
                evidence=(seen,),
                round=seen.round,
            )
    return None


def _around(a: Artifacts, round_: int) -> tuple[Evidence, ...]:
    """The last epoch of a round and its steps, as evidence."""
    rows = np.flatnonzero(a.epochs["round"] == round_)
    if not len(rows):
        return ()
    row = int(rows[-1])
    return (
        a.epochs.at(row, f"training {a.epochs['train_nll'][row]:.3g}, validation {a.epochs['val_nll'][row]:.3g} nats"),
    )


def _wild(a: Artifacts, t: Thresholds) -> tuple[Evidence, ...]:
    """A single step that threw the weights far at an ordinary rate."""
    rows = np.flatnonzero(wild_steps(a, t) & (np.nan_to_num(a.steps["update_ratio"]) > t.update_high[0]))
    if not len(rows):
        return ()
    row = int(rows[np.argmax(a.steps["update_ratio"][rows])])
    return (a.steps.at(row, f"one update of {a.steps['update_ratio'][row]:.2g} of the weights at an ordinary rate"),)


def first_validation(a: Artifacts, t: Thresholds) -> Judgement:
    """The first validation loss is over its cap: 10 nats for a finetune, 2 ln V from scratch (A2)."""
    guards = [g for g in a.guards if g.event.guard == "first_validation"]
    if guards:
        last = guards[-1]
        seen = last.says(f"guard first_validation: {last.event.value} nats against a cap of {last.event.limit}")
        return Finding(
            strength=0.9,
            says="the first validation loss, before any step, is over its cap",
            evidence=(seen,),
            terminal=a.status == "diverged",
            round=last.event.round,
        )
    val = a.epochs["val_nll"]
    if not np.isfinite(val).any():
        return NotJudged("a validation loss", mapped(a, "val", "let one epoch finish"))
    cap = 2 * math.log(a.vocabulary) if a.origin == "log" and a.vocabulary else t.first_validation
    row = int(np.flatnonzero(np.isfinite(val))[0])
    if val[row] <= cap:
        return None
    seen = a.epochs.at(row, f"first validation {val[row]:.3g} nats, over the cap of {cap:.3g}")
    return Finding(strength=0.85, says="the first validation loss is over its cap", evidence=(seen,), round=seen.round)


def spike(a: Artifacts, t: Thresholds) -> Judgement:
    """A loss over 6 sigma of the 128 steps before it, armed after 64 (OLMo); with fewer steps a much wider bound."""
    loss = a.steps["loss"]
    if np.isfinite(loss).sum() <= t.spike_early:
        return NotJudged(f"the losses of more than {t.spike_early} steps", "a longer heal: heal.epochs")
    best: tuple[float, int, float] | None = None
    for _, part in a.steps.by_round():
        found = _highest(loss[part], t)
        if found is not None and (best is None or found[0] > best[0]):
            best = (found[0], found[1] + part.start, found[2])
    if best is None:
        return None
    sigma, row, mean = best
    lasting = bool(np.nanmedian(loss[row + 1 : row + 9]) > 1.2 * mean) if row + 1 < len(loss) else True
    seen = a.steps.at(row, f"loss {loss[row]:.3g} where the steps before had {mean:.3g}, {min(sigma, 999):.0f} sigma")
    after = "it did not come back within eight steps" if lasting else "it came back within eight steps"
    strength = 0.9 if lasting else 0.82
    return Finding(
        strength=strength,
        says=f"the loss jumped out of its range and {after}",
        evidence=(seen, *_rate_at(a, row)),
        round=seen.round,
    )


def _highest(loss: Floats, t: Thresholds) -> tuple[float, int, float] | None:
    """(sigma, row, mean before) of the highest spike; None when nothing leaves its range."""
    known = np.flatnonzero(np.isfinite(loss))
    x = loss[known]
    n = len(x)
    if n <= t.spike_early:
        return None
    at = np.arange(t.spike_early, n)
    start = np.maximum(at - t.spike_window, 0)
    total, square = (
        np.concatenate([[0.0], np.cumsum(v - x.mean() if i == 0 else (v - x.mean()) ** 2)])
        for i, v in enumerate((x, x))
    )
    count = (at - start).astype(np.float64)
    mean = (total[at] - total[start]) / count
    spread = np.sqrt(np.maximum((square[at] - square[start]) / count - mean**2, 0.0))
    mean = mean + x.mean()
    sigma = (x[at] - mean) / np.maximum(spread, 1e-3 * np.abs(mean) + 1e-12)
    bound = np.where(at >= t.spike_armed, t.spike_sigma, t.spike_early_sigma)
    hits = (sigma > bound) & (x[at] > mean + t.spike_rise * np.abs(mean))
    if not hits.any():
        return None
    place = int(np.flatnonzero(hits)[np.argmax(sigma[hits])])
    return float(sigma[place]), int(known[at[place]]), float(mean[place])


def _rate_at(a: Artifacts, row: int) -> tuple[Evidence, ...]:
    """Learning rate and gradient norm of the step, where they were logged."""
    told = [
        f"{words} {a.steps[name][row]:.3g}"
        for name, words in (("lr", "learning rate"), ("grad_norm", "gradient norm"))
        if np.isfinite(a.steps[name][row])
    ]
    return (a.steps.at(row, ", ".join(told)),) if told else ()


def learning_rate_too_high(a: Artifacts, t: Thresholds) -> Judgement:
    """Updates that are a large share of the weights they change, or a rate that jumps in the middle of a run."""
    jumped = _jump(a, t)
    ratio = a.steps["update_ratio"]
    if not np.isfinite(ratio).any():
        if jumped is not None:
            return Finding(strength=0.85, says="the learning rate jumped in the middle of the run", evidence=(jumped,))
        return NotJudged("update_ratio, the size of an update over that of the weights", mapped(a, "update_ratio"))
    wild = wild_steps(a, t)
    ordinary = np.where(wild, np.nan, ratio)
    if not np.isfinite(ordinary).any():
        return None
    row = int(np.nanargmax(ordinary))
    strength = graded(float(ratio[row]), t.update_high)
    if jumped is not None:
        strength = max(strength, 0.85)
    if not strength:
        return None
    rate = float(a.steps["lr"][row])
    seen = a.steps.at(
        row, f"an update of {ratio[row]:.2g} of the weights' norm at learning rate {rate:.2g}; healthy is 1e-3 to 5e-2"
    )
    evidence = (seen,) if jumped is None else (jumped, seen)
    return Finding(
        strength=strength,
        says=f"updates are up to {ratio[row]:.2g} of the weights they change",
        evidence=evidence,
        round=seen.round,
        values={"lr": rate, "ratio": float(ratio[row])},
    )


def wild_steps(a: Artifacts, t: Thresholds) -> Bools:
    """Steps whose update is many times what their rate gave elsewhere in the run: not the rate's doing."""
    ratio, rate = a.steps["update_ratio"], a.steps["lr"]
    with np.errstate(divide="ignore", invalid="ignore"):
        per = ratio / rate
    known = np.isfinite(per)
    if known.sum() < 4:
        return np.zeros(len(per), dtype=bool)
    found: Bools = known & (np.nan_to_num(per) > t.wild * float(np.median(per[known])))
    return found


def _jump(a: Artifacts, t: Thresholds) -> Evidence | None:
    """The first step whose rate is many times that of the step before, after the warmup's first steps."""
    steps: Table = a.steps
    for _, part in steps.by_round():
        rate = steps["lr"][part]
        known = np.flatnonzero(np.isfinite(rate) & (rate > 0))
        if len(known) < 4:
            continue
        x = rate[known]
        hits = np.flatnonzero((x[1:] > t.lr_jump * x[:-1]) & (np.arange(1, len(x)) > 2)) + 1
        if len(hits):
            row = int(known[hits[0]]) + part.start
            return steps.at(row, f"learning rate {steps['lr'][row]:.3g} after {x[hits[0] - 1]:.3g}")
    return None


SIGNATURES = (
    Signature("validation doubles", "divergence", validation_doubles),
    Signature("first validation over its cap", "divergence", first_validation),
    Signature("spike", "divergence", spike),
    Signature("learning rate too high", "divergence", learning_rate_too_high),
)
