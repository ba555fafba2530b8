"""Asks for one of a few things, each by its key; escape chooses none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen

from cockpit.widgets.pane import Pane, Row


class Option(NamedTuple):
    """A key, the word that is chosen by it, and what that means."""

    key: str
    word: str
    about: str


class Options(Pane):
    """The question and its answers; a click on one chooses it."""

    DEFAULT_CSS = "Options { height: auto; width: 1fr; }"
    ground = "panel"

    def __init__(self, question: str, options: Sequence[Option]) -> None:
        super().__init__()
        self.question, self.options = question, tuple(options)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        """A row each, and room between."""
        return len(self.options) + 4

    def rows(self, width: int, height: int) -> list[Row]:
        """Question, answers, the way out."""
        wide = max(len(option.word) for option in self.options) + 5
        rows = [Row(width, self.ground).put(0, self.question, "bright", "bold"), Row(width, self.ground)]
        for option in self.options:
            row = Row(width, self.ground).put(0, option.key, "bright", "bold").put(3, option.word)
            rows.append(row.put(wide, option.about, "dim"))
        return [
            *rows,
            Row(width, self.ground),
            Row(width, self.ground).put(0, "esc", "bright", "bold").then("none of these", "dim", gap=1),
        ]

    def on_click(self, event: events.Click) -> None:
        """Choose what was clicked."""
        at = event.y - 2
        if 0 <= at < len(self.options):
            self.screen.dismiss(self.options[at].word)


class Choose(ModalScreen[str]):
    """Closes with the chosen word, '' for none."""

    CSS = """
    Choose { align: center middle; background: $background 60%; }
    Choose Vertical { width: 76; max-width: 100%; height: auto; background: $panel; padding: 1 2; }
    """

    def __init__(self, question: str, options: Sequence[Option]) -> None:
        super().__init__()
        self.options = Options(question, options)

    def compose(self) -> ComposeResult:
        """The question alone."""
        with Vertical():
            yield self.options

    def on_key(self, event: events.Key) -> None:
        """One key chooses; every other one but escape is passed over."""
        event.stop()
        found = next((o.word for o in self.options.options if o.key == event.character), None)
        if found is not None or event.key == "escape":
            self.dismiss(found or "")
