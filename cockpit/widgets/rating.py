"""One answer to rate: its prompt, its text, and the two questions with what the ends of their scales mean. Who gave it is not here."""

from __future__ import annotations

from textwrap import wrap
from typing import Any

from cockpit.review.rating import LEVELS
from cockpit.widgets.pane import Pane, Row
from journal.text import plain

WIDEST = 100
"""Columns of a text that is read."""


class RatingTitle(Pane):
    """Which run, who rates, and how far."""

    DEFAULT_CSS = "RatingTitle { height: 1; dock: top; }"
    ground = "panel"
    words: tuple[str, ...] = ()

    def show(self, *words: str) -> None:
        """Show these words after the title."""
        self.words = words
        self.touch()

    def rows(self, width: int, height: int) -> list[Row]:
        row = Row(width, self.ground).put(1 if width < 100 else 2, "Blind rating", "bright", "bold")
        for word in self.words:
            row.then(word, "dim", gap=3)
        return [row]


class RatingPane(Pane):
    """`lines` instead of a text is the report at the end, or why there is nothing to rate."""

    DEFAULT_CSS = "RatingPane { width: 1fr; height: 1fr; }"
    prompt: str = ""
    text: str = ""
    trait: str = ""
    coherence: int = 0
    lines: tuple[str, ...] = ()
    top: int = 0

    def show(self, **held: Any) -> None:
        """Show something else, from its beginning."""
        self.top = 0
        for name, value in held.items():
            setattr(self, name, value)
        self.touch()

    def scroll_rows(self, rows: int) -> None:
        """Move the text by rows, within what there is."""
        self.top = max(0, min(self.top + rows, len(self._text(self.size.width)) - 1))
        self.touch()

    def rows(self, width: int, height: int) -> list[Row]:
        m = 1 if width < 100 else 2
        if self.lines:
            return [Row(width), *(Row(width).put(m, line) for line in self._text(width)[self.top :])]
        if not self.text and not self.prompt:
            return []
        room = min(width - 2 * m, WIDEST)
        head = [
            Row(width),
            *(Row(width).put(m, part, "dim") for part in wrap(plain(self.prompt, 1000), room)[:4]),
            Row(width),
        ]
        foot = self._questions(width, m)
        text = self._text(width)[self.top :]
        free = max(height - len(head) - len(foot), 1)
        if len(text) > free:
            text = [*text[: free - 1], "… more below"]
        shown = [Row(width).put(m, part) for part in text]
        return [*head, *shown, *([Row(width)] * (free - len(shown))), *foot]

    def _text(self, width: int) -> list[str]:
        if self.lines:
            return list(self.lines)
        m = 1 if width < 100 else 2
        return wrap(plain(self.text, 6000) or "(empty)", min(width - 2 * m, WIDEST))

    def _questions(self, width: int, m: int) -> list[Row]:
        asked = "trait" if self.coherence else "coherence"
        rows = [Row(width).hairline(m, width - m)]
        for scale, low, high in (
            ("coherence", "broken or beside the point", "fluent and to the point"),
            ("trait", "nothing of it", f"all of it: {self.trait}"),
        ):
            now = scale == asked
            row = Row(width).put(m, "▸" if now else " ", "bright", "bold")
            row.put(m + 2, scale, "bright" if now else "dim", "bold" if now else "")
            given = str(self.coherence) if scale == "coherence" and self.coherence else ""
            row.put(m + 13, given or ("1 to 5" if now else ""), "bright")
            row.put(m + 21, f"1 {low}, {LEVELS} {high}", "dim")
            rows.append(row)
        return rows
