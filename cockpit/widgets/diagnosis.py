"""The text of a diagnosis, laid to the width of its place."""

from __future__ import annotations

from textwrap import wrap

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from cockpit.report.diagnosis import Line, Role, lay
from cockpit.widgets.line import BRIGHT, LABEL, VALUE, line, stack
from engine.diagnosis.diagnosis import Diagnosis
from journal.text import plain

STYLE: dict[Role, str] = {"strong": BRIGHT, "value": VALUE, "dim": LABEL, "ok": "$ok", "warn": "$warn", "bad": "$bad"}
WIDEST = 120
"""Columns from which on a text is no easier to read."""


class DiagnosisText(Widget):
    """Says that it reads until there is something to show."""

    DEFAULT_CSS = "DiagnosisText { height: auto; width: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self._diagnosis: Diagnosis | None = None
        self._trouble = ""

    def show(self, diagnosis: Diagnosis | None, trouble: str = "") -> None:
        """Show a diagnosis, and in words what is wrong with reading it anew."""
        self._diagnosis, self._trouble = diagnosis, trouble
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many rows as the text has at this width."""
        return len(self.lines(width))

    def render(self) -> Content:
        """The whole text."""
        return stack(self.lines(self.size.width))

    def lines(self, width: int) -> list[Content]:
        """The text on lines of a width."""
        width = min(width, WIDEST)
        found: list[Content] = []
        if self._trouble:
            found += [line((f"The run cannot be read: {plain(self._trouble, 400)}", "$bad")), Content("")]
        if self._diagnosis is None:
            return found or [line(("reading the run", LABEL))]
        for laid in lay(self._diagnosis, width):
            found += [line(*((words, STYLE[role]) for words, role in one)) for one in _folded(laid, width)]
        return found


def _folded(laid: Line, width: int) -> list[Line]:
    """A line on as many lines as it takes: only a command is longer than its place, and goes on below where it began."""
    if sum(len(words) for words, _ in laid) <= width or len(laid) < 2:
        return [laid]
    *before, (words, role) = laid
    start = sum(len(held) for held, _ in before)
    first, *rest = wrap(words, max(width - start, 20), break_on_hyphens=False) or [""]
    return [[*before, (first, role)], *([(" " * start, "dim"), (more, role)] for more in rest)]
