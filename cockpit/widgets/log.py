"""The run's events as lines, the newest at the end: followed while it goes on, searched, and read at any place."""

from __future__ import annotations

from cockpit.live.view import Line
from cockpit.widgets.pane import Pane, Row, heading
from journal.text import duration, plain


class LogPane(Pane):
    """Lines from `top` on; follows the end until somebody scrolls up."""

    lines: tuple[Line, ...] = ()
    wanted = ""
    top = 0
    follow = True
    title = "Log"
    """Its heading; '' for none."""

    def show(self, lines: tuple[Line, ...]) -> None:
        """Show these lines."""
        self.lines = lines
        self.touch()

    def search(self, wanted: str) -> None:
        """Keep only the lines that hold these words, in any case; '' keeps all."""
        self.wanted = wanted
        self.move_by(0)

    @property
    def found(self) -> tuple[Line, ...]:
        """The lines that match."""
        if not self.wanted:
            return self.lines
        wanted = self.wanted.casefold()
        return tuple(line for line in self.lines if wanted in line.text.casefold())

    def move_by(self, lines: int) -> None:
        """Move by lines; to the end follows, away from it stops following."""
        last = max(len(self.found) - self.size.height + bool(self.title), 0)
        start = last if self.follow else min(self.top, last)
        self.top = min(max(start + lines, 0), last)
        self.follow = self.top >= last and (self.follow or lines > 0)
        self.touch()

    def rows(self, width: int, height: int) -> list[Row]:
        found, rows = self.found, [heading(width, self.title)] if self.title else []
        height -= len(rows)
        if not found:
            told = f"no line holds {plain(self.wanted, 60)!r}" if self.wanted else "no event yet"
            return [*rows, Row(width).put(0, told, "dim")]
        last = max(len(found) - height, 0)
        start = last if self.follow else min(self.top, last)
        for entry in found[start : start + height]:
            row = Row(width).right(8, duration(entry.elapsed), "dim")
            loud = "!" in entry.text[:16] or "✗" in entry.text[:16]
            rows.append(row.put(10, entry.text, "bright" if loud else "text"))
        return rows
