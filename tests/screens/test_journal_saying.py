"""What is said on the journal's screen: reviews, notes, tags, known bugs and prose are appended, or saved outside of every block."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.review.editor import command
from cockpit.review.reading import Shelf
from cockpit.screens.journal import EntryOpened, Journal
from cockpit.screens.journal_saying import Done
from cockpit.widgets.choose import Choose
from cockpit.widgets.confirm import Ask
from cockpit.widgets.entry_text import Form
from cockpit.widgets.entry_view import entry_rows
from cockpit.widgets.writing import Writing
from engine.contract.errors import Refused
from journal import prose
from journal.blocks import Text, parse
from journal.book import Book
from journal.promote import project_rules
from tests.screens.conftest import Drive, Stage, Write
from tests.screens.journals import NEW, OLD, SMOKE, Alone, journal, state, typed
from tests.screens.terminal import Terminal

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")) | st.just("\n"), max_size=60)


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


def test_k8_what_a_run_taught_becomes_a_known_bug_in_two_answers(project: Path, write_run: Write, drive: Drive) -> None:
    write_run(OLD)

    async def script(stage: Stage) -> None:
        await stage.heard(EntryOpened)
        await stage.press("b")
        await typed(stage, "heal.tau > 0.01; heal.aggregate = rmse")
        await stage.press("enter")
        await stage.shows("What is wrong with heal.tau > 0.01")
        await typed(stage, "tau lets the loops through")
        await stage.press("enter")
        done = await stage.heard(Done)
        assert not done.bad, done.said
        assert "PB1 written" in done.said

    drive(Alone(project), script)
    (rule,) = project_rules(project)
    assert (rule.cause, rule.when, rule.entry) == (
        "tau lets the loops through", ("heal.tau > 0.01", "heal.aggregate = rmse"), OLD,
    )  # fmt: skip
    assert state(project, OLD).promoted == ("PB1",)  # type: ignore[attr-defined]


def test_k8_a_rule_that_would_not_have_stopped_its_own_run_is_refused_in_words(
    project: Path, write_run: Write, drive: Drive
) -> None:
    write_run(OLD)

    async def script(stage: Stage) -> None:
        await stage.heard(EntryOpened)
        await stage.press("b")
        await typed(stage, "heal.tau > 99")
        await stage.press("enter")
        await typed(stage, "too high")
        await stage.press("enter")
        done = await stage.heard(Done)
        assert done.bad
        assert "would not have stopped" in done.said

    drive(Alone(project), script)
    assert project_rules(project) == []
