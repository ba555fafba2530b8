"""Fixes of this loop: doses, filters, barriers and folds."""

from __future__ import annotations

from collections.abc import Sequence

from engine.diagnosis.artifacts import Artifacts
from engine.diagnosis.diagnosis import Fix
from engine.diagnosis.findings import Finding
from engine.diagnosis.fixes.making import Fixes, fix, fork, knob


def _collapse(a: Artifacts, f: Finding) -> Sequence[Fix]:
    dose = a.config.steer.dose_high if a.config else 0.0
    fixes = [
        fix(
            "lower the dose",
            "fewer broken texts to learn from",
            0.8,
            0.7,
            fork(a, f, {"steer.dose_high": f"{dose * 0.7:.2g}"}) if dose else "",
        )
    ]
    if a.config and not a.config.keep.enabled:
        command = fork(a, f, {"keep.enabled": "true"})
        fixes.insert(0, fix("filter what is learnt from", "broken texts are dropped and named", 0.9, 0.8, command))
    else:
        limit = a.config.keep.max_worst_ppl if a.config else 3.0
        command = fork(a, f, {"keep.max_worst_ppl": f"{max(1.2, limit * 0.7):.2g}"})
        fixes.append(fix("tighten the filter", "only whole texts are kept", 0.6, 0.5, command))
    if a.config and a.config.heal.divergence == "none":
        fixes.append(
            fix(
                "heal behind the barrier",
                "the student does not take the breakage over",
                0.9,
                0.75,
                fork(a, f, {"heal.divergence": "kl_rev"}),
            )
        )
    return fixes


def _inert(a: Artifacts, f: Finding) -> Sequence[Fix]:
    tau = f.values.get("operating", 0.0) / 2
    fixes = [
        fix(
            f"lower tau to {tau:.2g}, half the operating KL",
            "the barrier fires in about half of the steps",
            0.7,
            0.85,
            fork(a, f, {"heal.tau": f"{tau:.2g}"}),
        )
    ]
    if a.config and a.config.heal.aggregate == "mean":
        fixes.append(
            fix(
                "gather KL by rmse instead of the mean",
                "a loop of a few tokens counts",
                0.5,
                0.6,
                fork(a, f, {"heal.aggregate": "rmse"}),
            )
        )
    return fixes


def _tight(a: Artifacts, f: Finding) -> Sequence[Fix]:
    lam = knob(a, "lam", 1.0) / max(2.0, f.values.get("pressure", 3.0))
    tau = max(knob(a, "tau", 0.05) * 2, 0.05)
    return (
        fix(
            f"lower lam to {lam:.2g}",
            "pressure below 1, training nll falls",
            0.8,
            0.8,
            fork(a, f, {"heal.lam": f"{lam:.2g}"}),
        ),
        fix(
            f"raise tau to {tau:.2g}",
            "the barrier leaves room below it",
            0.6,
            0.6,
            fork(a, f, {"heal.tau": f"{tau:.2g}"}),
        ),
    )


def _nothing(a: Artifacts, f: Finding) -> Sequence[Fix]:
    dose = a.config.steer.dose_high * 1.5 if a.config else 0.0
    low = a.config.steer.dose_low * 1.5 if a.config else 0.0
    sets = {"steer.dose_low": f"{low:.2g}", "steer.dose_high": f"{dose:.2g}"}
    return (
        fix(
            "raise the dose: the kept data is base-like",
            "kept texts show the trait, and the student takes it",
            0.8,
            0.6,
            fork(a, f, sets) if dose else "",
        ),
        fix(
            "lower lam",
            "the barrier gives up less of the trait",
            0.5,
            0.4,
            fork(a, f, {"heal.lam": f"{knob(a, 'lam', 1.0) / 3:.2g}"}),
        ),
    )


def _erased(a: Artifacts, f: Finding) -> Sequence[Fix]:
    return (fix("hold each round to the one before, not to the base", "the trait stays or grows from round to round", 0.9, 0.8,
                 fork(a, f, {"heal.reference": "prev"})),)  # fmt: skip


def _fold(a: Artifacts, f: Finding) -> Sequence[Fix]:
    does = "fold in fp32 into a new adapter, and never merge into the base weights"
    command = fork(a, f, {"heal.adapter_dtype": "fp32"})
    return (fix(does, "fold error 0, and gate 0 equals the base", 0.9, 0.85, command),)


def _starved(a: Artifacts, f: Finding) -> Sequence[Fix]:
    low = a.config.steer.dose_low / 2 if a.config else 0.0
    high = a.config.steer.dose_high * 0.7 if a.config else 0.0
    sets = {"steer.dose_low": f"{low:.2g}", "steer.dose_high": f"{high:.2g}"}
    more = {"generate.completions": str(a.config.generate.completions * 2)} if a.config else {}
    return (
        fix(
            "lower the dose, never the floor",
            "more completions survive the filter",
            0.9,
            0.75,
            fork(a, f, sets) if low else "",
        ),
        fix(
            "generate more completions",
            "more of them survive, at the same share",
            0.5,
            0.4,
            fork(a, f, more) if more else "",
        ),
    )


def _dose(a: Artifacts, f: Finding) -> Sequence[Fix]:
    command = fork(a, f, {"heal.replay": "0.3"})
    return (
        fix(
            "replay more of the base's own answers",
            "the student stays whole, and survives the same dose",
            0.6,
            0.5,
            command,
        ),
    )


FIXES: dict[str, Fixes] = {
    "mode collapse": _collapse,
    "inert barrier": _inert,
    "over-tight barrier": _tight,
    "healed to nothing": _nothing,
    "history erasure": _erased,
    "baked drift": _fold,
    "starved filter": _starved,
    "dose collapse": _dose,
}
