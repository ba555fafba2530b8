"""The journal: its entries newest first, filtered and searched; one of them to read, to judge, and to write on.

Everything that reads or writes the file happens in threads; the screen looks at it every second, so that a run that ends or an editor
that saves is seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Static

from cockpit.actions import bindings
from cockpit.review.reading import Asked, Opened, Seen, Shelf, read_line, stamp
from cockpit.screens.journal_saying import Saying
from cockpit.widgets.entry_list import EntryList
from cockpit.widgets.entry_view import EntryView
from cockpit.widgets.filter_line import FilterLine, JournalTitle
from cockpit.widgets.hairline import Hairline
from cockpit.widgets.key_bar import KeyBar
from engine.contract.errors import BadInput
from engine.contract.rundir import runs_folder
from journal.query import Item
from journal.text import short

if TYPE_CHECKING:
    from cockpit.app import CockpitApp

LOOK_SECONDS = 1.0
SETTLE = 0.04
"""Seconds that the cursor must rest before its entry is read."""
SORTS = ("", "when", "-trait_rate", "tail_ppl", "verdict")


@dataclass
class JournalSeen(Message):
    """The journal was looked at, and it or the filter has changed."""

    seen: Seen


@dataclass
class FilterRefused(Message):
    """What was typed asks for nothing that can be found."""

    why: str


@dataclass
class EntryOpened(Message):
    """An entry was read; None when it is gone."""

    key: str
    entry: Opened | None
    why: str = ""


class Journal(Saying):
    """`entry` is the key of the entry that is shown first."""

    CSS_PATH = "journal.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings("journal")
    AUTO_FOCUS = "EntryList"
    room = "journal"
    app: CockpitApp

    def __init__(self, project: Path, entry: str = "") -> None:
        super().__init__(project)
        self._first = entry
        self._shelf = Shelf(project)
        self._typed, self._asked = "", Asked()
        self._settling: Timer | None = None

    def compose(self) -> ComposeResult:
        """Title, filter, list, entry, keys."""
        yield JournalTitle()
        yield Static(id="gap")
        yield FilterLine()
        yield Hairline(id="above")
        with Container(id="body"):
            yield EntryList(id="list")
            yield Hairline(id="between")
            yield EntryView(id="entry")
        yield KeyBar()

    def on_mount(self) -> None:
        """Lay the panes."""
        self._lay()

    def on_resize(self, event: events.Resize) -> None:
        """Lay the panes anew."""
        self._lay()

    def _lay(self) -> None:
        width, height = self.app.size
        self.set_class(width < 100, "narrow")
        self.set_class(width >= 160, "wide")
        self.set_class(100 <= width < 160 and height >= 46, "tall")

    @property
    def list(self) -> EntryList:
        """The entries."""
        return self.query_one(EntryList)

    def meant(self) -> Item | None:
        """The entry under the cursor."""
        return self.list.item

    def read(self) -> Opened | None:
        """It, as it was read; None while another one is still shown."""
        entry = self.query_one(EntryView).entry
        return entry if entry is not None and entry.item.row.key == self.list.key else None

    def shown(self) -> tuple[Item, ...]:
        """Those that the filter lets through."""
        return self.list.seen.items if self.list.seen else ()

    # the threads that read

    def look(self) -> None:
        """Look at the journal when it or the filter has changed."""
        last: tuple[object, ...] = ()
        for _ in self.looks(LOOK_SECONDS):
            asked = self._asked
            now = (asked, stamp(self._project))
            if now != last:
                last = now
                try:
                    self.post_message(JournalSeen(self._shelf.look(asked)))
                except BadInput as error:
                    self.post_message(FilterRefused(str(error)))
                except Exception as error:  # whatever is in that file, the screen goes on and says so
                    self.post_message(JournalSeen(Seen(asked=asked, trouble=f"{type(error).__name__}: {error}")))

    def on_journal_seen(self, message: JournalSeen) -> None:
        """Show it."""
        self.query_one(JournalTitle).show(message.seen)
        self.query_one(FilterLine).show(message.seen, asked=self._typed, marked=len(self.list.marked))
        self.list.show(message.seen, at=self._first)
        self._first = ""
        self._read(self.list.key)
        self.refresh_bindings()

    def on_filter_refused(self, message: FilterRefused) -> None:
        """Say what is wrong with it."""
        self.query_one(FilterLine).show(wrong=message.why)

    def on_entry_list_chosen(self, message: EntryList.Chosen) -> None:
        """Read it, once the cursor rests."""
        if self._settling is not None:
            self._settling.stop()
        self._settling = self.set_timer(SETTLE, lambda: self._read(self.list.key))
        self.refresh_bindings()

    def _read(self, key: str) -> None:
        if key:
            self.run_worker(partial(self._fetch, key), thread=True, exclusive=True, exit_on_error=False, group="read")
        else:
            self.query_one(EntryView).show(None)

    def _fetch(self, key: str) -> None:
        try:
            self.post_message(EntryOpened(key, self._shelf.open(key)))
        except Exception as error:
            self.post_message(EntryOpened(key, None, f"{error}"))

    def on_entry_opened(self, message: EntryOpened) -> None:
        """Show it, unless the cursor has gone on."""
        if message.key == self.list.key:
            self.query_one(EntryView).show(message.entry)
            if message.why:
                self.app.tell(f"the entry cannot be read: {message.why}", bad=True)

    # which entries

    def action_filter(self) -> None:
        """Type a filter."""
        self.remove_class("reading")
        self.query_one(FilterLine).edit()

    def on_filter_line_given(self, message: FilterLine.Given) -> None:
        """Ask for it; what cannot be read stays in the field, with what is wrong."""
        try:
            asked = read_line(message.text)
        except BadInput as error:
            self.query_one(FilterLine).show(wrong=str(error))
            return
        self._ask(message.text, asked)
        self.on_filter_line_left()

    def on_filter_line_left(self) -> None:
        """Back to the list."""
        self.query_one(FilterLine).leave()
        self.list.focus()

    def _ask(self, text: str, asked: Asked) -> None:
        self._typed, self._asked = text, asked
        self.query_one(FilterLine).show(asked=text)
        self.look_again()

    def action_sort(self) -> None:
        """The next order."""
        at = SORTS.index(self._asked.sort) if self._asked.sort in SORTS else -1
        name = SORTS[(at + 1) % len(SORTS)]
        words = [word for word in self._typed.split() if not word.startswith("sort:")]
        text = " ".join([*words, f"sort:{name}"] if name else words)
        self._ask(text, read_line(text))

    # moving

    def _move(self, by: int) -> None:
        self.list.move(by)

    def action_up(self) -> None:
        self._move(-1)

    def action_down(self) -> None:
        self._move(1)

    def action_page_up(self) -> None:
        self._move(-self.list.page())

    def action_page_down(self) -> None:
        self._move(self.list.page())

    def action_first(self) -> None:
        self._move(-(10**9))

    def action_last(self) -> None:
        self._move(10**9)

    def action_scroll_down(self) -> None:
        self.query_one(EntryView).scroll_relative(y=3, animate=False)

    def action_scroll_up(self) -> None:
        self.query_one(EntryView).scroll_relative(y=-3, animate=False)

    def action_switch(self) -> None:
        """List or entry."""
        entry = self.query_one(EntryView)
        (self.list if entry.has_focus else entry).focus()

    def on_descendant_focus(self) -> None:
        """The hairline beside what has the focus is brighter."""
        self.query_one("#between", Hairline).brighten(self.query_one(EntryView).has_focus)
        self.query_one("#above", Hairline).brighten(self.list.has_focus)

    def action_read(self) -> None:
        """The entry alone, or with the list."""
        self.toggle_class("reading")
        (self.query_one(EntryView) if self.has_class("reading") else self.list).focus()

    def action_fold(self) -> None:
        self.query_one(EntryView).fold()

    # where it leads

    def on_entry_list_wanted(self, message: EntryList.Wanted) -> None:
        self.action_open()

    def action_diagnose(self) -> None:
        """What is wrong with the chosen entry's run."""
        item = self.list.item
        run = item.row.key.partition("#")[0] if item else ""
        if item and item.row.kind == "run" and (runs_folder(self._project) / run).is_dir():
            self.app.open("diagnosis", run=run)
        elif item:
            self.app.tell(f"{short(item.row.key)} has no run folder here that could be diagnosed")

    def action_open(self) -> None:
        """The run's monitor."""
        item = self.list.item
        if item is None:
            return
        run = item.row.key.partition("#")[0]
        if item.row.kind != "run" or not (runs_folder(self._project) / run).is_dir():
            what = "has no run of its own" if item.row.kind != "run" else "has no run folder here any more"
            self.app.tell(f"{short(item.row.key)} {what}; its entry is all there is")
        elif not self.app.open("monitor", run=run):
            self.app.tell(f"Watch it with: cockpit attach --plain {run}")

    def action_mark(self) -> None:
        """Mark it, and go on to the next."""
        if not self.list.mark():
            self.app.tell("eight runs are all that can be compared at once")
            return
        self.query_one(FilterLine).show(marked=len(self.list.marked))
        self._move(1)

    def action_compare(self) -> None:
        """The marked runs, or the chosen one beside others."""
        runs = list(dict.fromkeys(key.partition("#")[0] for key in self.list.marked or [self.list.key]))
        there = [run for run in runs if (runs_folder(self._project) / run).is_dir()]
        if not there:
            self.app.tell("none of these has a run folder here, which a comparison is drawn from")
            return
        if len(there) < len(runs):
            self.app.tell(f"{len(runs) - len(there)} of these have no run folder here, and are left out")
        shown = {"runs": tuple(there)} if len(there) > 1 else {"run": there[0]}
        self.app.open("compare", **shown)

    def action_copy(self) -> None:
        """The entry's key, through the terminal."""
        if self.list.key:
            self.app.copy_to_clipboard(self.list.key)
            self.app.tell(f"copied {self.list.key}")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Most of it needs an entry."""
        if action in (
            "open",
            "review",
            "write",
            "note",
            "mark",
            "compare",
            "fold",
            "tag",
            "read",
            "export",
            "copy",
            "promote",
        ):
            return bool(self.list.key)
        return True
