"""The line that says which entries are shown, and takes a new one: conditions as in `cockpit journal list --where`, and words."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input

from cockpit.review.reading import Seen
from cockpit.widgets.pane import Pane, Row
from cockpit.widgets.sparkline import sparkline
from journal.text import plain

EXAMPLE = 'trait=care  healed.trait_rate>=.9  not smoke  since:7d  sort:-seed  barrier "tail ppl"'


class Shown(Pane):
    """The title or the filter as words; the parent says which rows."""

    DEFAULT_CSS = "Shown { height: 2; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.seen: Seen | None = None
        self.asked = ""
        self.wrong = ""
        self.marked = 0

    def rows(self, width: int, height: int) -> list[Row]:
        """What is asked for and how much of it there is; below, how well the predictions held, or what is wrong."""
        edge = 1 if width < 92 else 2
        row = Row(width).put(edge, "/", "bright", "bold")
        seen = self.seen
        end = width - edge
        if seen is not None and seen.per_day and width >= 92:
            row.right(end, sparkline(seen.per_day, len(seen.per_day), low=0), "axis")
            end -= len(seen.per_day) + 2
            row.right(end, "entries a day", "dim")
            end -= 17
        if seen is not None:
            count = f"{len(seen.items):,} of {seen.count:,}" if len(seen.items) != seen.count else f"all {seen.count:,}"
            row.right(end, count, "text")
            end -= len(count) + 3
        if self.marked:
            words = f"{self.marked} marked, = compares"
            row.right(end, words, "bright")
            end -= len(words) + 3
        if self.asked:
            row.put(row.end + 1, plain(self.asked, 300), "text", within=max(end - row.end - 1, 0))
        else:
            row.put(row.end + 1, "everything, newest first", "dim", within=max(end - row.end - 1, 0))
        below = Row(width)
        if self.wrong:
            below.put(edge, "✗", "bad").put(edge + 2, plain(self.wrong, 300), "text", within=width - 2 * edge - 2)
        elif seen is not None and seen.calibration:
            below.put(edge, "predictions", "dim")
            below.put(edge + 13, seen.calibration, "dim", within=width - 2 * edge - 13)
        return [row, below]


class FilterLine(Vertical):
    """Two rows: the filter with what came of it, and the calibration. `edit` puts a field in their place."""

    DEFAULT_CSS = """
    FilterLine { height: 2; }
    FilterLine Input { border: none; height: 1; padding: 0 1; background: $select; color: $text; display: none; }
    FilterLine.editing Input { display: block; }
    FilterLine.editing Shown { height: 1; }
    """

    class Given(Message):
        """A filter was typed, and is meant."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Left(Message):
        """The filter stays as it was."""

    def compose(self) -> ComposeResult:
        """The field above the words."""
        yield Input(placeholder=EXAMPLE, select_on_focus=False)
        yield Shown()

    @property
    def words(self) -> Shown:
        """What is shown."""
        return self.query_one(Shown)

    @property
    def editing(self) -> bool:
        """Whether somebody types."""
        return self.has_class("editing")

    def edit(self) -> None:
        """Type a filter."""
        self.add_class("editing")
        field = self.query_one(Input)
        field.value = self.words.asked
        field.cursor_position = len(field.value)
        field.focus()

    def leave(self) -> None:
        """Back to the words."""
        self.remove_class("editing")
        self.words.wrong = ""
        self.words.touch()

    def show(
        self, seen: Seen | None = None, *, asked: str | None = None, wrong: str = "", marked: int | None = None
    ) -> None:
        """What is asked for, what came of it, or what is wrong with it."""
        words = self.words
        words.seen = seen if seen is not None else words.seen
        words.asked = asked if asked is not None else words.asked
        words.marked = marked if marked is not None else words.marked
        words.wrong = wrong
        words.touch()

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Ask for it."""
        message.stop()
        self.post_message(self.Given(message.value.strip()))

    def on_click(self) -> None:
        """A click on the line is as good as its key."""
        if not self.editing:
            self.edit()

    def on_key(self, event: events.Key) -> None:
        """Escape leaves the filter as it was."""
        if event.key == "escape" and self.editing:
            event.stop()
            self.leave()
            self.post_message(self.Left())


class JournalTitle(Pane):
    """The first row: how many entries, how many nobody has reviewed, how many claims."""

    DEFAULT_CSS = "JournalTitle { height: 1; }"
    ground = "panel"
    seen: Seen | None = None

    def show(self, seen: Seen) -> None:
        """Show these counts."""
        self.seen = seen
        self.touch()

    def rows(self, width: int, height: int) -> list[Row]:
        edge = 1 if width < 92 else 2
        row = Row(width, self.ground).put(edge, "Journal", "bright", "bold")
        if self.seen is None:
            return [row]
        seen = self.seen
        row.then(f"{seen.count:,} {'entry' if seen.count == 1 else 'entries'}", "dim", gap=3)
        end = width - edge
        counts = [(seen.claims, "claims" if seen.claims != 1 else "claim"), (seen.edited, "edited by hand")]
        for count, words in [*counts, (seen.unreviewed, "unreviewed")]:
            if count:
                row.right(end, words, "dim").right(end - len(words) - 1, f"{count:,}", "bright", "bold")
                end -= len(words) + len(f"{count:,}") + 4
        return [row]
