"""The journal screen: newest first, filtered and searched as on the command line; what is said there is appended, prose stays outside."""

from __future__ import annotations

import re
import shutil
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.widgets import Input, TextArea

import cockpit.app
from cockpit.app import CockpitApp
from cockpit.review.editor import command
from cockpit.review.reading import Shelf, look, read_line
from cockpit.screens.journal import EntryOpened, FilterRefused, Journal, JournalSeen
from cockpit.screens.journal_saying import Done
from cockpit.widgets.choose import Choose
from cockpit.widgets.confirm import Ask
from cockpit.widgets.entry_list import EntryList, columns
from cockpit.widgets.entry_text import Form, lay, wrap
from cockpit.widgets.entry_view import entry_rows
from cockpit.widgets.filter_line import FilterLine
from cockpit.widgets.writing import Writing
from engine.contract.errors import BadInput, Refused
from journal import prose
from journal.book import Book, Text, parse
from journal.index import find_row, rows
from journal.query import items
from journal.review import say, states
from tests.screens.conftest import Drive, Stage, Write
from tests.screens.terminal import Terminal

OLD, NEW = "20260604T101347-nano-care-k3f9", "20260605T101347-nano-care-p2aa"
SMOKE = "20260603T101347-smoke-nano-care-z9z9"
SIZES = [(80, 24), (120, 40), (200, 60)]


class Alone(CockpitApp):
    """The app with the journal on top."""

    CSS_PATH = Path(cockpit.app.__file__).with_name("app.tcss")

    def __init__(self, project: Path, **shown: str) -> None:
        super().__init__(project)
        self._shown = shown

    def on_mount(self) -> None:
        self.push_screen(Journal(self.project, **self._shown))


async def typed(stage: Stage, text: str) -> None:
    """Put a text into the field that has the focus, behind the cursor in a large one."""
    await stage.until(lambda: isinstance(stage.app.focused, (Input, TextArea)), "a field")
    field = stage.app.focused
    if isinstance(field, TextArea):
        field.insert(text)
    elif isinstance(field, Input):
        field.value = text
    await stage.pilot.pause()


def journal(stage: Stage) -> Journal:
    found = stage.app.screen
    assert isinstance(found, Journal)
    return found


def state(project: Path, key: str) -> object:
    return states(rows(project))[key]


@pytest.mark.parametrize("size", SIZES)
def test_k10_entries_stand_newest_first_with_verdict_in_words_and_what_is_unreviewed(
    project: Path, write_run: Write, drive: Drive, size: tuple[int, int]
) -> None:
    write_run(SMOKE, smoke=True)
    write_run(OLD)
    write_run(NEW, "nan")
    say(Book(project), OLD, "me", "reviewed", state="reviewed")

    async def script(stage: Stage) -> None:
        seen = (await stage.heard(JournalSeen)).seen
        assert [item.row.key for item in seen.items] == [NEW, OLD, SMOKE]
        assert (seen.count, seen.unreviewed) == (3, 1)
        await stage.shows("-k3f9")
        text = stage.text()
        new, old = (
            next(line for line in text.splitlines() if end in line and "06-0" in line) for end in ("-p2aa", "-k3f9")
        )
        assert "• " in new
        assert "✗ nan" in new
        assert "✓ 06-04" in old
        assert "1 unreviewed" in text
        assert max(map(len, text.splitlines())) <= size[0]

    drive(Alone(project), script, size=size)


@pytest.mark.parametrize("size", SIZES)
def test_an_empty_journal_says_how_entries_come_about(project: Path, drive: Drive, size: tuple[int, int]) -> None:
    async def script(stage: Stage) -> None:
        assert (await stage.heard(JournalSeen)).seen.items == ()
        await stage.shows("No entries yet.")
        await stage.press("r", "w", "n", "enter", "space", "d", "z", "x", "equals_sign", "o", "end")
        assert isinstance(stage.app.screen, Journal)

    drive(Alone(project), script, size=size)


def test_a_filter_is_typed_in_the_language_of_the_command_line(project: Path, write_run: Write, drive: Drive) -> None:
    write_run(OLD)
    write_run(NEW, "nan")

    async def script(stage: Stage) -> None:
        await stage.heard(JournalSeen)
        await stage.press("slash")
        await typed(stage, "status=nan")
        await stage.press("enter")
        given = await stage.heard(FilterLine.Given)
        assert given.text == "status=nan"
        await stage.until(lambda: stage.messages and journal(stage).list.key == NEW, "the filtered list")
        await stage.until(lambda: "1 of 2" in stage.text(), "the count")
        await stage.press("slash")
        await typed(stage, " nofield>3")
        await stage.press("enter")
        refused = await stage.heard(FilterRefused)
        assert "nofield" in refused.why
        await stage.shows("no field named 'nofield'")

    drive(Alone(project), script)


def test_escape_leaves_the_filter_as_it_was_and_not_the_screen(project: Path, write_run: Write, drive: Drive) -> None:
    write_run(OLD)

    async def script(stage: Stage) -> None:
        await stage.heard(JournalSeen)
        await stage.press("slash")
        await typed(stage, "status=nan")
        await stage.press("escape")
        await stage.heard(FilterLine.Left)
        assert isinstance(stage.app.screen, Journal)
        await stage.shows("everything, newest first")
        assert journal(stage).list.has_focus

    drive(Alone(project), script)


def test_words_are_searched_in_entries_in_prose_below_them_and_in_notes(project: Path, write_run: Write) -> None:
    write_run(OLD)
    write_run(NEW)
    book = Book(project)
    mine = Shelf(project).open(OLD)
    assert mine is not None
    assert mine.prose is not None
    prose.write(book, OLD, "Outliers carry the zeppelin.", mine.prose.digest)
    say(book, NEW, "me", "noted: a walrus", text="a walrus")
    assert [item.row.key for item in look(project, read_line("zeppelin")).items] == [OLD]
    assert [item.row.key for item in look(project, read_line("walrus")).items] == [NEW]
    assert [item.row.key for item in look(project, read_line("stance sort:when")).items] == [OLD, NEW]
    assert look(project, read_line("zeppelin walrus")).items == ()


@given(st.text(max_size=40))
def test_a_filter_line_is_read_or_refused_in_words_whatever_is_typed(text: str) -> None:
    try:
        asked = read_line(text)
    except BadInput:
        return  # a filter that cannot be read says so; anything else fails this test
    assert asked.conditions or asked.words or not text.split() or re.search(r"(sort|since|until):", text)


def test_the_filter_line_tells_conditions_options_and_words_apart() -> None:
    asked = read_line(
        'trait=care not smoke healed.tail_ppl >= 1.5 seed in 42,137 since:7d sort:-seed touched barrier "tail ppl" -draft'
    )
    told = [condition.text() for condition in asked.conditions]
    assert told == ["trait = care", "not smoke", "healed.tail_ppl >= 1.5", "seed in 42,137", "touched"]
    assert (asked.since, asked.sort, asked.words) == ("7d", "-seed", 'barrier "tail ppl" -draft')


def test_k10_a_review_is_two_keys_and_is_appended(project: Path, write_run: Write, drive: Drive) -> None:
    write_run(OLD)
    before = Book(project).read()

    async def script(stage: Stage) -> None:
        await stage.heard(EntryOpened)
        await stage.press("r")
        assert isinstance(stage.app.screen, Choose)
        await stage.press("r")
        assert not (await stage.heard(Done)).bad
        await stage.shows("✓ reviewed")

    drive(Alone(project), script)
    assert state(project, OLD).state == "reviewed"  # type: ignore[attr-defined]
    assert Book(project).read().startswith(before)


def test_a_retraction_needs_a_reason_and_says_it(project: Path, write_run: Write, drive: Drive) -> None:
    write_run(OLD)

    async def script(stage: Stage) -> None:
        await stage.heard(EntryOpened)
        await stage.press("r", "x", "enter")
        assert isinstance(stage.app.screen, Journal)
        assert not any(isinstance(m, Done) for m in stage.messages)
        await stage.press("r", "x")
        await typed(stage, "wrong split")
        await stage.press("enter")
        await stage.heard(Done)
        await stage.shows("wrong split")

    drive(Alone(project), script)
    assert (state(project, OLD).state, state(project, OLD).reason) == ("retracted", "wrong split")  # type: ignore[attr-defined]


def test_an_entry_is_superseded_by_a_run_named_by_its_ending(project: Path, write_run: Write, drive: Drive) -> None:
    write_run(OLD)
    write_run(NEW)

    async def script(stage: Stage) -> None:
        await stage.heard(EntryOpened)
        await stage.press("down", "r", "s")
        await typed(stage, "-p2aa longer val")
        await stage.press("enter")
        assert not (await stage.heard(Done)).bad

    drive(Alone(project), script)
    found = state(project, OLD)
    assert (found.state, found.superseded_by, found.reason) == ("superseded", NEW, "longer val")  # type: ignore[attr-defined]


def test_a_smoke_run_and_an_edited_entry_are_refused_a_review_with_the_reason(
    project: Path, write_run: Write, drive: Drive
) -> None:
    write_run(SMOKE, smoke=True)
    write_run(OLD)
    path = project / "RESEARCH_JOURNAL.md"
    path.write_bytes(path.read_bytes().replace(b"**Asked.**", b"**Asked!**"))

    async def script(stage: Stage) -> None:
        await stage.heard(EntryOpened)
        await stage.shows("edited by hand")
        await stage.press("r", "r")
        done = await stage.heard(Done)
        assert done.bad
        assert "edited by hand" in done.said
        await stage.press("down", "r", "r")
        await stage.until(
            lambda: "smoke run" in next(m for m in reversed(stage.messages) if isinstance(m, Done)).said, "the reason"
        )

    drive(Alone(project), script)
    assert state(project, OLD).state == "draft"  # type: ignore[attr-defined]


def test_notes_and_tags_are_added_and_shown(project: Path, write_run: Write, drive: Drive) -> None:
    write_run(OLD)

    async def script(stage: Stage) -> None:
        await stage.heard(EntryOpened)
        await stage.press("number_sign")
        await typed(stage, "rmse tail")
        await stage.press("enter")
        await stage.heard(Done)
        await stage.press("n")
        assert isinstance(stage.app.screen, Ask)
        await typed(stage, "look again")
        await stage.press("enter")
        await stage.press("z")
        await stage.until(lambda: state(project, OLD).notes, "the note")  # type: ignore[attr-defined]
        await stage.press("end")

    drive(Alone(project), script, size=(120, 60))
    opened = Shelf(project).open(OLD)
    assert opened is not None
    assert opened.item.state.tags == ("rmse", "tail")
    text = "\n".join("".join(part.words for part in row.parts) for row in entry_rows(opened, Form(100)))
    assert "look again" in text
    assert "rmse tail" in text


def test_the_discussion_is_saved_right_below_its_entry_and_outside_of_every_block(
    project: Path, write_run: Write, drive: Drive
) -> None:
    write_run(OLD)
    write_run(NEW)
    blocks = [(b.key, b.body, b.intact) for b in parse(Book(project).read())]

    async def script(stage: Stage) -> None:
        await stage.heard(EntryOpened)
        await stage.press("down")
        await stage.until(
            lambda: (e := journal(stage).query_one("#entry").entry) and e.item.row.key == OLD, "the entry"
        )  # type: ignore[attr-defined]
        await stage.press("w")
        assert isinstance(stage.app.screen, Writing)
        assert stage.app.screen.text == prose.FORM
        await typed(stage, "Clipping is enough.")
        await stage.press("ctrl+s")
        await stage.until(lambda: isinstance(stage.app.screen, Journal), "the field to close")
        await stage.press("z")
        await stage.shows("yours")
        await stage.shows("Clipping is enough.")

    drive(Alone(project), script, size=(120, 60))
    data = Book(project).read()
    after = parse(data)
    assert [(b.key, b.body, b.intact) for b in after] == blocks
    assert after[0].end <= data.index(b"**Discussion.** Clipping is enough.") < after[1].start


def test_fault_a_discussion_that_was_edited_elsewhere_meanwhile_is_not_overwritten_and_nothing_is_lost(
    project: Path, write_run: Write, drive: Drive
) -> None:
    write_run(OLD)
    path = project / "RESEARCH_JOURNAL.md"

    async def script(stage: Stage) -> None:
        await stage.heard(EntryOpened)
        await stage.press("w")
        await typed(stage, "mine")
        path.write_bytes(path.read_bytes() + b"\nwritten in an editor\n")
        await stage.press("ctrl+s")
        await stage.shows("was changed in the file meanwhile")
        assert isinstance(stage.app.screen, Writing)
        assert "mine" in stage.app.screen.text
        await stage.press("escape")
        assert isinstance(stage.app.screen, Writing)
        await stage.press("escape")
        assert isinstance(stage.app.screen, Journal)

    drive(Alone(project), script)
    assert b"written in an editor" in path.read_bytes()
    assert b"mine" not in path.read_bytes()


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")) | st.just("\n"), max_size=60)


@given(first=WORDS, second=WORDS)
@settings(max_examples=40, deadline=None)
def test_prose_comes_back_as_it_was_written_and_every_other_byte_stays(
    first: str, second: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    project = tmp_path_factory.mktemp("book")
    book = Book(project)
    book.append("one", Text("## 2026-06-04 (a) · t · [exploratory]", "body\n"))
    book.append("two", Text("## 2026-06-04 (b) · t · [exploratory]", "body\n"))
    path = book.path
    path.write_bytes(path.read_bytes() + b"broken \xff tail\n")

    def now(key: str) -> prose.Prose:
        data = book.read()
        found = prose.below(data, parse(data), key)
        assert found is not None
        return found

    for text in (first, second):
        tail = book.read()[parse(book.read())[1].start :]
        prose.write(book, "one", text, now("one").digest)
        assert now("one").text == text.strip("\n").strip("\r\n")
        assert book.read().endswith(tail)
        assert [b.intact for b in parse(book.read())] == [True, True]
    assert not now("two").editable


def test_prose_that_looks_like_a_marker_is_refused(project: Path, write_run: Write) -> None:
    write_run(OLD)
    book = Book(project)
    before = book.read()
    found = prose.below(before, parse(before), OLD)
    assert found is not None
    for text in (f"<!-- /run:{OLD} -->", f"<!-- run:x sha256:{'0' * 64} -->\n"):
        with pytest.raises(Refused):
            prose.write(book, OLD, f"words\n{text}\nwords", found.digest)
    assert book.read() == before


def test_fault_26_hostile_words_in_entries_and_prose_reach_no_terminal(
    project: Path, write_run: Write, drive: Drive
) -> None:
    write_run(OLD)
    path = project / "RESEARCH_JOURNAL.md"
    evil = "\x1b]52;c;aGk=\x07 [/bold][@click=app.quit]evil[/] \u202e \x9b31m | ** `x` <b>\n| a | b |\n|---|\n| \x1b[31m |\n"
    path.write_bytes(path.read_bytes() + evil.encode())

    async def script(stage: Stage) -> None:
        await stage.heard(EntryOpened)
        await stage.press("z")
        await stage.press("end")
        await stage.shows("evil")
        text = stage.text()
        assert not set(text) & {"\x1b", "\x9b", "\x07", "\u202e"}
        assert "[/bold][@click=app.quit]evil[/]" in text
        await stage.press("z", "w")
        assert isinstance(stage.app.screen, Journal)  # a field would change those bytes

    drive(Alone(project), script)


def test_ascii_mode_draws_the_screen_in_ascii(
    project: Path, write_run: Write, drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COCKPIT_ASCII", "1")
    write_run(OLD)

    async def script(stage: Stage) -> None:
        await stage.heard(EntryOpened)
        await stage.shows("-k3f9")
        drawn = "".join(
            segment.text
            for strip in stage.app.screen._compositor.render_strips()
            for segment in strip.apply_filter(stage.app.get_line_filters()[-1], stage.app.screen.background_colors[1])
        )
        assert drawn.isascii()

    drive(Alone(project), script)


def test_enter_opens_the_runs_monitor_and_a_pruned_run_says_that_only_its_entry_is_left(
    project: Path, write_run: Write, drive: Drive
) -> None:
    write_run(OLD)
    folder = write_run(NEW)
    shutil.rmtree(folder.path)

    async def script(stage: Stage) -> None:
        await stage.heard(EntryOpened)
        await stage.press("enter")
        assert isinstance(stage.app.screen, Journal)
        await stage.shows("no run folder here")
        await stage.press("down", "enter")
        await stage.until(lambda: getattr(stage.app.screen, "room", "") == "monitor", "the monitor")

    drive(Alone(project), script)


def test_marked_entries_are_compared(project: Path, write_run: Write, drive: Drive) -> None:
    write_run(OLD)
    write_run(NEW)

    async def script(stage: Stage) -> None:
        await stage.heard(JournalSeen)
        await stage.press("space", "space")
        assert journal(stage).list.marked == [NEW, OLD]
        await stage.shows("2 marked")
        await stage.press("equals_sign")
        assert stage.app.screen.runs == (NEW, OLD)  # type: ignore[attr-defined]

    drive(Alone(project), script)


def test_an_entry_that_was_asked_for_is_shown_first_and_one_that_came_later_does_not_move_the_cursor(
    project: Path, write_run: Write, drive: Drive
) -> None:
    write_run(OLD)
    write_run(NEW)

    async def script(stage: Stage) -> None:
        await stage.until(lambda: isinstance(stage.app.screen, Journal) and journal(stage).list.key == OLD, "the entry")
        write_run("20260606T101347-nano-care-q7bb")
        await stage.until(lambda: (s := journal(stage).list.seen) and s.count == 3, "the new entry")
        assert journal(stage).list.key == OLD

    drive(Alone(project, entry=OLD), script)


def test_the_shown_entries_are_exported_in_the_form_of_the_files_ending(
    project: Path, write_run: Write, drive: Drive
) -> None:
    write_run(OLD)

    async def script(stage: Stage) -> None:
        await stage.heard(EntryOpened)
        await stage.press("x")
        await typed(stage, "journal.csv")
        await stage.press("enter")
        assert "journal.csv" in (await stage.heard(Done)).said

    drive(Alone(project), script)
    assert OLD in (project / "journal.csv").read_text()


def test_a_journal_that_cannot_be_read_is_said_calmly(project: Path, drive: Drive) -> None:
    (project / "RESEARCH_JOURNAL.md").mkdir()

    async def script(stage: Stage) -> None:
        assert (await stage.heard(JournalSeen)).seen.trouble
        await stage.shows("cannot read")

    drive(Alone(project), script)


@given(st.text(max_size=200), st.integers(12, 120))
def test_any_text_is_laid_within_its_width(text: str, width: int) -> None:
    for row in lay(text, Form(width, opened=True)):
        for part in row.parts:
            assert part.column >= 0
            assert not set(part.words) & {"\x1b", "\n", "\r"}


@given(st.text(st.characters(codec="ascii", exclude_categories=("Cc",)), max_size=120), st.integers(4, 60))
def test_wrapping_loses_no_word(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(len(line) <= width for line in lines)


@pytest.mark.parametrize("width", [60, 80, 97, 120, 200])
def test_columns_of_the_list_do_not_overlap_at_any_width(width: int) -> None:
    places = sorted(columns(width).values())
    assert all(a.end <= b.start for a, b in pairwise(places))
    assert columns(width)["hypothesis"].end - columns(width)["hypothesis"].start >= 8


def test_a_list_of_ten_thousand_draws_only_what_is_seen(project: Path, write_run: Write) -> None:
    write_run(OLD)
    found = rows(project)
    (item,) = items([find_row(found, OLD, project)], states(found))
    seen = look(project)
    many = type(seen)(items=(item,) * 10_000, count=10_000)
    shown = EntryList()
    shown.seen = many
    assert len(shown.rows(120, 20)) == 20


@pytest.mark.parametrize(
    ("editor", "expected"),
    [
        ("vim -n", ["vim", "-n", "+7", "J.md"]),
        ("code", ["code", "--wait", "--goto", "J.md:7"]),
        ("hx", ["hx", "J.md:7"]),
        ("/opt/my ed", ["/opt/my", "ed", "J.md"]),
    ],
)
def test_an_editor_is_opened_at_the_line_in_its_own_way(
    editor: str, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", editor)
    assert command(Path("J.md"), 7) == expected


def test_the_editor_is_given_the_terminal_and_what_it_saved_is_read(
    project: Path, write_run: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(OLD)
    editor = tmp_path / "vim"
    editor.write_text("#!/bin/sh\nprintf 'at %s' $1 >> \"$2\"\nprintf '\\nsaved by the editor\\n' >> \"$2\"\n")
    editor.chmod(0o755)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", str(editor))
    terminal = Terminal([sys.executable, "-m", "cockpit.cli.main"], project, (120, 60))
    try:
        terminal.shows("1 to review", 60)
        terminal.type("j")
        terminal.shows("exploratory, seed 42", 60)
        terminal.type("e")
        terminal.shows("saved by the editor")
        terminal.shows("at +5")  # the line of the entry's heading
        terminal.type("q")
        assert terminal.ends() == 0
    finally:
        terminal.close()
