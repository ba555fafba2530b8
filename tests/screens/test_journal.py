"""The journal screen: entries newest first, filtered and searched as on the command line, and where each of them leads."""

from __future__ import annotations

import re
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.review.reading import Shelf, look, read_line
from cockpit.screens.journal import EntryOpened, FilterRefused, Journal, JournalSeen
from cockpit.screens.journal_saying import Done
from cockpit.widgets.entry_list import EntryList, columns
from cockpit.widgets.entry_text import Form, lay, wrap
from cockpit.widgets.filter_line import FilterLine
from engine.contract.errors import BadInput
from journal import prose
from journal.book import Book
from journal.index import find_row, rows
from journal.query import items
from journal.review import say, states
from tests.screens.conftest import Drive, Stage, Write
from tests.screens.journals import NEW, OLD, SIZES, SMOKE, Alone, journal, typed


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


def test_entries_of_one_question_are_told_apart_by_seed_and_method(
    project: Path, write_run: Write, drive: Drive
) -> None:
    write_run(OLD)
    write_run(NEW)

    async def script(stage: Stage) -> None:
        await stage.heard(EntryOpened)
        await stage.shows("the same, seed 42, mean_diff")
        await stage.press("down")
        await stage.until(lambda: "the same, seed" not in stage.text(), "the chosen entry's own question")

    drive(Alone(project), script)


def test_values_stand_below_each_other_however_wide_their_intervals_are() -> None:
    told = ["| test | mass | facts |", "|---|---:|---:|", "| base | 1.000 [1.000, 1.000] | 1.00 [1.00, 1.00] |",
            "| healed | .998 [.995, .999] | .91 [.87, .96] |", "| model | – | .50 |"]  # fmt: skip
    rows = lay("\n".join(told), Form(80, opened=True))[1:]
    spans = [[part.column for part in row.parts if part.words.startswith("[")] for row in rows]
    assert spans[0] == spans[1]
    ends = [[part.column + len(part.words) for part in sorted(row.parts) if part.words[0] in ".1–"] for row in rows]
    assert ends[0] == ends[1] == ends[2]
