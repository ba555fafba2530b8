"""Solid bars: the columns of a fraction over steps, and the hairline bars of one row that stand beside a number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BLOCKS = " ▁▂▃▄▅▆▇█"
LEVELS = 8
"""Heights that one cell can show."""


def column_blocks(values: NDArray[np.float64], top: float, cells: int) -> list[str]:
    """Bars of these values, one column a value, on `cells` rows from the top down; `top` fills them.

    A missing value is blank, 0 is blank too (its baseline is the chart's), and anything above 0 shows at least one eighth.
    """
    known = np.isfinite(values)
    heights = np.clip(np.where(known, values, 0.0) / top, 0.0, 1.0) * cells * LEVELS
    eighths = np.where(heights > 0, np.maximum(np.rint(heights), 1), 0).astype(int)
    return [
        "".join(_BLOCKS[min(max(e - (cells - 1 - row) * LEVELS, 0), LEVELS)] for e in eighths.tolist())
        for row in range(cells)
    ]


def track(fraction: float | None, width: int) -> tuple[str, str]:
    """(done, rest) of a hairline bar: heavy for what is done, light for the room left; never full before 1, never empty above 0."""
    if fraction is None or not np.isfinite(fraction):
        return "", "─" * width
    filled = round(min(max(fraction, 0.0), 1.0) * width)
    if fraction < 1:
        filled = min(filled, width - 1)
    if fraction > 0:
        filled = max(filled, min(1, width))
    return "━" * filled, "─" * (width - filled)


def interval_bar(width: int, low: float, high: float, *, value: float | None, target: tuple[float, float]) -> list[str]:
    """One sign a cell for a number on a line from low to high: ─ outside the target, ━ inside, ● at the value.

    A value outside the target is never shown inside it, nor the other way round. ValueError where high is not above low.
    """
    if high <= low:
        raise ValueError(f"a line from {low} to {high} has no length")
    places = low + (np.arange(width) + 0.5) / width * (high - low)
    inside = (places >= target[0]) & (places <= target[1])
    if not inside.any():
        inside[_nearest(places, target[0])] = True
    signs = ["━" if held else "─" for held in inside.tolist()]
    if value is not None and np.isfinite(value):
        met = target[0] <= value <= target[1]
        fitting = np.flatnonzero(inside == met)
        if len(fitting):
            signs[int(fitting[_nearest(places[fitting], value)])] = "●"
    return signs


def _nearest(places: NDArray[np.float64], value: float) -> int:
    return int(np.abs(places - value).argmin())
