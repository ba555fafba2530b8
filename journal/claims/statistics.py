"""Over seeds: mean and standard deviation of every arm, and one contrast with its t interval (requirements K13, D6).

The unit is the seed: an arm's value is one number a run, whatever interval that run gave over its own items. Arms that were launched
on the same seeds are compared seed by seed, others by Welch's interval; equivalence is two one-sided tests, which is the 90% interval
inside the margin.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
import numpy as np

from engine.contract.stats import Interval, equivalent, t_interval, welch

OPS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
State = Literal["met", "missed", "undecided"]


class Spread(msgspec.Struct, frozen=True):
    """Mean over seeds with the standard deviation (n - 1; absent below two seeds)."""

    mean: float
    sd: float | None
    n: int


class Contrast(msgspec.Struct, frozen=True, kw_only=True):
    """A difference of means with its interval. `differences` are those of each seed, empty when the arms are independent."""

    value: float
    low: float
    high: float
    level: float
    paired: bool
    n: int
    differences: dict[int, float]

    @property
    def interval(self) -> Interval:
        return Interval(self.value, self.low, self.high)


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the interval says of what was expected. `met_by` of `of` seeds meet it alone, of those that were launched; absent when the
    arms are independent, or for equivalence, which no single seed can show."""

    state: State
    met_by: int | None = None
    of: int | None = None


def spread(values: Sequence[float]) -> Spread | None:
    """Mean and standard deviation; None without values."""
    if not values:
        return None
    x = np.asarray(values, dtype=np.float64)
    return Spread(float(x.mean()), float(x.std(ddof=1)) if x.size > 1 else None, x.size)


def contrast(
    claimed: Mapping[int, float], against: Mapping[int, float], *, paired: bool, level: float
) -> Contrast | None:
    """claimed - against, by seed. Paired differences over the seeds that both have, else Welch; None below two seeds."""
    if paired:
        shared = [seed for seed in claimed if seed in against]
        differences = {seed: claimed[seed] - against[seed] for seed in shared}
        if len(shared) < 2:
            return None
        found, n = t_interval(list(differences.values()), level), len(shared)
    else:
        if min(len(claimed), len(against)) < 2:
            return None
        differences = {}
        found, n = welch(list(claimed.values()), list(against.values()), level), min(len(claimed), len(against))
    return Contrast(
        value=found.value, low=found.low, high=found.high, level=level, paired=paired, n=n, differences=differences
    )


def judge(found: Contrast, op: str, threshold: float, *, failed: int) -> Verdict:
    """met when the whole interval meets it, missed when none of it does.

    Failed seeds have no number: with any, nothing is met or missed."""
    meets = OPS[op]
    ends = [bool(meets(found.low, threshold)), bool(meets(found.high, threshold))]
    state: State = "undecided"
    if not failed:
        state = "met" if all(ends) else "missed" if not any(ends) else "undecided"
    if not found.paired:
        return Verdict(state=state)
    met = sum(bool(meets(d, threshold)) for d in found.differences.values())
    return Verdict(state=state, met_by=met, of=len(found.differences) + failed)


def judge_equivalence(found: Contrast, margin: float, *, failed: int) -> Verdict:
    """met when the 90% interval lies inside plus or minus the margin, missed when all of it lies outside."""
    outside = found.low >= margin or found.high <= -margin
    if failed:
        return Verdict(state="undecided")
    return Verdict(state="met" if equivalent(found.interval, margin) else "missed" if outside else "undecided")
