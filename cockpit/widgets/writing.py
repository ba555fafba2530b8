"""A field to write the discussion of an entry in. Nothing is lost: what could not be saved stays in the field, with the reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import TextArea

from cockpit.widgets.confirm import Words
from cockpit.widgets.entry_text import wrap
from cockpit.widgets.pane import Pane, Row
from journal.text import plain


class Saved(Message):
    """The words were written, or why they were not."""

    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why


class Reason(Pane):
    """Why something was not saved, on as many lines as it takes."""

    DEFAULT_CSS = "Reason { height: auto; max-height: 4; }"
    ground = "panel"
    text = ""

    def say(self, text: str) -> None:
        """Say it; '' says nothing."""
        self.text = plain(text, 600)
        self.styles.height = len(wrap(self.text, max(self.size.width - 2, 20)))
        self.touch()

    def rows(self, width: int, height: int) -> list[Row]:
        """A sign and the words."""
        lines = wrap(self.text, max(width - 2, 20)) if self.text else []
        return [Row(width, self.ground).put(0, "" if n else "!", "warn").put(2, words) for n, words in enumerate(lines)]


class Writing(ModalScreen[bool]):
    """`save` writes the text, off the message loop, and returns why it could not, or ''. Closes with whether anything was written."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "save", priority=True),
        Binding("escape", "leave", "leave", priority=True),
    ]
    CSS = """
    Writing { align: center middle; background: $background 60%; }
    Writing Vertical { width: 84; max-width: 100%; height: 80%; background: $panel; padding: 1 2; }
    Writing TextArea { height: 1fr; border: none; padding: 0 1; background: $background; color: $text; }
    Writing Words { height: 4; }
    """

    def __init__(self, title: str, text: str, save: Callable[[str], str]) -> None:
        super().__init__()
        self._save, self._before = save, text
        self._asked = False
        self.words = Words(title, [], (("ctrl+s", "save"), ("esc", "leave it as it was")))

    def compose(self) -> ComposeResult:
        """The field, and what to do with it."""
        with Vertical():
            yield TextArea(self._before, soft_wrap=True, show_line_numbers=False, theme="css", tab_behavior="focus")
            yield Reason()
            yield self.words

    def on_mount(self) -> None:
        """Write at the end of the first line, which is where a new discussion begins."""
        field = self.query_one(TextArea)
        field.focus()
        field.move_cursor((0, len(self._before.split("\n", 1)[0])))

    @property
    def text(self) -> str:
        """What stands in the field."""
        return self.query_one(TextArea).text

    def action_save(self) -> None:
        """Write it."""
        self._write(self.text)

    @work(thread=True, exclusive=True, group="save", exit_on_error=False)
    def _write(self, text: str) -> None:
        try:
            why = self._save(text)
        except Exception as error:  # whatever happens, the words stay in the field
            why = f"{type(error).__name__}: {error}"
        self.post_message(Saved(why))

    def on_saved(self, message: Saved) -> None:
        """Close, or say why it could not be written."""
        if message.why:
            self.query_one(Reason).say(f"not saved: {message.why}")
        else:
            self.dismiss(True)

    def on_text_area_changed(self) -> None:
        """Another escape is asked for again."""
        self._asked = False

    def action_leave(self) -> None:
        """Leave the text as it was; asks once when something would be lost."""
        if self.text != self._before and not self._asked:
            self._asked = True
            self.query_one(Reason).say("what you wrote is not saved: escape again leaves it, ctrl+s saves")
            return
        self.dismiss(False)

    def on_click(self, event: events.Click) -> None:
        """Clicks stay in here."""
        event.stop()
