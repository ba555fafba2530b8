"""A sweep as its campaign's file holds it: what is searched, by what measure, how far it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from journal.text import label

BEST = "best"
"""The arm of the best trial's settings on the seeds that no trial saw."""


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """What one setting is searched over: from `low` to `high`, or `choices`."""

    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False
    choices: list[Any] = []

    def words(self) -> str:
        """'1e-4..1e-2:log' or 'mean, rmse'."""
        if self.choices:
            return ", ".join(map(str, self.choices))
        return f"{self.low:g}..{self.high:g}{':log' if self.log else ''}"


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One draw. `value` is the objective, absent while it runs and of one that came to none; `said` why that is."""

    number: int
    values: dict[str, Any]
    value: float | None = None
    said: str = ""


class Sweep(msgspec.Struct, frozen=True, kw_only=True):
    """The objective is the mean over `tuned_on` seeds of `metric` on val of the best healed round, so that test chooses nothing.
    `batch` trials are drawn at once; `ended` says how it came out, '' while it goes on; `waived` why it began without its controls."""

    metric: str
    maximise: bool
    search: dict[str, Range]
    count: int
    batch: int
    tuned_on: list[int]
    sampler: str
    waived: str = ""
    trials: tuple[Trial, ...] = ()
    ended: str = ""

    @property
    def best(self) -> Trial | None:
        """The trial with the best objective, the first of equals; None where none came to a number."""
        found = [t for t in self.trials if t.value is not None]
        sign = -1.0 if self.maximise else 1.0
        return min(found, key=lambda t: (sign * (t.value or 0.0), t.number), default=None)

    def asked(self) -> str:
        """'trait on val, to be raised, over heal.lr 1e-4..1e-2:log: 20 trials of TPE on seed 1'."""
        over = "; ".join(f"{knob} {found.words()}" for knob, found in self.search.items())
        way = "raised" if self.maximise else "lowered"
        seeds = f"seed{'s' if len(self.tuned_on) > 1 else ''} {', '.join(map(str, self.tuned_on))}"
        return (
            f"{label(self.metric)} on val, to be {way}, over {over}: {self.count} trials of {self.sampler} on {seeds}"
        )


def named(values: dict[str, Any]) -> str:
    """'lr 0.00152, tau 0.3'."""
    shown = (f"{v:.3g}" if isinstance(v, float) else str(v) for v in values.values())
    return ", ".join(f"{knob.partition('.')[2]} {text}" for knob, text in zip(values, shown, strict=True))


def spread_of(trials: Sequence[Trial]) -> tuple[float, float] | None:
    """The smallest and the largest objective; None without one."""
    found = [t.value for t in trials if t.value is not None]
    return (min(found), max(found)) if found else None
