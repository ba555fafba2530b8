"""The horizontal axis of a chart: rounds side by side on one running axis, one empty column between them, zoomed or whole.

A region (a round) holds the x in (start, end]; x runs on over all of them, so that a chart can show one round or all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DOTS = 2
"""Dot columns of a cell."""


@dataclass(frozen=True)
class Region:
    """One round on an axis: its name and the x that it holds, in (start, end]; `now` is the round under way."""

    label: str
    start: float
    end: float
    now: bool = False


@dataclass(frozen=True)
class Stretch:
    """The part of a region that is shown: its first cell, its cells, and the x at its two edges."""

    region: Region
    cell: int
    cells: int
    low: float
    high: float

    def edges(self) -> NDArray[np.float64]:
        """The x at the edges of its dot columns (2 * cells + 1)."""
        return np.linspace(self.low, self.high, self.cells * DOTS + 1)


@dataclass(frozen=True)
class XAxis:
    """Stretches from left to right on `cells` cells."""

    stretches: tuple[Stretch, ...]
    cells: int

    def column(self, x: float) -> int | None:
        """The dot column of an x; None where it is not shown."""
        for s in self.stretches:
            if s.low < x <= s.high or (x == s.low and s is self.stretches[0]):
                inside = math.ceil((x - s.low) / (s.high - s.low) * s.cells * DOTS - 1e-9) - 1
                return s.cell * DOTS + min(max(inside, 0), s.cells * DOTS - 1)
        return None

    def x_at(self, cell: int) -> float | None:
        """The x in the middle of a cell, the nearest shown where the cell is between rounds; None with nothing shown."""
        if not self.stretches:
            return None
        s = min(self.stretches, key=lambda s: max(s.cell - cell, cell - s.cell - s.cells + 1, 0))
        inside = min(max(cell - s.cell, 0), s.cells - 1)
        return s.low + (inside + 0.5) / s.cells * (s.high - s.low)

    def stretch_of(self, x: float) -> Stretch | None:
        """The stretch that holds an x."""
        return next((s for s in self.stretches if s.low < x <= s.high), None)


def lay(regions: Sequence[Region], cells: int, view: tuple[float, float] | None = None) -> XAxis:
    """Regions side by side on this many cells, each as wide as its share of what the view (x from, x to) leaves visible."""
    low, high = view or (-math.inf, math.inf)
    shown = [(r, max(r.start, low), min(r.end, high)) for r in regions if min(r.end, high) > max(r.start, low)]
    if not shown or cells < 1:
        return XAxis((), max(cells, 0))
    gap = 1 if cells >= 3 * len(shown) else 0
    least = gap  # where rounds stand apart, each has a cell at least
    room = cells - (gap + least) * len(shown) + gap
    ends = np.cumsum([b - a for _, a, b in shown])
    stops = (np.rint(ends / ends[-1] * room).astype(int) + least * np.arange(1, len(shown) + 1)).tolist()
    stretches, before = [], 0
    for place, ((region, a, b), stop) in enumerate(zip(shown, stops, strict=True)):
        if stop > before:
            stretches.append(Stretch(region, before + gap * place, stop - before, a, b))
        before = stop
    return XAxis(tuple(stretches), cells)
