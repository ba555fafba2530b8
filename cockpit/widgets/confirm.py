"""Asks before something that cannot be undone, or for the few words that a request needs; escape leaves everything as it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from cockpit.widgets.pane import Pane, Row


class Words(Pane):
    """A question and the facts to decide it by."""

    DEFAULT_CSS = "Words { height: auto; width: 1fr; }"
    ground = "panel"

    def __init__(self, question: str, facts: Sequence[tuple[str, str]], keys: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self.question, self.facts, self.keys = question, facts, keys
        self.wrong = ""

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        """A row each, one between the parts."""
        return 3 + len(self.facts)

    def rows(self, width: int, height: int) -> list[Row]:
        wide = max((len(name) for name, _ in self.facts), default=0) + 2
        rows = [Row(width, self.ground).put(0, self.question, "bright", "bold")]
        rows += [Row(width, self.ground).put(0, name, "dim").put(wide, value) for name, value in self.facts]
        rows.append(Row(width, self.ground).put(0, self.wrong, "bad"))
        keys = Row(width, self.ground)
        for key, what in self.keys:
            keys.put(keys.end + (2 if keys.end else 0), key, "bright", "bold").then(what, "dim", gap=1)
        return [*rows, keys]


class Confirm(ModalScreen[bool]):
    """y does it, n and escape do not."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "yes"),
        Binding("n,escape", "answer(False)", "no"),
    ]
    CSS = """
    Confirm { align: center middle; background: $background 60%; }
    Confirm Vertical { width: 72; max-width: 100%; height: auto; background: $panel; padding: 1 2 0 2; }
    """

    def __init__(self, question: str, facts: Sequence[tuple[str, str]], yes: str) -> None:
        super().__init__()
        self.words = Words(question, facts, (("y", yes), ("n", "leave it as it is")))

    def compose(self) -> ComposeResult:
        with Vertical():
            yield self.words

    def action_answer(self, yes: bool) -> None:
        """Close with the answer."""
        self.dismiss(yes)


class Ask(ModalScreen[str]):
    """One line of text; enter sends it, escape sends ''."""

    CSS = """
    Ask { align: center middle; background: $background 60%; }
    Ask Vertical { width: 72; max-width: 100%; height: auto; background: $panel; padding: 1 2 0 2; }
    Ask Input { border: none; height: 1; padding: 0; background: $select; color: $text; }
    """

    def __init__(self, question: str, facts: Sequence[tuple[str, str]], start: str = "", done: str = "send") -> None:
        super().__init__()
        self.words = Words(question, facts, (("enter", done), ("esc", "leave it as it is")))
        self.start = start

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Input(self.start, select_on_focus=False)
            yield self.words

    def on_mount(self) -> None:
        """Type at once, behind what stands there."""
        self.query_one(Input).focus()

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Close with the text."""
        self.dismiss(message.value.strip())

    def on_key(self, event: events.Key) -> None:
        """Escape leaves it."""
        if event.key == "escape":
            event.stop()
            self.dismiss("")
