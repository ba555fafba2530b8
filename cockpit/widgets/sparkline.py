"""A curve in one row of a table: the largest value of every column as one of eight heights, a gap where nothing was measured."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cockpit.widgets.canvas import ASCII_SIGNS

_HEIGHTS = "▁▂▃▄▅▆▇█"
_ASCII = "_.-=+*%#"


def sparkline(
    values: ArrayLike, width: int, *, low: float | None = None, high: float | None = None, ascii_only: bool = False
) -> str:
    """Values as `width` signs or fewer, scaled from low to high (their own extremes unless given).

    More values than columns: each column shows its largest. Fewer: one column a value. A column without a value is a space.
    """
    held = np.asarray(values, dtype=float)
    if not len(held) or width < 1:
        return ""
    columns = min(width, len(held))
    starts = np.arange(columns) * len(held) // columns
    tops = np.fmax.reduceat(np.where(np.isfinite(held), held, np.nan), starts)
    known = np.isfinite(tops)
    if not known.any():
        return " " * columns
    bottom = float(np.nanmin(held[np.isfinite(held)])) if low is None else low
    top = float(np.nanmax(tops)) if high is None else high
    span = top - bottom
    share = np.where(known, tops - bottom, 0.0) / span if span > 0 else np.full(columns, 0.5)
    steps = np.clip(np.floor(share * len(_HEIGHTS)), 0, len(_HEIGHTS) - 1).astype(int)
    signs = _ASCII if ascii_only else _HEIGHTS
    return "".join(signs[s] if k else " " for s, k in zip(steps.tolist(), known.tolist(), strict=True))


def plain_signs(text: str, *, ascii_only: bool) -> str:
    """Our own signs in a text as ASCII, one for one, where only ASCII may be drawn."""
    return text.translate(ASCII_SIGNS) if ascii_only else text
