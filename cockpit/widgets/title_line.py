"""The first line of a screen: where one is, what state the project is in, what time it is."""

from __future__ import annotations

from datetime import datetime

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from cockpit.widgets.line import LABEL, STRONG, VALUE, cut, line, margin, spread
from journal.text import plain

CLOCK_SECONDS = 10.0


class TitleLine(Widget):
    """`gate`: None while nobody looked, '' when closed, else the run that opened it."""

    DEFAULT_CSS = "TitleLine { height: 1; width: 1fr; background: $panel; text-wrap: nowrap; text-overflow: ellipsis; }"
    gate: reactive[str | None] = reactive(None)

    def __init__(self, title: str, note: str = "", *, gate: bool = False, id: str | None = None) -> None:
        super().__init__(id=id)
        self._title, self._note, self._with_gate = title, plain(note, 60), gate

    def on_mount(self) -> None:
        self.set_interval(CLOCK_SECONDS, self.refresh)

    def render(self) -> Content:
        """The line."""
        width = self.size.width - 2 * margin(self.size.width)
        clock = f"{datetime.now():%m-%d %H:%M}"
        right = line(*self._gate(), (clock, LABEL))
        left = line((self._title, STRONG), (f"   {cut(self._note, max(8, width - 50))}" if self._note else "", LABEL))
        return Content.assemble(" " * margin(self.size.width), spread(left, right, width))

    def _gate(self) -> list[tuple[str, str]]:
        if not self._with_gate or self.gate is None:
            return []
        word = ("✓", "$ok"), (" green for this code", VALUE)
        shut = ("·", LABEL), (" not yet for this code", VALUE)
        return [("fast-dev-run ", LABEL), *(word if self.gate else shut), ("    ", LABEL)]
