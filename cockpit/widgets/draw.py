"""Draws a chart's model on a canvas: grid, limit, bands, curves, bars, cursor and labels. Pure: the same model gives the same frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cockpit.widgets import bar
from cockpit.widgets.canvas import ASCII_MARKS, INK, MARKS, Canvas, Frame
from cockpit.widgets.labels import draw_readout, draw_title, draw_x_labels
from cockpit.widgets.look import Look
from cockpit.widgets.model import Curve, Model
from cockpit.widgets.scale import DOTS as ROWS
from cockpit.widgets.scale import Scale, linear, logarithmic
from cockpit.widgets.series import Columns, Series
from cockpit.widgets.xaxis import DOTS as COLUMNS
from cockpit.widgets.xaxis import Region, Stretch, XAxis, lay

NARROW = 44
"""Below this width values stand in the title, not beside the plot."""
_MARK_EVERY = 12


@dataclass(frozen=True)
class Drawing:
    """A frame with what is needed to read positions back from it."""

    frame: Frame
    axis: XAxis
    left: int
    scale: Scale | None


def draw(model: Model, width: int, height: int, look: Look) -> Drawing:
    """Draw a chart on width x height cells."""
    canvas = Canvas(width, height, ascii_only=look.ascii_only)
    top = 1 if model.title else 0
    rows = height - top - (1 if model.x_labels else 0)
    right = model.right if width >= NARROW else 0
    cells = width - model.left - right
    regions = regions_of(model, look.axis)
    axis = lay(regions, cells, look.view)
    if model.title:
        draw_title(canvas, model, look, beside=right > 0)
    if rows < 1 or cells < 2:
        return Drawing(canvas.frame(), axis, model.left, None)
    if not any(len(curve.series) for curve in model.curves):
        canvas.text(top + (rows - 1) // 2, model.left, model.empty, "dim")
        return Drawing(canvas.frame(), axis, model.left, None)
    found = _reduce(model, axis, look)
    scale = _scale(model, rows, axis, look, found)
    plot = _Plot(canvas, model, look, axis, scale, top, rows, found)
    plot.ground()
    plot.data()
    plot.ticks()
    if model.x_labels:
        draw_x_labels(canvas, model, look, axis, top + rows)
    if right:
        draw_readout(canvas, model, look, axis, top, rows, width - right + 2)
    return Drawing(canvas.frame(), axis, model.left, scale)


def regions_of(model: Model, axis: str) -> tuple[Region, ...]:
    """The rounds on an axis, or one region around all values."""
    if regions := model.regions.get(axis):
        return tuple(regions)
    held = [curve.series.x(axis) for curve in model.curves if len(curve.series)]
    if not held:
        return ()
    low, high = min(float(x[0]) for x in held), max(float(x[-1]) for x in held)
    start = min(0.0, low) if axis == "step" else low - max((high - low) * 1e-6, 1e-9)
    return (Region("", start, max(high, start + 1e-6), now=True),)


Reduced = dict[tuple[int, bool], list[Columns]]
"""The columns of every stretch, by (identity of the series, smoothed or not)."""


def _reduce(model: Model, axis: XAxis, look: Look) -> Reduced:
    """Every series once for this drawing: dot columns for lines, cell columns for bars."""
    every = COLUMNS if model.kind == "bars" else 1
    parts = [(s.edges()[::every], (s.region.start, s.region.end)) for s in axis.stretches]
    found: Reduced = {}
    for series in _series_of(model):
        found[id(series), False] = series.columns_of(look.axis, parts)
    if look.smooth and model.kind == "line":
        for curve in model.curves:
            found[id(curve.series), True] = curve.series.columns_of(look.axis, parts, smooth=True)
    return found


def _series_of(model: Model) -> list[Series]:
    return [c.series for c in model.curves] + [s for band in model.bands for s in (band.low, band.high)]


def _stretching(model: Model) -> list[Series]:
    """The series that the scale makes room for."""
    asides = [c.series for c in model.curves if not c.stretches]
    return [s for s in _series_of(model) if s not in asides]


def _scale(model: Model, rows: int, axis: XAxis, look: Look, found: Reduced) -> Scale:
    if model.kind == "bars" and model.top is not None:
        return Scale(0.0, model.top / rows / ROWS, rows)
    lows, highs = [], []
    for series in _stretching(model):
        for s, columns in zip(axis.stretches, found[id(series), False], strict=True):
            least = float(np.fmin.reduce(columns.low, initial=np.nan))
            if look.log and not least > 0:
                least = series.least_positive(look.axis, s.low, s.high)
            lows.append(least)
            highs.append(float(np.fmax.reduce(columns.high, initial=np.nan)))
    if model.predicted:
        ends = [end for end in (model.predicted.low, model.predicted.high) if end is not None]
        lows += ends
        highs += ends
    lows += model.references
    highs += model.references
    limit = model.limit.value if model.limit else None
    low = min((v for v in lows if np.isfinite(v) and not (look.log and v <= 0)), default=np.nan)
    high = max((v for v in highs if np.isfinite(v)), default=np.nan)
    if look.log:
        return logarithmic(low, high, rows, limit=limit)
    return linear(low, high, rows, limit=limit, zero=model.zero)


class _Plot:
    """The plot area of one drawing: where it lies, and its layers from the ground up."""

    def __init__(
        self,
        canvas: Canvas,
        model: Model,
        look: Look,
        axis: XAxis,
        scale: Scale,
        top: int,
        rows: int,
        found: Reduced,
    ) -> None:
        self.found = found
        self.canvas, self.model, self.look, self.axis, self.scale = canvas, model, look, axis, scale
        self.top, self.rows, self.left = top, rows, model.left
        self.dots = (rows * ROWS, axis.cells * COLUMNS)

    def blank(self) -> NDArray[np.bool_]:
        return np.zeros(self.dots, dtype=bool)

    def under(self, dots: NDArray[np.bool_], role: str, plain: str) -> None:
        self.canvas.decorate(self.top, self.left, dots, role, plain)

    def ground(self) -> None:
        """Wash above the limit, gridlines, zero, bands, prediction, limit, cursor."""
        if self.model.kind == "bars":
            self.cursor()
            return
        limit, edge = self.model.limit, self.scale.limit_row
        if limit and limit.wash and edge is not None:
            for s in self.axis.stretches:
                self.canvas.wash(self.top, self.left + s.cell, self.rows - edge // ROWS, s.cells, "wash-barrier")
        grid, zero = self.blank(), self.blank()
        for value, row, _ in self.marked() if self.rows > 3 else []:
            for s in self.axis.stretches:
                span = slice(s.cell * COLUMNS, (s.cell + s.cells) * COLUMNS)
                if abs(value) < 1e-12:
                    zero[row, span] = True
                else:
                    grid[row, span.start : span.stop : 2 * COLUMNS] = True
        self.under(grid, "rule", " ")
        self.under(zero, "rule", "_")
        self.bands()
        self.prediction()
        if limit and edge is not None:
            dashes = self.blank()
            for s in self.axis.stretches:
                for cell in range(s.cell, s.cell + s.cells, 2):
                    dashes[edge, cell * COLUMNS : (cell + 1) * COLUMNS] = True
            self.under(dashes, limit.role, "-")
        self.cursor()

    def marked(self) -> list[tuple[float, int, str]]:
        """The ticks, less those that no value can reach."""
        most = self.model.most
        return [tick for tick in self.scale.ticks() if most is None or tick[0] <= most * (1 + 1e-9)]

    def cursor(self) -> None:
        if self.look.cursor is None or (column := self.axis.column(self.look.cursor)) is None:
            return
        line = self.blank()
        line[::2, column] = True
        self.under(line, "dim", "|")
        self.canvas.wash(self.top, self.left + column // COLUMNS, self.rows, 1, "select")

    def bands(self) -> None:
        fill = self.blank()
        for band in self.model.bands:
            lows, highs = self.found[id(band.low), False], self.found[id(band.high), False]
            for s, lower, upper in zip(self.axis.stretches, lows, highs, strict=True):
                low, high = self.scale.rows(lower.low), self.scale.rows(upper.high)
                rows = np.arange(self.dots[0])[:, None]
                inside = (rows >= low) & (rows <= high) & (low >= 0) & (high >= 0)
                sparse = (rows + np.arange(len(low))) % 2 == 0
                fill[:, s.cell * COLUMNS : (s.cell + s.cells) * COLUMNS] |= inside & sparse
        self.under(fill, "rule", "/")

    def prediction(self) -> None:
        """The ends of what was predicted, and other values that are marked."""
        predicted = self.model.predicted
        if predicted is not None:
            self.sparse([end for end in (predicted.low, predicted.high) if end is not None], predicted.role)
        self.sparse(self.model.references, "axis")

    def sparse(self, values: Sequence[float], role: str) -> None:
        """A row of sparse dots at each of these values."""
        edges = self.blank()
        for row in self.scale.rows(values).tolist() if values else []:
            if row >= 0:
                for s in self.axis.stretches:
                    edges[row, s.cell * COLUMNS : (s.cell + s.cells) * COLUMNS : COLUMNS] = True
        self.under(edges, role, "~")

    def data(self) -> None:
        """The first curve last: where curves share a cell, it gives the ink."""
        for number, curve in reversed(list(enumerate(self.model.curves))):
            if not len(curve.series):
                continue
            raw = self.found[id(curve.series), False]
            smooth = self.found.get((id(curve.series), True), raw)
            for s, columns, over in zip(self.axis.stretches, raw, smooth, strict=True):
                if self.model.kind == "bars":
                    self.bars(curve, s, columns)
                    continue
                if over is not columns:
                    self.ribbon(curve, s, 0, self.within(curve, columns), faint=True)
                self.ribbon(curve, s, number, self.within(curve, over))

    def within(self, curve: Curve, found: Columns) -> Columns:
        """A curve that the scale makes no room for, less what lies above the scale."""
        if curve.stretches:
            return found
        top = self.scale.value(self.rows * ROWS)
        seen = found.low < top
        low, high = np.where(seen, found.low, np.nan), np.where(seen, np.minimum(found.high, top), np.nan)
        return replace(found, low=low, high=high)

    def ribbon(self, curve: Curve, s: Stretch, number: int, found: Columns, *, faint: bool = False) -> None:
        """Minimum to maximum of every dot column, joined with its neighbour where both were measured."""
        low, high = self.scale.rows(found.low), self.scale.rows(found.high)
        there = high >= 0
        low = np.where(there & (low < 0), 0, low)  # on a log scale a column from 0 upwards reaches down to the edge
        drawn_low, drawn_high = low.copy(), high.copy()
        both = there[:-1] & there[1:] & found.joined
        rise, fall = both & (low[1:] > high[:-1] + 1), both & (high[1:] < low[:-1] - 1)
        drawn_low[1:][rise] = high[:-1][rise] + 1
        drawn_high[1:][fall] = low[:-1][fall] - 1
        rows = np.arange(self.dots[0])[:, None]
        dots = (rows >= drawn_low) & (rows <= drawn_high) & there
        self.canvas.plot(self.top, self.left + s.cell, dots, self.inks(curve, s, faint=faint))
        if number or (self.look.ascii_only and len(self.model.curves) > 1):
            self.marks(curve, s, number, low, high)

    def inks(self, curve: Curve, s: Stretch, *, faint: bool) -> NDArray[np.int16]:
        edge = self.scale.limit_row
        above = np.zeros(self.rows, dtype=bool)
        if edge is not None:
            above[: self.rows - edge // ROWS] = True
        roles = ["axis" if faint else curve.ink.role(now=s.region.now, above=bool(is_above)) for is_above in above]
        return np.repeat(np.array([INK[role] for role in roles], dtype=np.int16)[:, None], s.cells, axis=1)

    def marks(self, curve: Curve, s: Stretch, number: int, low: NDArray[np.int64], high: NDArray[np.int64]) -> None:
        """The curve's sign in some cells that hold nothing but this curve, flat: so that a sign hides nothing."""
        sign = (ASCII_MARKS if self.look.ascii_only else MARKS)[number % len(MARKS)]
        if not sign:
            return
        last = -_MARK_EVERY
        for cell in range(s.cells):
            a, b = low[2 * cell : 2 * cell + 2], high[2 * cell : 2 * cell + 2]
            flat = (a >= 0).all() and (a // ROWS == b // ROWS).all() and (a // ROWS == a[0] // ROWS).all()
            if flat and cell - last >= _MARK_EVERY:
                row = self.top + self.rows - 1 - int(a[0]) // ROWS
                above = self.scale.limit_row is not None and int(a[0]) >= self.scale.limit_row
                role = curve.ink.role(now=s.region.now, above=above)
                if self.canvas.lone(row, self.left + s.cell + cell, a - a // ROWS * ROWS, b - b // ROWS * ROWS):
                    self.canvas.text(row, self.left + s.cell + cell, sign, role)
                    last = cell

    def bars(self, curve: Curve, s: Stretch, found: Columns) -> None:
        """One solid column a cell, as high as its largest value; a hairline where it is 0."""
        role = curve.ink.role(now=s.region.now, above=False)
        full = self.scale.value(self.rows * ROWS)
        for row, signs in enumerate(bar.column_blocks(found.high, full, self.rows)):
            for cell, sign in enumerate(signs):
                if sign != " ":
                    self.canvas.text(self.top + row, self.left + s.cell + cell, sign, role)
        for cell, value in enumerate(found.high.tolist()):
            if value <= 0:
                self.canvas.text(self.top + self.rows - 1, self.left + s.cell + cell, "▁", "rule")

    def ticks(self) -> None:
        """Labels in the left columns, right-aligned on the row of their tick."""
        show, curves = self.model.tick, self.model.curves
        if self.rows == 1 and curves and len(name := curves[0].label) < self.model.left:
            self.canvas.text(self.top, self.model.left - len(name) - 1, name, "dim")  # a lone tick would say less
            return
        for value, row, text in self.marked():
            words = show(value) if show else text
            self.canvas.text(self.top + self.rows - 1 - row // ROWS, self.left - 1 - len(words), words, "dim")
        if self.model.kind == "bars" and self.rows > 1:
            full = self.scale.value(self.rows * ROWS)
            words = show(full) if show else f"{full:g}"
            self.canvas.text(self.top, 0, " " * (self.left - 1 - len(words)) + words, "dim")
