"""Fixes of training itself: rates, gradients, parameters and schedules."""

from __future__ import annotations

from collections.abc import Sequence

from engine.diagnosis.artifacts import Artifacts
from engine.diagnosis.diagnosis import Fix
from engine.diagnosis.findings import Finding
from engine.diagnosis.fixes.making import Fixes, fix, fork, knob, probe, rate_fix, rate_of


def _lower_rate(a: Artifacts, f: Finding) -> Sequence[Fix]:
    clip = fork(a, f, {"heal.max_grad_norm": f"{knob(a, 'max_grad_norm', 1.0) / 10:g}"})
    return (
        rate_fix(a, f, 0.1, "losses stay within their range, validation falls", 0.8),
        fix("clip gradients ten times lower", "one bad batch moves the weights less", 0.4, 0.4, clip),
    )


def _too_high(a: Artifacts, f: Finding) -> Sequence[Fix]:
    ratio = f.values.get("ratio", 0.0)
    factor = 0.1 if not ratio else 10.0 ** -max(1, round(_decades(ratio / 0.02)))
    return (rate_fix(a, f, factor, "updates of about 1e-2 of the weights, a loss that falls", 0.9),)


def _too_low(a: Artifacts, f: Finding) -> Sequence[Fix]:
    ratio = f.values.get("ratio", 0.0)
    factor = 3.0 if not ratio else 10.0 ** max(1, round(_decades(0.01 / ratio)))
    return (rate_fix(a, f, factor, "updates of about 1e-2 of the weights, a loss that falls", 0.9),)


def _decades(x: float) -> float:
    from math import log10

    return log10(x) if x > 0 else 0.0


def _spike(a: Artifacts, f: Finding) -> Sequence[Fix]:
    return (
        fix("find the batch of that step and look at its texts", "one odd text or label explains the jump", 0.6, 0.6),
        *_lower_rate(a, f),
    )


def _nan(a: Artifacts, f: Finding) -> Sequence[Fix]:
    sets = {"heal.lr": f"{rate_of(a, f) / 10:.1g}"} if rate_of(a, f) else {}
    return (
        fix(
            "fix the operation that the last frames name; never nan_to_num",
            "the same step passes with a finite loss",
            0.9,
            0.6,
        ),
        fix(
            "run it in fp32, as a run of its own: model.dtype=fp32",
            "an overflow of the half precision goes away",
            0.7,
            0.4,
        ),
        fix(
            "divide the learning rate by 10",
            "helps only when the loss rose before it broke",
            0.4,
            0.3,
            fork(a, f, sets) if sets else "",
        ),
    )


def _exploding(a: Artifacts, f: Finding) -> Sequence[Fix]:
    return (
        fix("look for a loss that is summed where it should be a mean", "gradient norms back in .1 to 10", 0.7, 0.5),
        *_lower_rate(a, f),
    )


def _vanishing(a: Artifacts, f: Finding) -> Sequence[Fix]:
    return (
        fix(
            "follow the gradient layer by layer to where it dies",
            "one operation scales or detaches it",
            0.9,
            0.7,
            probe(a),
        ),
        fix(
            "adapt only the layers above it",
            "what is trained gets a gradient",
            0.4,
            0.5,
            fork(a, f, {"heal.layer_from": "0.5"}),
        ),
    )


def _frozen(a: Artifacts, f: Finding) -> Sequence[Fix]:
    return (fix("give the named parameter its gradient back: requires_grad, the optimizer's list, a detached branch",
                 "its norm leaves 0 within one step", 0.9, 0.8, probe(a)),)  # fmt: skip


def _uniform(a: Artifacts, f: Finding) -> Sequence[Fix]:
    return (fix("overfit one batch, and look for a second softmax or a cut graph before touching the rate",
                 "one batch is memorised within 200 steps", 0.9, 0.8, probe(a)),)  # fmt: skip


def _plateau(a: Artifacts, f: Finding) -> Sequence[Fix]:
    return (
        rate_fix(a, f, 3.0, "updates near 1e-3, and a loss that moves", 0.5),
        fix(
            "look at masks and at which parameters are trained",
            "most targets are masked, or weights round the updates away",
            0.5,
            0.4,
            probe(a),
        ),
    )


def _swing(a: Artifacts, f: Finding) -> Sequence[Fix]:
    batch = int(knob(a, "batch_size", 8)) * 2
    return (
        rate_fix(a, f, 0.3, "validation settles", 0.6),
        fix("double the batch", "steps agree with each other", 0.5, 0.5, fork(a, f, {"heal.batch_size": str(batch)})),
    )


def _overfit(a: Artifacts, f: Finding) -> Sequence[Fix]:
    epochs, rank = max(1, int(knob(a, "epochs", 6)) // 2), max(1, int(knob(a, "rank", 8)) // 2)
    return (
        fix("rule out a split error first: rows of one prompt on both sides", "no row is shared", 0.5, 0.6),
        fix(
            "train fewer epochs", "validation stops at its lowest", 0.8, 0.75, fork(a, f, {"heal.epochs": str(epochs)})
        ),
        fix("lower the rank", "less room to memorise", 0.5, 0.5, fork(a, f, {"heal.rank": str(rank)})),
    )


def _schedule(a: Artifacts, f: Finding) -> Sequence[Fix]:
    return (
        fix(
            "call the schedule once per optimizer step, not per micro-batch",
            "logged rates lie on the analytic curve",
            0.9,
            0.7,
        ),
    )


FIXES: dict[str, Fixes] = {
    "validation doubles": _lower_rate,
    "spike": _spike,
    "learning rate too high": _too_high,
    "non-finite": _nan,
    "exploding gradients": _exploding,
    "vanishing gradients": _vanishing,
    "frozen or disconnected": _frozen,
    "stuck near ln V": _uniform,
    "learning rate too low": _too_low,
    "plateau": _plateau,
    "oscillation": _swing,
    "overfit": _overfit,
    "learning-rate schedule wrong": _schedule,
}
