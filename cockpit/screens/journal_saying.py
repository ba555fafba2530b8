"""What a person says of an entry, from the journal's screen: how it stands, notes, tags, the discussion below it; and the file of them all.

Each is written in a thread, in the same words and under the same rules as on the command line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

from cockpit.review.reading import Opened
from cockpit.screens.watching import Watching
from cockpit.widgets.choose import Choose, Option
from cockpit.widgets.confirm import Ask
from cockpit.widgets.writing import Writing
from engine.contract.errors import CockpitError
from journal import prose
from journal.book import Book
from journal.query import Item
from journal.text import plain, short

if TYPE_CHECKING:
    from cockpit.app import CockpitApp
    from cockpit.review.reviews import Decision

JUDGEMENTS = (
    Option("r", "reviewed", "you read it, and it stands"),
    Option("d", "draft", "back to not reviewed"),
    Option("x", "retracted", "it is wrong; claims drop it"),
    Option("s", "superseded", "another run takes its place"),
    Option("c", "condemned", "a miss that must not be run again unchanged"),
    Option("p", "pardoned", "take that back"),
)


@dataclass
class Done(Message):
    """Something was written, or why it was not."""

    said: str
    bad: bool = False


class Saying(Watching):
    """The part of the journal's screen that writes. The rest of it says which entries are meant, and looks again when told to."""

    app: CockpitApp

    def __init__(self, project: Path) -> None:
        super().__init__()
        self._project = project

    def meant(self) -> Item | None:
        """The chosen entry."""
        raise NotImplementedError

    def read(self) -> Opened | None:
        """The chosen entry as it was read; None while it is not."""
        raise NotImplementedError

    def shown(self) -> tuple[Item, ...]:
        """Every entry that is listed."""
        raise NotImplementedError

    def action_review(self) -> None:
        """Choose how it stands."""
        item = self.meant()
        if item is None:
            return

        def chosen(word: str | None) -> None:
            if word:
                self._judge(item, word)  # type: ignore[arg-type]  # the words are decisions

        self.app.push_screen(Choose(f"How does {item.row.short} stand?", JUDGEMENTS), chosen)

    def _judge(self, item: Item, decision: Decision) -> None:
        if decision in ("reviewed", "draft"):
            self._do(partial(_decide, self._project, item, decision))
            return
        asked = {"superseded": "By which run, and why?"}.get(decision, f"Why is it {decision}?")
        facts = [("first", "the run's id or ending, then a blank and the reason")] if decision == "superseded" else []

        def given(text: str | None) -> None:
            if text:
                self._do(partial(_decide, self._project, item, decision, text))

        self.app.push_screen(Ask(asked, facts, done="write"), given)

    def action_note(self) -> None:
        """Add a note."""
        self._line("Note on", "", lambda item, text: partial(_note, self._project, item, text))

    def action_tag(self) -> None:
        """Give tags, or take them off."""
        self._line(
            "Tags of",
            "words between blanks; -word takes one off",
            lambda item, text: partial(_tag, self._project, item, text),
        )

    def action_promote(self) -> None:
        """Make what the run taught a known bug of this project: first which settings run into it, then what is wrong with them."""
        item = self.meant()
        if item is None:
            return
        facts = [
            ("as", "heal.tau >= 0.5; several between semicolons must all hold"),
            ("then", "every later checklist stops at it until it is fixed or waived"),
        ]

        def explained(when: str, cause: str | None) -> None:
            if cause:
                self._do(partial(_promote, self._project, item, cause, when))

        def given(when: str | None) -> None:
            if when:
                asked = Ask(
                    f"What is wrong with {plain(when, 40)}?", [("", "whoever meets the rule reads this")], done="write"
                )
                self.app.push_screen(asked, partial(explained, when))

        self.app.push_screen(Ask(f"Which settings run into what {item.row.short} taught?", facts, done="next"), given)

    def _line(self, asked: str, about: str, made: Callable[[Item, str], Callable[[], str]]) -> None:
        item = self.meant()
        if item is None:
            return

        def given(text: str | None) -> None:
            if text:
                self._do(made(item, text))

        facts = [("", about)] if about else []
        self.app.push_screen(Ask(f"{asked} {item.row.short}", facts, done="write"), given)

    def action_write(self) -> None:
        """The discussion below the entry."""
        entry = self.read()
        if entry is None or entry.prose is None:
            return
        if not entry.prose.editable:
            self.app.tell(
                "what stands below this entry holds bytes that a field would change: e opens it in your editor",
                bad=True,
            )
            return
        key, digest = entry.item.row.key, entry.prose.digest
        text = entry.prose.text.replace("\r\n", "\n")
        fresh = not text.strip()

        def save(written: str) -> str:
            try:
                prose.write(Book(self._project), key, written, digest)
            except CockpitError as error:
                return str(error)
            return ""

        def closed(saved: bool | None) -> None:
            if saved:
                self.app.tell(f"written below {short(key)}")
                self.look_again()

        self.app.push_screen(
            Writing(f"Below {short(key)}, in {Book(self._project).path.name}", prose.FORM if fresh else text, save),
            closed,
        )

    def action_edit(self) -> None:
        """The journal in the person's editor, at this entry."""
        from cockpit.review.editor import command

        entry = self.read()
        path = Book(self._project).path
        argv = command(path, entry.prose.line if entry and entry.prose else 1)
        if not argv:
            self.app.tell(f"set EDITOR to the editor you want; the journal is {path}", bad=True)
            return
        from textual.app import SuspendNotSupported

        try:
            with self.app.suspend():
                import subprocess

                subprocess.run(argv, check=False)
        except SuspendNotSupported:
            self.app.tell(f"this terminal cannot be handed over; edit {path} beside the cockpit", bad=True)
        except OSError as error:
            self.app.tell(f"{argv[0]} could not be started: {error.strerror}", bad=True)
        self.look_again()
        self.refresh()

    def action_export(self) -> None:
        """The shown entries as a file."""
        items = self.shown()
        if not items:
            return
        many = f"{len(items):,} {'entry' if len(items) == 1 else 'entries'}"

        def given(name: str | None) -> None:
            if name:
                self._do(partial(_export, self._project, items, name))

        self.app.push_screen(
            Ask(f"Write {many} to", [("as", ".html, .md, .csv or .json")], "journal.html", "write"), given
        )

    def _do(self, work: Callable[[], str]) -> None:
        """Do it in a thread, then look again."""

        def run() -> None:
            try:
                self.post_message(Done(work()))
            except (CockpitError, OSError) as error:
                self.post_message(Done(str(error), bad=True))
            except Exception as error:
                self.post_message(Done(f"{type(error).__name__}: {error}", bad=True))

        self.run_worker(run, thread=True, exit_on_error=False, group="write")

    def on_done(self, message: Done) -> None:
        """Say what came of it."""
        self.app.tell(plain(message.said, 400), bad=message.bad)
        self.look_again()


def _decide(project: Path, item: Item, decision: Decision, text: str = "") -> str:
    from cockpit.review.reviews import decide
    from journal.index import find_row, rows

    by, reason = "", text
    if decision == "superseded":
        name, _, reason = text.partition(" ")
        by = find_row(rows(project), name, Book(project).path).key
    decided = decide(project, item.row, decision, reason=reason.strip(), by=by)
    return decided.remark or f"{item.row.short} is {decision}" + (f" by {short(by)}" if by else "")


def _note(project: Path, item: Item, text: str) -> str:
    from cockpit.review.reviews import note

    note(project, item.row, text)
    return f"noted on {item.row.short}"


def _promote(project: Path, item: Item, cause: str, when: str) -> str:
    from cockpit.review.promoting import promote

    return promote(project, item.row, cause, [one for one in map(str.strip, when.split(";")) if one]).sentence()


def _tag(project: Path, item: Item, text: str) -> str:
    from cockpit.review.reviews import note

    words = [word.lstrip("#") for word in text.replace(",", " ").split()]
    note(
        project,
        item.row,
        tags=[w for w in words if not w.startswith("-")],
        off=[w[1:] for w in words if w.startswith("-")],
    )
    return f"tags of {item.row.short}: {text}"


def _export(project: Path, items: tuple[Item, ...], name: str) -> str:
    from cockpit.review.exporting import write_export

    path = write_export(project, items, Path(name).expanduser())
    return f"wrote {path}"
