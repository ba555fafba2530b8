"""Which runs a laboratory consists of, and what each may be used for: to tune thresholds, or to report on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from .faults import FAULTS
from .healthy import SEEDS, healthy
from .inject import Case

TUNING = SEEDS[:2]
"""Seeds that thresholds may be tuned on; the others are only reported on, and so is every held-out strength."""

Part = Literal["tuning", "other seeds", "other strengths"]
PARTS: tuple[Part, ...] = ("tuning", "other seeds", "other strengths")


def fault_cases(names: Iterable[str], seeds: int = len(SEEDS)) -> list[Case]:
    """Every fault at its tuned strength with each of the first `seeds` seeds, and at its held-out strength with those not tuned on."""
    cases = []
    for name in names:
        fault = FAULTS[name]
        for strength in ("tuned", "held_out"):
            for seed in SEEDS[:seeds]:
                if strength == "tuned" or seed not in TUNING:
                    sets = fault.sets(fault.strength(strength))
                    cases.append(Case(fault=name, strength=strength, seed=seed, preset=fault.preset, sets=sets))
    return cases


def all_cases(names: Sequence[str], seeds: int, healthy_runs: int) -> list[Case]:
    """Healthy and faulty runs in turn, so that a laboratory that was stopped has some of all."""
    sick, well = fault_cases(names, seeds), healthy(healthy_runs)
    sick.sort(key=lambda case: (case.strength != "tuned", SEEDS.index(case.seed)))
    every = max(1, len(sick) // max(1, len(well)))
    mixed: list[Case] = []
    for n in range(max(len(well), -(-len(sick) // every))):
        mixed += sick[n * every : (n + 1) * every] + well[n : n + 1]
    return mixed


def part(case: Case) -> Part:
    """What a run may be used for; every second healthy run is for tuning."""
    if not case.fault:
        return "tuning" if int(case.variant.split("-")[0]) % 2 == 0 else "other seeds"
    if case.strength != "tuned":
        return "other strengths"
    return "tuning" if case.seed in TUNING else "other seeds"
