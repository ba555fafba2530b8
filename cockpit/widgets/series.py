"""A growing column of measurements that can be drawn at any zoom: appended in place, reduced to the minimum and maximum of every column.

Minima and maxima of 16 values, of 256, ... are kept up to date as values arrive, so that a drawing costs the same for a thousand values and
for millions, and no spike is ever lost. A missing value is NaN and stays a gap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

_FAN = 16
_DIRECT = 64
_BLOCK = 64

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
Span = tuple[float, float]
EVERYWHERE: Span = (-np.inf, np.inf)


class Growing:
    """A float column that doubles its room as it grows."""

    def __init__(self) -> None:
        self._room = np.empty(256)
        self.length = 0

    def append(self, values: Floats) -> None:
        """Add at the end."""
        self.put(self.length, values)

    def put(self, start: int, values: Floats) -> None:
        """Overwrite from `start` on, which is at most the length; the column ends behind the last value put."""
        stop = start + len(values)
        if stop > len(self._room):
            grown = np.empty(max(stop, 2 * len(self._room)))
            grown[: self.length] = self._room[: self.length]
            self._room = grown
        self._room[start:stop] = values
        self.length = stop

    @property
    def values(self) -> Floats:
        """What is held; a view, not a copy."""
        return self._room[: self.length]


class Pyramid:
    """Values with their minima and maxima over blocks of 16, 256, ... values; NaN is passed over."""

    def __init__(self) -> None:
        self._raw = Growing()
        self._levels: list[tuple[Growing, Growing]] = []

    @property
    def values(self) -> Floats:
        """All values."""
        return self._raw.values

    def append(self, values: Floats) -> None:
        """Add values; only the blocks that they fall in are reduced again."""
        start = self._raw.length
        self._raw.append(values)
        lower: tuple[Growing, Growing] = (self._raw, self._raw)
        level = 0
        while lower[0].length > _FAN:
            if level == len(self._levels):
                self._levels.append((Growing(), Growing()))
                start = 0
            start //= _FAN
            for below, above, reduce in zip(lower, self._levels[level], (np.fmin, np.fmax), strict=True):
                part = below.values[start * _FAN :]
                above.put(start, reduce.reduceat(part, np.arange(0, len(part), _FAN)))
            lower = self._levels[level]
            level += 1

    def between(self, starts: Places, stops: Places) -> tuple[Floats, Floats]:
        """Minimum and maximum of values[start:stop] for each pair; NaN where that holds no value."""
        starts, stops = starts.astype(np.int64), np.maximum(stops, starts).astype(np.int64)
        low = np.full(len(starts), np.nan)
        high = np.full(len(starts), np.nan)
        for number, (lows, highs) in enumerate([(self._raw, self._raw), *self._levels]):
            widest = int((stops - starts).max(initial=0))
            last = number == len(self._levels) or widest <= _DIRECT
            inner, outer = -(-starts // _FAN), stops // _FAN
            whole = (inner < outer) & (not last)
            # What no whole block covers is read here: the two ends, or everything where that is little.
            for a, b in ((starts, np.where(whole, inner * _FAN, stops)), (np.where(whole, outer * _FAN, stops), stops)):
                width = int((b - a).max(initial=0))
                if width > 0:
                    at = np.minimum(a[:, None] + np.arange(width), np.maximum(b - 1, 0)[:, None])
                    some = b > a
                    block = lows.values[at]
                    low = np.fmin(low, np.where(some, np.fmin.reduce(block, axis=1), np.nan))
                    block = block if highs is lows else highs.values[at]
                    high = np.fmax(high, np.where(some, np.fmax.reduce(block, axis=1), np.nan))
            if last:
                break
            starts, stops = np.where(whole, inner, 0), np.where(whole, outer, 0)
        return low, high


@dataclass(frozen=True)
class Columns:
    """A series reduced to dot columns: minimum and maximum of each (NaN where empty), and how neighbours join."""

    low: Floats
    high: Floats
    joined: NDArray[np.bool_]
    """Whether the line runs on from column i to i + 1: the values on both sides are there (columns - 1)."""


class Series:
    """One quantity over one or several axes (step, tokens, time), each of them never decreasing."""

    def __init__(self, name: str, axes: tuple[str, ...] = ("step",), *, half_life: float = 8.0) -> None:
        if half_life <= 0:
            raise ValueError(f"a half-life of {half_life} values does not smooth: give one above 0")
        self.name = name
        self._axes = {axis: Growing() for axis in axes}
        self._raw = Pyramid()
        self._smooth = Pyramid()
        self._decay = 0.5 ** (1 / half_life)
        self._carry = (0.0, 0.0)
        self._part = 0.0

    def __len__(self) -> int:
        return len(self._raw.values)

    @property
    def y(self) -> Floats:
        """The values as measured."""
        return self._raw.values

    @property
    def smoothed(self) -> Floats:
        """The running average with the series' half-life, in values; missing where the value is missing."""
        return self._smooth.values

    def x(self, axis: str) -> Floats:
        """The places of the values on an axis; ValueError names the axes there are."""
        if axis not in self._axes:
            raise ValueError(f"{self.name} has no axis {axis!r}: it has {', '.join(self._axes)}")
        return self._axes[axis].values

    def append(self, y: ArrayLike, *, part: ArrayLike | None = None, **xs: ArrayLike) -> None:
        """Add values with their place on every axis; ValueError where lengths differ or an axis runs backwards.

        `part` is the round of each value: where it changes, the running average starts anew.
        """
        values = np.atleast_1d(np.asarray(y, dtype=float))
        values = np.where(np.isfinite(values), values, np.nan)
        if set(xs) != set(self._axes):
            raise ValueError(f"{self.name} needs a place on each of {', '.join(self._axes)}, not on {', '.join(xs)}")
        places = {axis: np.atleast_1d(np.asarray(x, dtype=float)) for axis, x in xs.items()}
        for axis, x in places.items():
            before = self._axes[axis].values[-1:]
            if len(x) != len(values):
                raise ValueError(f"{self.name}: {len(values)} values but {len(x)} places on {axis}")
            if not np.isfinite(x).all() or (np.diff(np.concatenate([before, x])) < 0).any():
                raise ValueError(f"{self.name}: {axis} must not run backwards")
        if not len(values):
            return
        for axis, x in places.items():
            self._axes[axis].append(x)
        self._raw.append(values)
        parts = np.full(len(values), self._part) if part is None else np.atleast_1d(np.asarray(part, dtype=float))
        if len(parts) != len(values):
            raise ValueError(f"{self.name}: {len(values)} values but {len(parts)} parts")
        cuts = np.flatnonzero(parts != np.concatenate([[self._part], parts[:-1]])).tolist()
        for start, stop in zip([0, *cuts], [*cuts, len(values)], strict=True):
            carry = (0.0, 0.0) if start in cuts else self._carry
            smooth, self._carry = running_average(values[start:stop], self._decay, carry)
            if len(smooth):
                self._smooth.append(smooth)
        self._part = float(parts[-1])

    def sync(self, y: ArrayLike, *, part: ArrayLike | None = None, **xs: ArrayLike) -> None:
        """Follow columns that grow elsewhere: add what is new; start over where they became shorter or moved, as after a resume."""
        values = np.asarray(y, dtype=float)
        places = {axis: np.asarray(x, dtype=float) for axis, x in xs.items()}
        held = len(self)
        if held and (len(values) < held or any(x[held - 1] != self.x(axis)[-1] for axis, x in places.items())):
            self.clear()
            held = 0
        new_part = None if part is None else np.asarray(part, dtype=float)[held:]
        self.append(values[held:], part=new_part, **{axis: x[held:] for axis, x in places.items()})

    def clear(self) -> None:
        """Forget all values."""
        self._axes = {axis: Growing() for axis in self._axes}
        self._raw, self._smooth, self._carry, self._part = Pyramid(), Pyramid(), (0.0, 0.0), 0.0

    def extent(self, axis: str, low: float, high: float, *, smooth: bool = False) -> tuple[float, float]:
        """Minimum and maximum of the values with x in (low, high]; NaN where there are none."""
        x = self.x(axis)
        ends = np.searchsorted(x, [low, high], side="right")
        least, most = (self._smooth if smooth else self._raw).between(ends[:1], ends[1:])
        return float(least[0]), float(most[0])

    def least_positive(self, axis: str, low: float, high: float) -> float:
        """The smallest value above 0 with x in (low, high], for a logarithmic scale; NaN where there is none."""
        least, most = self.extent(axis, low, high)
        if not most > 0 or least > 0:
            return least if least > 0 else float("nan")
        a, b = np.searchsorted(self.x(axis), [low, high], side="right")
        part = self.y[a:b]
        return float(part[part > 0].min())

    def at(self, axis: str, x: float) -> float | None:
        """The value at the last place at or before x; None before the first, or where it is missing."""
        place = int(np.searchsorted(self.x(axis), x, side="right")) - 1
        value = self.y[place] if place >= 0 else np.nan
        return float(value) if np.isfinite(value) else None

    def last(self) -> float | None:
        """The newest value; None where there is none, or it is missing."""
        return float(self.y[-1]) if len(self) and np.isfinite(self.y[-1]) else None

    def columns(self, axis: str, edges: Floats, *, span: Span = EVERYWHERE, smooth: bool = False) -> Columns:
        """Reduce to the columns between edges; column i holds the x in (edges[i], edges[i + 1]]."""
        return self.columns_of(axis, [(edges, span)], smooth=smooth)[0]

    def columns_of(self, axis: str, parts: Sequence[tuple[Floats, Span]], *, smooth: bool = False) -> list[Columns]:
        """The columns of several stretches at once, each (edges, the region (start, end] that it shows a part of).

        An empty column between two neighbours of the same region gets the value on the line between them; beside a missing value it
        stays empty.
        """
        x, pyramid = self.x(axis), self._smooth if smooth else self._raw
        bounds = [np.searchsorted(x, edges, side="right") for edges, _ in parts]
        if not bounds:
            return []
        lows, highs = pyramid.between(np.concatenate([b[:-1] for b in bounds]), np.concatenate([b[1:] for b in bounds]))
        cuts = np.cumsum([len(b) - 1 for b in bounds])[:-1]
        return [
            _joined(x, pyramid.values, edges, span, at, low, high)
            for (edges, span), at, low, high in zip(
                parts, bounds, np.split(lows, cuts), np.split(highs, cuts), strict=True
            )
        ]


def _joined(x: Floats, values: Floats, edges: Floats, span: Span, bounds: Places, low: Floats, high: Floats) -> Columns:
    """Columns with the empty ones between neighbours filled in place."""
    if not len(x):
        return Columns(low, high, np.zeros(max(len(low) - 1, 0), dtype=bool))
    before, after = np.maximum(bounds - 1, 0), np.minimum(bounds, len(x) - 1)
    linked = (bounds > 0) & (bounds < len(x)) & (x[before] > span[0]) & (x[after] <= span[1])
    linked &= np.isfinite(values[before]) & np.isfinite(values[after])
    empty = (bounds[:-1] == bounds[1:]) & linked[:-1]
    if empty.any():
        a, b = before[:-1][empty], after[:-1][empty]
        middle = (edges[:-1][empty] + edges[1:][empty]) / 2
        wide = np.where(x[b] > x[a], x[b] - x[a], 1.0)
        between = values[a] + (values[b] - values[a]) * np.clip((middle - x[a]) / wide, 0.0, 1.0)
        low[empty], high[empty] = between, between
    return Columns(low, high, linked[1:-1])


@lru_cache(maxsize=16)
def _weights(decay: float) -> tuple[Floats, Floats]:
    """Powers of the decay, and the triangle of them that averages a block."""
    power: Floats = np.power(decay, np.arange(_BLOCK + 1, dtype=np.float64))
    gap = np.arange(_BLOCK)[None, :] - np.arange(_BLOCK)[:, None]
    triangle: Floats = np.where(gap >= 0, power[np.maximum(gap, 0)], 0.0)
    return power, triangle


def running_average(values: Floats, decay: float, carry: tuple[float, float]) -> tuple[Floats, tuple[float, float]]:
    """An exponential average that starts unbiased: weighted sum over weight sum; a missing value adds to neither and stays missing.

    `carry` is (sum, weight) so far, (0, 0) at the start. Blocks are products with a triangle of powers, so that no loop runs per value.
    """
    known = np.isfinite(values)
    pair: Floats = np.stack([np.where(known, values, 0.0), known.astype(np.float64)])
    out: Floats = np.empty_like(pair)
    power, triangle = _weights(decay)
    state = np.array(carry)
    for start in range(0, len(values), _BLOCK):
        part = pair[:, start : start + _BLOCK]
        size = part.shape[1]
        out[:, start : start + size] = part @ triangle[:size, :size] + state[:, None] * power[1 : size + 1]
        state = out[:, start + size - 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(known, out[0] / out[1], np.nan), (float(state[0]), float(state[1]))


def from_columns(
    name: str, y: ArrayLike, xs: Mapping[str, ArrayLike], *, part: ArrayLike | None = None, half_life: float = 8.0
) -> Series:
    """A series that holds these values."""
    series = Series(name, tuple(xs), half_life=half_life)
    series.append(y, part=part, **xs)
    return series
