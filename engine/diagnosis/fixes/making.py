"""How a fix is made: what it does, what is expected of it, and a command that is ready to run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.contract.errors import BadInput
from engine.contract.lineage import check_change
from engine.diagnosis.artifacts import Artifacts
from engine.diagnosis.diagnosis import Fix
from engine.diagnosis.findings import Finding

Fixes = Callable[[Artifacts, Finding], Sequence[Fix]]
HIGHEST_RATE = 1e-2
"""Upper end of the rates that are searched (S12): nothing above it is proposed."""


def fork(a: Artifacts, f: Finding, sets: dict[str, str]) -> str:
    """A paired run from the round where it went wrong, leaving it as late as the settings allow.

    '' where there is none to make: a log that is not ours, a smoke run, a setting that acted before any place, or no change."""
    if a.origin == "log" or a.config is None or a.config.run.smoke:
        return ""
    round_, held = max(f.round, 1), a.config.flat()
    if not sets or all(str(held[name]).lower() == value for name, value in sets.items()):
        return ""
    for unit, place in (
        ("heal", f"heal@r{round_} --reuse kept"),
        ("generate", f"generate@r{round_}"),
        ("extract", f"round@r{round_}"),
    ):
        try:
            for name in sets:
                check_change(name, unit, round_)
        except BadInput:
            continue
        changed = " ".join(f"--set {name}={value}" for name, value in sets.items())
        return f"cockpit fork {a.name} --from {place} {changed}"
    return ""


def fix(does: str, effect: str, impact: float, confidence: float, command: str = "") -> Fix:
    return Fix(does=does, effect=effect, impact=impact, confidence=confidence, command=command)


def knob(a: Artifacts, name: str, otherwise: float) -> float:
    return float(getattr(a.config.heal, name)) if a.config else otherwise


def rate_of(a: Artifacts, f: Finding) -> float:
    """The run's peak rate: its config's, else the highest that was logged."""
    if a.config:
        return a.config.heal.lr
    return f.values.get("lr", 0.0)


def rate_fix(a: Artifacts, f: Finding, factor: float, effect: str, confidence: float) -> Fix:
    rate = rate_of(a, f)
    wanted = rate * factor if factor < 1 else max(min(rate * factor, HIGHEST_RATE), rate)
    said = (
        f"set the learning rate to {wanted:.1g}, from {rate:.1g}"
        if rate
        else f"multiply the learning rate by {factor:g}"
    )
    return fix(said, effect, 0.9, confidence, fork(a, f, {"heal.lr": f"{wanted:.1g}"}) if rate else "")


def probe(a: Artifacts) -> str:
    return f"cockpit probe {a.name}" if a.origin == "run" else ""
