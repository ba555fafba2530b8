"""The log of a run: every event that has a line, followed while it goes on, and searched."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input

from cockpit.actions import bindings
from cockpit.live.feed import Update
from cockpit.screens.run_screen import RunScreen
from cockpit.widgets.key_bar import KeyBar
from cockpit.widgets.log import LogPane
from cockpit.widgets.pane import Pane, Row
from journal.text import plain, short


class LogTitle(Pane):
    """Which run, how many lines, and whether the end is followed."""

    DEFAULT_CSS = "LogTitle { height: 1; dock: top; }"
    ground = "panel"
    words: tuple[str, ...] = ()

    def show(self, *words: str) -> None:
        """Show these words after the title."""
        self.words = words
        self.touch()

    def rows(self, width: int, height: int) -> list[Row]:
        margin = 1 if width < 100 else 2
        row = Row(width, self.ground).put(margin, "Log", "bright", "bold")
        for word in self.words:
            row.then(word, "dim", gap=3)
        return [row]


class SearchField(Input):
    """Escape gives the search up, and only then leaves the log."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "give_up", show=False)]

    def action_give_up(self) -> None:
        """Every line again."""
        self.value = ""
        self.remove_class("open")
        self.screen.set_focus(None)


class Log(RunScreen):
    """Up and down leave the end, end follows it again; / searches."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("log")
    AUTO_FOCUS = ""
    room = "log"
    CSS = """
    Log { background: $background; color: $text; overflow: hidden; }
    Log LogPane { width: 1fr; height: 1fr; margin: 1 1 0 1; }
    Log Input { border: none; height: 1; padding: 0 1; background: $select; color: $text; display: none; dock: bottom; margin: 0 0 1 0; }
    Log Input.open { display: block; }
    """

    def compose(self) -> ComposeResult:
        """Title, lines, the search field, keys."""
        yield LogTitle()
        pane = LogPane()
        pane.title = ""
        yield pane
        yield SearchField(placeholder="words to search for")
        yield KeyBar()

    def take(self, update: Update) -> None:
        """Show the newest lines."""
        self.query_one(LogPane).show(update.view.lines)
        self._title()

    def _title(self) -> None:
        pane, update = self.query_one(LogPane), self.update_seen
        if update is None:
            return
        held = len(pane.lines) + update.view.dropped_lines
        lost = f", the first {update.view.dropped_lines:,} are in events.jsonl" if update.view.dropped_lines else ""
        found = f"{len(pane.found):,} with {plain(pane.wanted, 40)!r}" if pane.wanted else ""
        follow = "follows the end" if pane.follow else f"line {pane.top + 1:,}"
        words = [short(update.folder.id), f"{held:,} lines{lost}", found, follow]
        self.query_one(LogTitle).show(*(word for word in words if word))

    def _move(self, lines: int) -> None:
        self.query_one(LogPane).move_by(lines)
        self._title()

    def action_up(self) -> None:
        """One line back."""
        self._move(-1)

    def action_down(self) -> None:
        """One line on."""
        self._move(1)

    def action_page_up(self) -> None:
        """A page back."""
        self._move(-max(self.query_one(LogPane).size.height - 1, 1))

    def action_page_down(self) -> None:
        """A page on."""
        self._move(max(self.query_one(LogPane).size.height - 1, 1))

    def action_first(self) -> None:
        """The first line."""
        self._move(-(10**9))

    def action_last(self) -> None:
        """The end, which is followed from now on."""
        self._move(10**9)

    def action_search(self) -> None:
        """Type what to search for."""
        field = self.query_one(Input)
        field.add_class("open")
        field.focus()

    def on_input_changed(self, message: Input.Changed) -> None:
        """Search while it is typed."""
        self.query_one(LogPane).search(message.value.strip())
        self._title()

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Keep the search, close the field."""
        message.input.remove_class("open")
        self.set_focus(None)

    def on_mouse_scroll_up(self) -> None:
        """The wheel."""
        self._move(-3)

    def on_mouse_scroll_down(self) -> None:
        """The wheel."""
        self._move(3)
