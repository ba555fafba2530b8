"""The vertical scale of a chart: values to dot rows, linear or logarithmic, with readable ticks and a limit on a cell's edge.

A limit (tau) falls on the lower edge of a cell, and a value is drawn above it exactly when it is at or above it: rounding never moves a
dot across. Everything works on transformed values: the value itself, or its log10.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

_NICE = (1.0, 1.25, 2.0, 2.5, 5.0)
_FINE = (1.0, 1.25, 1.6, 2.0, 2.5, 4.0, 5.0, 6.25, 8.0)
"""For a high chart, which has room for its ticks on any of them and would else leave half of its rows empty."""
_HIGH = 16
_STEPS = (1.0, 2.0, 2.5, 4.0, 5.0)
DOTS = 4
"""Dot rows of a cell."""


@dataclass(frozen=True)
class Scale:
    """Dot row r stands for transformed values from low + r * per_dot to low + (r + 1) * per_dot."""

    low: float
    per_dot: float
    cells: int
    log: bool = False
    limit: float | None = None

    @property
    def limit_row(self) -> int | None:
        """The dot row of the limit, the lowest of its cell; None without a limit."""
        if self.limit is None:
            return None
        return round((self._transformed(self.limit) - self.low) / self.per_dot)

    def rows(self, values: ArrayLike) -> NDArray[np.int64]:
        """The dot row of each value, cut to the scale; −1 for what is missing, or has no logarithm."""
        values = np.asarray(values, dtype=float)
        drawable = np.isfinite(values) & (values > 0) if self.log else np.isfinite(values)
        safe = np.where(drawable, values, 1.0)
        moved = np.log10(safe) if self.log else safe
        with np.errstate(over="ignore"):
            rows = np.floor((moved - self.low) / self.per_dot + 1e-9)
        rows = np.clip(rows, 0, self.cells * DOTS - 1).astype(np.int64)
        if (edge := self.limit_row) is not None:
            rows = np.where(safe >= self.limit, np.maximum(rows, edge), np.minimum(rows, max(edge - 1, 0)))
        return np.where(drawable, rows, -1)

    def value(self, row: float) -> float:
        """The value at the lower edge of a dot row."""
        moved = self.low + row * self.per_dot
        return 10.0**moved if self.log else moved

    def ticks(self) -> list[tuple[float, int, str]]:
        """(value, dot row, text) of the ticks, from low to high, at least two cells apart where the chart is high enough."""
        found = _log_ticks(self) if self.log else _linear_ticks(self)
        chosen: list[tuple[float, int, str]] = []
        apart = DOTS * (2 if self.cells > 3 else 1)
        for value, text in found:
            row = math.floor((self._transformed(value) - self.low) / self.per_dot + 1e-6)
            astray = (
                row == self.limit_row and self.limit is not None and not math.isclose(value, self.limit, abs_tol=1e-12)
            )
            if not astray and 0 <= row < self.cells * DOTS and (not chosen or row - chosen[-1][1] >= apart):
                chosen.append((value, row, text))
        return chosen

    def _transformed(self, value: float) -> float:
        return math.log10(value) if self.log else value


def linear(low: float, high: float, cells: int, *, limit: float | None = None, zero: bool = True) -> Scale:
    """A linear scale over [low, high] on this many cell rows; with `zero` it starts at 0 where no value is below.

    A missing end (not finite) counts as 0 to 1; a limit needs two rows.
    """
    limit = limit if cells > 1 else None
    low, high = _ends(low, high, limit)
    if zero and low >= 0:
        low = 0.0
    if high <= low:
        high = low + (abs(low) or 1.0)
    if cells == 1:
        return Scale(low, (high - low) / DOTS, 1)
    need = (high - low) / cells
    if limit is None:
        for step in _nice_from(need, _FINE if cells >= _HIGH else _NICE):
            start = math.floor(low / step + 1e-9) * step
            if start + cells * step >= high:
                return Scale(start, step / DOTS, cells)
    if zero and low == 0 and limit is not None and limit > 0:
        fits = [limit / k for k in range(cells - 1, 0, -1) if cells * limit / k >= high]
        if fits:
            calm = [step for step in fits if step <= 1.7 * fits[0] and _is_nice(step)]
            return Scale(0.0, (calm or fits)[0] / DOTS, cells, limit=limit)
    for step in _nice_from(need):
        assert limit is not None
        below = max(0, math.ceil((limit - low) / step - 1e-9))
        start = limit - below * step
        if below < cells and start + cells * step >= high:
            return Scale(start, step / DOTS, cells, limit=limit)
    raise AssertionError("a nice step large enough always exists")


def logarithmic(low: float, high: float, cells: int, *, limit: float | None = None) -> Scale:
    """A log10 scale over the positive part of [low, high]; a limit that is not positive is left out."""
    limit = limit if limit is not None and limit > 0 else None
    high = high if math.isfinite(high) and high > 0 else 1.0
    low = low if math.isfinite(low) and 0 < low <= high else high / 10
    low, high = min(low, limit or low), max(high, limit or high)
    bottom, top = math.log10(low), math.log10(high)
    reach = max(top - bottom, 0.1)
    if limit is None or cells < 2:
        return Scale(bottom, reach * 1.0001 / cells / DOTS, cells, log=True)
    step = reach * 1.0001 / (cells - 1)
    below = math.ceil((math.log10(limit) - bottom) / step - 1e-9)
    return Scale(math.log10(limit) - below * step, step / DOTS, cells, log=True, limit=limit)


def tick_text(value: float, step: float) -> str:
    """A tick's label in at most five characters where that can be: as many places as the step needs, true minus, k and M above 9,999."""
    if abs(value) >= 1e4 or (value == 0 and step >= 1e4):
        for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
            if abs(value) >= size:
                return tick_text(value / size, step / size) + letter
        return "0"
    places = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0
    if step > 0 and not math.isclose(step * 10**places, round(step * 10**places), rel_tol=1e-6):
        places += 1
    if places > 4:
        return _power(value)
    text = f"{abs(value):.{places}f}"
    return ("−" if value < 0 and float(text) else "") + text


def _power(value: float) -> str:
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)) + 1e-9)
    head = f"{value / 10**exponent:.3g}"
    return f"{head}e{exponent}".replace("-", "−")


def _linear_ticks(scale: Scale) -> list[tuple[float, str]]:
    per_cell = scale.per_dot * DOTS
    if scale.cells <= 3:
        edges = range(scale.cells) if scale.limit_row is None else (0, scale.limit_row // DOTS)
        values = [scale.value(edge * DOTS) for edge in edges]
        return [(value, tick_text(value, _resolution(value, per_cell))) for value in values]
    apart = 2
    wide = [step for step in _nice_from(per_cell * apart, _STEPS, 12) if step >= per_cell * apart * (1 - 1e-9)]
    on_cells = [s for s in wide if s <= 5 * per_cell * 1.001 and abs(s / per_cell - round(s / per_cell)) < 1e-6]
    step = (on_cells or wide)[0]
    first = math.ceil(scale.low / step - 1e-6)
    last = math.floor((scale.low + scale.cells * per_cell) / step + 1e-6)
    return [(n * step, tick_text(n * step, step)) for n in range(first, last + 1)]


def _log_ticks(scale: Scale) -> list[tuple[float, str]]:
    top = scale.low + scale.per_dot * scale.cells * DOTS
    decades = range(math.ceil(scale.low - 1e-9), math.floor(top + 1e-9) + 1)
    if len(decades) >= 2:
        every = max(1, math.ceil(len(decades) * 2 / max(scale.cells, 1)))
        return [(10.0**d, _decade(10.0**d)) for d in decades if d % every == 0]
    return [
        (m * 10.0**d, _decade(m * 10.0**d))
        for d in range(math.floor(scale.low), math.ceil(top) + 1)
        for m in (1, 2, 3, 5)
        if scale.low - 1e-9 <= math.log10(m * 10.0**d) <= top
    ]


def _resolution(value: float, per_cell: float) -> float:
    """The coarsest of per_cell, a tenth and a hundredth of its power that still writes the value well."""
    power = 10.0 ** math.floor(math.log10(per_cell) + 1e-9)
    for step in (power, power / 10, power / 100):
        if math.isclose(value / step, round(value / step), abs_tol=1e-6):
            return step
    return power / 100


def _decade(value: float) -> str:
    if 1e-3 <= value < 1e4:
        return f"{value:.6g}"
    return tick_text(value, value) if value >= 1e4 else _power(value)


def _ends(low: float, high: float, limit: float | None) -> tuple[float, float]:
    known = [v for v in (low, high, limit) if v is not None and math.isfinite(v)]
    return (min(known), max(known)) if known else (0.0, 1.0)


def _is_nice(step: float) -> bool:
    head = step / 10 ** math.floor(math.log10(step) + 1e-9)
    return any(math.isclose(head, nice, rel_tol=1e-6) for nice in _STEPS)


def _nice_from(least: float, heads: tuple[float, ...] = _NICE, count: int = 24) -> list[float]:
    """Readable steps from the least upwards."""
    power = math.floor(math.log10(least))
    steps = [head * 10.0**p for p in range(power, power + count // len(heads) + 2) for head in heads]
    return [step for step in steps if step >= least * (1 - 1e-9)]
