"""A pane of words: rows of styled parts placed by column, cut to fit, of which only the rows that changed are painted again.

Parts name a role of the palette, never a colour. Foreign text is laid by the cells that a terminal gives it, and ends in … at a word.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from cockpit.theme import colours_of
from cockpit.widgets.line import cut


class Part(NamedTuple):
    """Words at a column. `style` is of bold, italic and underline; `ground` a role or '' for the screen's own."""

    column: int
    words: str
    role: str = "text"
    style: str = ""
    ground: str = ""


class Laid(NamedTuple):
    """A finished row: the role behind it, and its parts by column."""

    ground: str
    parts: tuple[Part, ...]


class Row:
    """One row under construction, as wide as its pane."""

    def __init__(self, width: int, ground: str = "") -> None:
        self.width, self.ground = width, ground
        self.parts: list[Part] = []
        self.end = 0
        """The first column behind the words that were put last; what stands at the right end does not count."""

    def put(self, column: int, words: str, role: str = "text", style: str = "", *, within: int | None = None) -> Row:
        """Words from a column on, cut at `within` cells and at the row's end."""
        room = self.width - column if within is None else min(within, self.width - column)
        words = cut(words, max(room, 0))
        if words and 0 <= column < self.width:
            self.parts.append(Part(column, words, role, style, self.ground))
            self.end = column + cell_len(words)
        return self

    def then(self, words: str, role: str = "text", style: str = "", *, gap: int = 0) -> Row:
        """Words behind the last ones; left out whole when they do not fit."""
        column = self.end + gap
        if column + cell_len(words) <= self.width:
            self.put(column, words, role, style)
        return self

    def pair(self, value: str, unit: str, *, gap: int = 3) -> Row:
        """A value and its unit behind the last words, both or neither."""
        column = self.end + gap
        if column + cell_len(value) + 1 + cell_len(unit) <= self.width:
            self.put(column, value).put(self.end + 1, unit, "dim")
        return self

    def right(self, end: int, words: str, role: str = "text", style: str = "") -> Row:
        """Words that end before a column."""
        held = self.end
        self.put(max(end - cell_len(words), 0), words, role, style)
        self.end = held
        return self

    def hairline(self, start: int, end: int, role: str = "rule") -> Row:
        """A rule, where it is worth one."""
        return self.put(start, "─" * (end - start), role) if end - start > 1 else self


def heading(width: int, title: str, unit: str = "", *, focused: bool = False) -> Row:
    """A pane's title: bold bright, its unit in dim, then a hairline to the edge."""
    row = Row(width).put(0, title, "bright", "bold")
    if unit:
        row.then(unit, "dim", gap=2)
    return row.hairline(row.end + 1, width, "axis" if focused else "rule")


class Pane(Widget):
    """Shows rows. `touch` lays them anew and paints those that differ."""

    ground = ""
    """The role behind the whole pane; '' is the screen's own."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._rows: list[Laid] = []
        self._pens: dict[tuple[str, str, str], Style] = {}

    def rows(self, width: int, height: int) -> list[Row]:
        """What to show on this many cells."""
        raise NotImplementedError

    def touch(self) -> None:
        """Lay the rows anew."""
        width, height = self.size
        if not (self.is_mounted and width and height):
            return
        rows = [Laid(row.ground, tuple(sorted(row.parts))) for row in self.rows(width, height)[:height]]
        pairs = zip_longest(self._rows, rows)
        changed = [y for y, (before, after) in enumerate(pairs) if before != after]
        self._rows = rows
        if changed:
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def laid(self, y: int) -> tuple[Part, ...]:
        """The parts of row y as they are shown."""
        return self._rows[y].parts if y < len(self._rows) else ()

    def on_mount(self) -> None:
        """Follow the theme."""
        self.app.theme_changed_signal.subscribe(self, self._repaint)
        self.touch()

    def on_resize(self) -> None:
        """Lay for the new size."""
        self.touch()
        self.refresh()

    def on_show(self) -> None:
        """Lay what arrived while hidden."""
        self.touch()

    def _repaint(self, _: object) -> None:
        self._pens.clear()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Row y as segments."""
        width = self.size.width
        laid = self._rows[y] if y < len(self._rows) else Laid("", ())
        blank = self._pen("text", "", laid.ground or self.ground)
        segments, at = [], 0
        for column, words, role, style, ground in laid.parts:
            if column > at:
                segments.append(Segment(" " * (column - at), blank))
            elif column < at:
                words = _behind(words, at - column)
            if not words:
                continue
            start = max(column, at)
            segments.append(Segment(words, self._pen(role, style, ground or self.ground)))
            at = start + cell_len(words)
        return Strip([*segments, Segment(" " * max(width - at, 0), blank)]).adjust_cell_length(width, blank)

    def _pen(self, role: str, style: str, ground: str) -> Style:
        key = (role, style, ground)
        pen = self._pens.get(key)
        if pen is None:
            colours = colours_of(self.app)
            pen = Style(
                color=colours[role],
                bgcolor=colours[ground or "background"],
                bold="bold" in style,
                italic="italic" in style,
                underline="underline" in style,
            )
            self._pens[key] = pen
        return pen


def _behind(words: str, cells: int) -> str:
    """What is left of words of which the first cells are taken."""
    left = words
    while left and cells > 0:
        cells -= cell_len(left[0])
        left = left[1:]
    return left
