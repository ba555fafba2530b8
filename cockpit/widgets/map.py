"""The map of two quantities, one point a round: the base, the prompted bar to beat, each steered push and where the healed student lands.

The horizontal axis is reversed where less is better, so that better is always up and to the right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cockpit.theme import ascii_only as only_ascii
from cockpit.widgets.canvas import Canvas, Frame
from cockpit.widgets.painted import Painted
from cockpit.widgets.scale import Scale, linear, tick_text
from journal.text import plain

Subject = Literal["base", "prompted", "steered", "healed"]
SIGNS: dict[Subject, str] = {"base": "◆", "prompted": "◇", "steered": "▲", "healed": "●"}
INKS: dict[Subject, str] = {"base": "bright", "prompted": "bright", "steered": "text", "healed": "accent-trait"}


@dataclass(frozen=True)
class Point:
    """A subject's measured place after a round (0 for base and prompted)."""

    subject: Subject
    round: int
    x: float
    y: float


@dataclass(frozen=True)
class MapModel:
    """What the map shows. `up` and `right` say what its directions mean."""

    title: str = "Care × Authority"
    unit: str = "nats"
    points: tuple[Point, ...] = ()
    up: str = "more care"
    right: str = "less authority"
    reversed_x: bool = True
    empty: str = "nothing evaluated yet"


_GUTTER = 6


@dataclass(frozen=True)
class _Across:
    """The horizontal scale, in dot columns."""

    low: float
    high: float
    cells: int
    reversed: bool

    def column(self, x: float) -> int:
        share = (x - self.low) / (self.high - self.low)
        share = 1 - share if self.reversed else share
        return min(max(int(share * self.cells * 2), 0), self.cells * 2 - 1)

    def ticks(self) -> list[tuple[float, str]]:
        least = (self.high - self.low) / max(self.cells // 6, 1)
        power = 10.0 ** math.floor(math.log10(least))
        step = next(head * power for head in (1, 2, 5, 10) if head * power >= least * (1 - 1e-9))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [(n * step, tick_text(n * step, step)) for n in range(first, last + 1)]


def draw_map(model: MapModel, width: int, height: int, *, ascii_only: bool = False) -> Frame:
    """Draw the map on width x height cells: title, plot, tick labels, and a row that says what the directions mean."""
    canvas = Canvas(width, height, ascii_only=ascii_only)
    title, unit = plain(model.title), plain(model.unit)
    canvas.text(0, 0, title, "bright", bold=True)
    canvas.text(0, len(title) + 2, unit, "dim")
    used = len(title) + 2 + len(unit)
    canvas.text(0, used, " " + "─" * max(width - used - 1, 0), "rule")
    rows, cells = height - 3, width - _GUTTER
    points = [p for p in model.points if math.isfinite(p.x) and math.isfinite(p.y)]
    if rows < 2 or cells < 8:
        return canvas.frame()
    if not points:
        canvas.text(1 + rows // 2, _GUTTER, model.empty, "dim")
        return canvas.frame()
    xs, ys = [p.x for p in points], [p.y for p in points]
    up = linear(min(ys), max(ys), rows, zero=False)
    room = (max(xs) - min(xs)) * 0.12 or max(abs(xs[0]) * 0.1, 0.1)
    across = _Across(min(xs) - room, max(xs) + room, cells, model.reversed_x)
    _grid(canvas, up, across, rows, cells)
    _bar_to_beat(canvas, points, up, across, rows, cells)
    _paths(canvas, points, up, across, rows, cells)
    _signs(canvas, points, up, across, rows)
    canvas.text(height - 1, 0, f"▴ {model.up}", "dim")
    words = f"{model.right} ▸"
    canvas.text(height - 1, width - len(words), words, "dim")
    return canvas.frame()


def _grid(canvas: Canvas, up: Scale, across: _Across, rows: int, cells: int) -> None:
    grid = np.zeros((rows * 4, cells * 2), dtype=bool)
    for _, row, text in up.ticks():
        grid[row, ::4] = True
        canvas.text(1 + rows - 1 - row // 4, _GUTTER - 1 - len(text), text, "dim")
    grid[0, :] = True
    taken = -1
    for value, text in sorted(across.ticks(), key=lambda tick: across.column(tick[0])):
        column = across.column(value)
        grid[1, column] = True
        at = _GUTTER + column // 2 - len(text) // 2
        if at > taken and at + len(text) <= canvas.width:
            canvas.text(1 + rows, at, text, "dim")
            taken = at + len(text) + 1
    canvas.decorate(1, _GUTTER, grid, "rule", " ")
    grid[4:] = False
    canvas.decorate(1, _GUTTER, grid, "rule", "_")


def _bar_to_beat(canvas: Canvas, points: list[Point], up: Scale, across: _Across, rows: int, cells: int) -> None:
    """Dotted lines from the prompted base to where both quantities are better."""
    for p in points:
        if p.subject == "prompted":
            lines = np.zeros((rows * 4, cells * 2), dtype=bool)
            row, column = int(up.rows([p.y])[0]), across.column(p.x)
            lines[row, column::3] = True
            lines[row::3, column] = True
            canvas.decorate(1, _GUTTER, lines, "axis")


def _paths(canvas: Canvas, points: list[Point], up: Scale, across: _Across, rows: int, cells: int) -> None:
    """Solid from the base through the healed students; sparse out to each steered push and back to its healed student."""
    place = {(p.subject, p.round): (across.column(p.x), int(up.rows([p.y])[0])) for p in points}
    rounds = sorted({p.round for p in points if p.round})
    solid, sparse = (np.zeros((rows * 4, cells * 2), dtype=bool) for _ in range(2))
    stands = place.get(("base", 0))
    for r in rounds:
        steered, healed = place.get(("steered", r)), place.get(("healed", r))
        for start, stop, dots, every in (
            (stands, steered, sparse, 3),
            (steered, healed, sparse, 3),
            (stands, healed, solid, 1),
        ):
            if start and stop:
                _line(dots, start, stop, every)
        stands = healed or stands
    canvas.decorate(1, _GUTTER, sparse & ~solid, "dim")
    canvas.decorate(1, _GUTTER, solid, "accent-trait")


def _line(dots: np.ndarray, start: tuple[int, int], stop: tuple[int, int], every: int) -> None:
    count = max(abs(stop[0] - start[0]), abs(stop[1] - start[1])) + 1
    columns = np.rint(np.linspace(start[0], stop[0], count)).astype(int)[::every]
    rows = np.rint(np.linspace(start[1], stop[1], count)).astype(int)[::every]
    dots[rows, columns] = True


def _signs(canvas: Canvas, points: list[Point], up: Scale, across: _Across, rows: int) -> None:
    """A sign a point, and its name where there is room; points in one cell share a sign and list their names."""
    newest = {s: max((p.round for p in points if p.subject == s), default=0) for s in SIGNS}
    cells: dict[tuple[int, int], list[Point]] = {}
    order: list[Subject] = ["base", "prompted", "steered", "healed"]
    for p in sorted(points, key=lambda p: (order.index(p.subject), p.round)):
        cells.setdefault((rows - int(up.rows([p.y])[0]) // 4, _GUTTER + across.column(p.x) // 2), []).append(p)
    for (row, column), held in cells.items():
        canvas.text(row, column, SIGNS[held[-1].subject], INKS[held[-1].subject], bold=held[-1].subject == "healed")
    for (row, column), held in sorted(cells.items(), key=lambda cell: _weight(cell[1][-1], newest), reverse=True):
        name = ", ".join(_name(p, newest) for p in held)
        strong = any(p.subject == "healed" and p.round == newest["healed"] for p in held)
        spots = [(row, column + 2), (row, column - 1 - len(name)), (row - 1, column + 2), (row + 1, column + 2)]
        spots += [(row - 1, column - len(name)), (row + 1, column - len(name))]
        for at_row, at in spots:
            if 1 <= at_row <= rows and at > 0 and canvas.free(at_row, at - 1 if at > column else at, len(name) + 1):
                canvas.text(at_row, at, name, "bright" if strong else "dim", bold=strong)
                break


def _weight(p: Point, newest: dict[Subject, int]) -> tuple[bool, bool, int]:
    return (p.subject == "healed" and p.round == newest["healed"], p.subject in ("base", "prompted"), p.round)


def _name(p: Point, newest: dict[Subject, int]) -> str:
    if p.subject in ("base", "prompted"):
        return p.subject
    return f"r{p.round} {p.subject}" if p.round == newest[p.subject] else f"r{p.round}"


class Map(Painted):
    """The map as a widget; `show` gives it other points."""

    DEFAULT_CSS = "Map { height: 1fr; }"

    def __init__(self, model: MapModel | None = None, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.model = model or MapModel()

    def show(self, model: MapModel) -> None:
        """Show another model."""
        self.model = model
        self.touch()

    def make_frame(self, width: int, height: int) -> Frame:
        """The map at this size."""
        return draw_map(self.model, width, height, ascii_only=only_ascii())
