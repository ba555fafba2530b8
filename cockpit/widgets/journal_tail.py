"""The newest entries of the journal, with those that nobody has reviewed yet marked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from cockpit.widgets.line import BRIGHT, LABEL, STRONG, VALUE, cut, heading, line, pad, stack
from cockpit.widgets.wrapping import wrap

if TYPE_CHECKING:
    from cockpit.live.glance import EntryRow, Overview

SIGN = {"success": ("✓", "$ok"), "failed": ("✗", "$bad"), "": ("·", LABEL)}
LEVEL, LEVELLED, HIGH = 13, 60, 20
"""Cells of the level; from this width on it stands in the entry's line; from this height on a narrower entry has two lines."""
LEAD = 11
"""Cells before a title: mark, clock, sign."""


class JournalTail(Widget, can_focus=True):
    """One line an entry, newest first; two in a narrow column that is high enough. `cursor` counts entries."""

    DEFAULT_CSS = "JournalTail { height: auto; text-wrap: nowrap; text-overflow: ellipsis; }"
    seen: reactive[Overview | None] = reactive(None)
    cursor: reactive[int] = reactive(0)

    class EntryOpened(Message):
        """An entry was asked for."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    @property
    def chosen(self) -> EntryRow | None:
        """The entry under the cursor."""
        entries = self.seen.entries if self.seen else ()
        return entries[self.cursor] if self.cursor < len(entries) else None

    @property
    def each(self) -> int:
        """Lines of an entry."""
        return 2 if self.size.width < LEVELLED and self.size.height >= HIGH else 1

    @property
    def shown(self) -> int:
        """Entries that are seen."""
        return min(max(0, (self.size.height - 1) // self.each), len(self.seen.entries) if self.seen else 0)

    def move(self, by: int) -> None:
        """Move the cursor; it stops at both ends of what is shown."""
        self.cursor = max(0, min(self.shown - 1, self.cursor + by))

    def open(self) -> None:
        """Ask for the chosen entry."""
        if self.chosen:
            self.post_message(self.EntryOpened(self.chosen.key))

    def render(self) -> Content:
        """Heading and lines."""
        width = self.size.width
        if self.seen is None:
            return heading("Journal", "", width)
        count = self.seen.to_review
        right = line((str(count), STRONG), (" to review", LABEL)) if count else Content("")
        written = self.seen.written
        note = f"{written} {'entry' if written == 1 else 'entries'}" if written else "smoke runs only"
        note = note if self.seen.entries else ""
        rows = [heading("Journal", note, width, right)]
        if not self.seen.entries:
            rows.append(
                line((cut("Every run writes its entry here when it starts, and closes it when it ends.", width), LABEL))
            )
        for index, entry in enumerate(self.seen.entries[: self.shown]):
            rows += self._rows(entry, width, self.has_focus and index == self.cursor)
        return stack(rows)

    def _rows(self, entry: EntryRow, width: int, chosen: bool) -> list[Content]:
        mark = ("▸ " if chosen else "• " if entry.unreviewed else "  ", BRIGHT)
        level = LEVEL if width >= LEVELLED or self.each > 1 else 0
        room = width - LEAD - (2 + level if self.each == 1 else 0)
        style = LABEL if entry.smoke else VALUE
        first, *rest = wrap(entry.title, room) if self.each > 1 else [entry.title]
        told = [line(mark, (pad(clock(entry.when), 6), LABEL), " ", SIGN[entry.sign], " ", (pad(first, room), style))]
        if self.each > 1:
            told.append(line(" " * LEAD, (pad(" ".join(rest), room - level - 2), style)))
        told[-1] = line(told[-1], ("  ", style), (pad(entry.level, level, right=True), LABEL))
        return [row.stylize("on $select bold") if chosen else row for row in told]

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """A click chooses a line, a double click opens it."""
        index = (event.y - 1) // self.each
        if not self.seen or not 0 <= index < self.shown:
            return
        if index == self.cursor and event.chain > 1:
            self.open()
        self.cursor = index


def clock(when: str) -> str:
    """'10:13' of today, '06-04' of another day, in local time; `when` is UTC as the journal writes it."""
    try:
        moment = datetime.strptime(when, "%Y-%m-%d %H:%M").replace(tzinfo=UTC).astimezone()
    except ValueError:
        return when[5:10]
    return f"{moment:%H:%M}" if moment.date() == datetime.now().date() else f"{moment:%m-%d}"
