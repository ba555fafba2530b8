"""A frame of two axes on a drawing: gridlines without a box, labels beside them, and data mapped to places."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from cockpit.report.figures.drawing import Drawing, Point

LOG_FROM = 20.0
"""Largest over smallest value from which on positive values are drawn on a logarithmic axis."""


@dataclass(frozen=True)
class Axis:
    """A range of values; `log` maps by the logarithm, `turned` puts the smallest last."""

    low: float
    high: float
    log: bool = False
    turned: bool = False

    def share(self, value: float) -> float:
        """Where a value lies, 0 to 1 within the range."""
        low, high, at = self.low, self.high, value
        if self.log:
            low, high, at = math.log10(low), math.log10(high), math.log10(max(value, low / 10))
        found = (at - low) / (high - low)
        return 1 - found if self.turned else found

    def ticks(self, most: int = 5) -> list[float]:
        """Round values within the range, at most about `most`."""
        if self.log:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            decades = [10.0**n for n in range(first, last + 1)]
            if len(decades) >= 3:
                return decades[:: max(1, len(decades) // most)]
            fine = [head * 10.0**n for n in range(first - 1, last + 1) for head in (1, 2, 5)]
            return [v for v in fine if self.low <= v <= self.high]
        step = _step((self.high - self.low) / most)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [n * step for n in range(first, last + 1)]


def span(
    values: Iterable[float], *, log: bool = False, turned: bool = False, pad: float = 0.06, least: float = 0.0
) -> Axis:
    """An axis around finite values with a little room; `least` is the smallest range, so that noise does not fill a plot."""
    found = [v for v in values if math.isfinite(v) and (not log or v > 0)]
    low, high = (min(found), max(found)) if found else (0.0, 1.0)
    if log:
        room = (math.log10(high / low) or 0.3) * pad
        return Axis(low / 10**room, high * 10**room, True, turned)
    if high - low < least:
        middle = (high + low) / 2
        low, high = middle - least / 2, middle + least / 2
    room = (high - low) * pad or abs(high) * 0.1 or 0.5
    return Axis(low - room, high + room, False, turned)


def wants_log(values: Sequence[float]) -> bool:
    """Whether values are positive and too far apart for a straight axis."""
    return bool(values) and min(values) > 0 and max(values) / min(values) > LOG_FROM


@dataclass(frozen=True)
class Frame:
    """The plot of `drawing` whose left upper corner is (left, top)."""

    drawing: Drawing
    left: float
    top: float
    width: float
    height: float
    x: Axis
    y: Axis

    def at(self, x: float, y: float) -> Point:
        """Where a pair of values lies, kept inside the plot."""
        across, up = (min(max(share, 0.0), 1.0) for share in (self.x.share(x), self.y.share(y)))
        return self.left + across * self.width, self.top + (1 - up) * self.height

    def grid(
        self,
        x_text: Callable[[float], str] | None,
        y_text: Callable[[float], str],
        *,
        x_ticks: Sequence[float] | None = None,
        rate: bool = False,
    ) -> None:
        """Hairlines at the ticks of y with their values, and the values of x below; no x values without `x_text`. A `rate` has none
        outside 0 to 1."""
        bottom = self.top + self.height
        for value in self.y.ticks(4 if self.height < 160 else 5):
            if rate and not -1e-9 <= value <= 1 + 1e-9:
                continue
            _, y = self.at(self.x.low, value)
            self.drawing.line([(self.left, y), (self.left + self.width, y)], "rule", 0.75)
            self.drawing.text(self.left - 6, y + 3.5, y_text(value), "dim", "end", size=10.5)
        if x_text is None:
            return
        for value in self.x.ticks(6) if x_ticks is None else x_ticks:
            x, _ = self.at(value, self.y.low)
            self.drawing.line([(x, bottom), (x, bottom + 3)], "rule", 0.75)
            self.drawing.text(x, bottom + 15, x_text(value), "dim", "middle", size=10.5)

    def whisker(self, x: float, low: float, high: float, role: str) -> None:
        """An upright interval."""
        (a, below), (_, above) = self.at(x, low), self.at(x, high)
        self.drawing.line([(a, below), (a, above)], role, 1.25)


class Labels:
    """Words beside points that do not cover each other: each takes the first free place around its point, or is left out."""

    def __init__(self, frame: Frame, marks: Iterable[Point], paths: Iterable[Sequence[Point]] = ()) -> None:
        self._frame = frame
        self._taken = [(x - 6, y - 6, x + 6, y + 6) for x, y in marks]
        for path in paths:
            for (a, b), (c, d) in pairwise(path):
                count = max(int(math.hypot(c - a, d - b) / 4), 1)
                along = [(a + (c - a) * i / count, b + (d - b) * i / count) for i in range(count + 1)]
                self._taken += [(x - 1, y - 1, x + 1, y + 1) for x, y in along]

    def put(self, at: Point, text: str, role: str, *, bold: bool = False) -> bool:
        """Whether there was room."""
        x, y = at
        wide = 6.1 * len(text)
        for dx, dy in (
            (9, 3.5),
            (-9 - wide, 3.5),
            (-wide / 2, -10),
            (-wide / 2, 18),
            (7, -8),
            (7, 15),
            (-7 - wide, -8),
            (-7 - wide, 15),
        ):
            box = (x + dx - 1, y + dy - 10, x + dx + wide + 1, y + dy + 3)
            if self._inside(box) and not any(_meet(box, other) for other in self._taken):
                self._taken.append(box)
                self._frame.drawing.text(x + dx, y + dy, text, role, size=10.5, bold=bold, halo=True)
                return True
        return False

    def _inside(self, box: tuple[float, float, float, float]) -> bool:
        f = self._frame
        return (
            box[0] >= f.left - 2
            and box[2] <= f.left + f.width + 26
            and box[1] >= f.top - 8
            and box[3] <= f.top + f.height + 4
        )


def tick(value: float) -> str:
    """A tick's value, as short as it is exact enough: −1.5, .25, 1,000."""
    text = f"{abs(value):,.6g}" if abs(value) < 1e6 else f"{abs(value):.0e}"
    text = text[1:] if text.startswith("0.") else text
    return ("−" if value < -1e-12 else "") + text


def _step(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next(head * power for head in (1, 2, 2.5, 5, 10) if head * power >= least * (1 - 1e-9))


def _meet(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
