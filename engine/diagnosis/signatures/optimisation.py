"""Optimisation problems: too small a rate, plateaus, oscillation, overfitting, and a schedule that is not the one asked for."""

from __future__ import annotations

import math

import numpy as np

from engine.contract.config import Heal
from engine.diagnosis.artifacts import Artifacts, Floats
from engine.diagnosis.findings import Finding, Judgement, NotJudged, Signature, graded, mapped
from engine.diagnosis.signatures.divergence import wild_steps
from engine.diagnosis.thresholds import Thresholds

FLOOR = 0.1
"""Share of the peak at which linear and cosine schedules end."""


def learning_rate_too_low(a: Artifacts, t: Thresholds) -> Judgement:
    """Updates far under 1e-3 of the weights: nothing is learnt."""
    ratio = a.steps["update_ratio"]
    known = np.isfinite(ratio) & (ratio > 0)
    if not known.any():
        if np.isfinite(ratio).any():
            return None  # exactly 0 is another matter
        return NotJudged("update_ratio, the size of an update over that of the weights", mapped(a, "update_ratio"))
    middle = float(np.median(ratio[known]))
    strength = graded(middle, t.update_low)
    if not strength or _stopped(a, t) is not None:
        return None
    row = int(np.flatnonzero(known)[np.argmin(np.abs(ratio[known] - middle))])
    rate = float(a.steps["lr"][row])
    seen = a.steps.at(
        row,
        f"an update of {middle:.2g} of the weights' norm at learning rate {rate:.2g}, the median; healthy is 1e-3 and more",
    )
    return Finding(
        strength=strength,
        says=f"updates are {middle:.1g} of the weights: nothing is learnt",
        evidence=(seen,),
        round=seen.round,
        values={"lr": rate, "ratio": middle},
    )


def _stopped(a: Artifacts, t: Thresholds) -> int | None:
    """The row from which updates are a small part of what the rate before them gave; None when they follow the rate."""
    ratio, rate = a.steps["update_ratio"], a.steps["lr"]
    at = np.flatnonzero(np.isfinite(ratio) & np.isfinite(rate) & (rate > 0) & (ratio > 0))
    if len(at) < t.plateau_steps:
        return None
    per = ratio[at] / rate[at]
    early, late = float(np.percentile(per[: len(per) // 4], 75)), float(np.median(per[len(per) // 2 :]))
    if late * t.stopped > early:
        return None
    return int(at[np.flatnonzero(per * 3 < early)[0]])


def plateau(a: Artifacts, t: Thresholds) -> Judgement:
    """No improvement over the second half of a round, with updates under 1e-3; without update ratios it may as well have converged."""
    loss, ratio = a.steps["loss"], a.steps["update_ratio"]
    measured = bool(np.isfinite(ratio).any())
    stopped = _stopped(a, t)
    if stopped is not None:
        before, after = float(ratio[max(stopped - 1, 0)]), float(np.nanmedian(ratio[stopped:]))
        seen = [
            a.steps.at(
                stopped, f"updates fall to {after:.2g} of the weights, {before:.2g} before, while the rate does not"
            )
        ]
        return Finding(
            strength=0.92,
            says="updates stop arriving: the loss cannot improve any more",
            evidence=tuple(seen),
            round=seen[0].round,
        )
    known = np.flatnonzero(np.isfinite(loss))
    if len(known) < t.plateau_steps:
        if measured:
            return None  # so few steps are a plateau only when updates are tiny, which is judged by itself
        return NotJudged(f"the losses of {t.plateau_steps} steps", "a longer log")
    x = loss[known]
    half = len(x) // 2
    early, late = float(np.median(x[half // 2 : half])), float(np.median(x[half:]))
    gain = (early - late) / max(abs(early), 1e-12)
    if gain >= t.plateau_gain or early == 0.0:
        return None
    small = measured and float(np.nanmedian(ratio[half:])) < 1e-3
    if measured and not small:
        return None
    row = int(known[half])
    seen = [
        a.steps.at(
            row, f"median loss {late:.4g} in the second half, {early:.4g} in the quarter before: a gain of {gain:.1%}"
        )
    ]
    return Finding(
        strength=0.85 if small else 0.45,
        says="the loss does not improve"
        + ("" if small else "; whether it has converged or is stuck cannot be told from the loss alone"),
        evidence=tuple(seen),
        round=seen[0].round,
    )


def oscillation(a: Artifacts, t: Thresholds) -> Judgement:
    """Neighbouring extrema .03 apart in a fifth of the epochs (AutoTrainer), on validation; or weights that are thrown again and again."""
    thrown = wild_steps(a, t) & (np.nan_to_num(a.steps["update_ratio"]) > t.update_high[0])
    if thrown.sum() >= t.constant_steps and thrown.mean() >= t.thrown_share:
        rows = np.flatnonzero(thrown)
        size = float(np.median(a.steps["update_ratio"][rows]))
        told = f"in {len(rows)} of {len(thrown)} steps the weights move by {size:.2g} of their norm at an ordinary rate, the first one here"
        seen = a.steps.at(int(rows[0]), told)
        return Finding(strength=0.88, says="the weights are thrown to and fro", evidence=(seen,), round=seen.round)
    worst: tuple[float, int, float] | None = None
    longest = 0
    for _, part in a.epochs.by_round():
        val = a.epochs["val_nll"][part]
        val = val[np.isfinite(val)]
        longest = max(longest, len(val))
        if len(val) < t.swing_epochs:
            continue
        turn = np.flatnonzero(np.diff(np.sign(np.diff(val))) != 0) + 1
        points = val[np.concatenate([[0], turn, [len(val) - 1]])]
        gaps = np.abs(np.diff(points))[1:-1] if len(points) > 3 else np.empty(0)
        wide = (gaps >= t.swing) & (gaps >= t.swing * np.abs(val).mean())
        share, moves = float(wide.sum() / len(val)), np.diff(val)
        back = float(moves[moves > 0].sum()) >= t.swing_back * float(-moves[moves < 0].sum())
        if back and wide.sum() >= 2 and share >= t.swing_share and (worst is None or share > worst[0]):
            worst = (share, part.start + int(turn[0]), float(gaps[wide].max()))
    if worst is None:
        if longest < t.swing_epochs:
            return NotJudged(
                f"the validation losses of {t.swing_epochs} epochs",
                "" if a.origin == "log" else f"heal.epochs={t.swing_epochs}",
            )
        return None
    share, row, gap = worst
    seen = a.epochs.at(row, f"validation swings by up to {gap:.3g} nats, in {share:.0%} of the epochs")
    strength = min(0.97, 0.7 + 0.1 * math.log2(max(gap / t.swing, 1.0)))
    return Finding(
        strength=strength, says="validation goes up and down instead of settling", evidence=(seen,), round=seen.round
    )


def overfit(a: Artifacts, t: Thresholds) -> Judgement:
    """Training falls while validation rises above its lowest; 5% is an advisory, 10% flagged (D5)."""
    best: tuple[float, int, float, float] | None = None
    judged = False
    for _, part in a.epochs.by_round():
        val, train = a.epochs["val_nll"][part], a.epochs["train_nll"][part]
        known = np.isfinite(val) & np.isfinite(train)
        if known.sum() < 2:
            continue
        judged = True
        at = np.flatnonzero(known)
        v, x = val[at], train[at]
        low = int(np.argmin(v))
        rise, fell = float(v[-1] - v[low]), float(x[low] - x[-1])
        share = rise / max(float(v[low]), 1e-12)
        if low < len(v) - 1 and fell > 0 and share > (best[0] if best else 0.0):
            best = (share, part.start + int(at[-1]), float(v[low]), rise)
    if not judged:
        return NotJudged("training and validation losses of two epochs", mapped(a, "val", "let two epochs finish"))
    if best is None:
        return None
    share, row, low_value, rise = best
    strength = graded(min(share, t.gap[1] * rise / t.gap_nats if share >= t.gap[1] else share), t.gap)
    if not strength:
        return None
    val, train = a.epochs["val_nll"][row], a.epochs["train_nll"][row]
    seen = a.epochs.at(
        row,
        f"validation {val:.3g} nats, {share:.0%} over its lowest {low_value:.3g}, while training is down at {train:.3g}",
    )
    return Finding(strength=strength, says="validation rises while training falls", evidence=(seen,), round=seen.round)


def schedule_wrong(a: Artifacts, t: Thresholds) -> Judgement:
    """The logged rate against the analytic curve of the config, over the planned steps of each round."""
    if a.config is None:
        return (
            NotJudged("the schedule that was asked for", "compare the rate with your own schedule")
            if a.origin == "log"
            else None
        )
    if not a.steps.has("lr") or not a.planned:
        return NotJudged("logged learning rates and the planned number of steps", "let the heal begin")
    worst: tuple[float, int, float, float, str] | None = None
    for round_, part in a.steps.by_round():
        planned = a.planned.get(round_)
        if not planned:
            continue
        rate, step = a.steps["lr"][part], a.steps["step"][part] - 1
        wanted = analytic(a.config.heal, step, planned)
        off = np.abs(rate - wanted) / wanted
        middle = float(np.nanmedian(off))
        if worst is None or middle > worst[0]:
            row = int(np.nanargmax(off))
            worst = (
                middle,
                part.start + row,
                float(rate[row]),
                float(wanted[row]),
                _why(a.config.heal, rate, step, planned),
            )
    if worst is None:
        return NotJudged("the planned number of steps", "let the heal begin")
    middle, row, rate_at, wanted_at, why = worst
    strength = graded(middle, t.schedule_off)
    if not strength:
        return None
    seen = a.steps.at(
        row, f"learning rate {rate_at:.3g} where the {a.config.heal.schedule} schedule has {wanted_at:.3g}"
    )
    return Finding(
        strength=strength,
        says=f"the learning rate is not the one of heal.schedule, by {middle:.0%} in the median{why}",
        evidence=(seen,),
        round=seen.round,
        values={"factor": rate_at / wanted_at},
    )


def analytic(heal: Heal, step: Floats, planned: int) -> Floats:
    """The rate at each step (from 0) of `planned`: linear warmup, then constant, linear or cosine to a tenth of the peak."""
    warm = max(1, round(heal.warmup * planned))
    done = (step - warm) / max(1, planned - warm)
    shapes = {"constant": np.ones_like(done), "linear": 1 - done, "cosine": 0.5 * (1 + np.cos(math.pi * done))}
    shape = shapes[heal.schedule]
    after = shape if heal.schedule == "constant" else FLOOR + (1 - FLOOR) * shape
    curve: Floats = heal.lr * np.where(step < warm, (step + 1) / warm, after)
    return curve


def _why(heal: Heal, rate: Floats, step: Floats, planned: int) -> str:
    """Whether counting in micro-batches, or one factor, explains the difference."""
    for k in {heal.accumulation, 2, 4, 8} - {1}:
        if np.allclose(rate, analytic(heal, np.minimum(step * k, planned - 1), planned), rtol=0.02):
            return f"; it fits a schedule counted in micro-batches, {k} to a step"
    factor = rate / analytic(heal, step, planned)
    middle = float(np.median(factor))
    if abs(middle - 1) > 0.02 and np.allclose(factor, middle, rtol=0.02):
        return f"; it is {middle:.3g} times the schedule throughout"
    return ""


SIGNATURES = (
    Signature("learning rate too low", "optimisation", learning_rate_too_low),
    Signature("plateau", "optimisation", plateau),
    Signature("oscillation", "optimisation", oscillation),
    Signature("overfit", "optimisation", overfit),
    Signature("learning-rate schedule wrong", "optimisation", schedule_wrong),
)
