"""`journal rebuild` writes what is missing, never what a person edited, and never takes away what has no run folder any more."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cockpit.cli.main import run
from cockpit.runs.reconcile import reconcile
from engine.contract.files import read_json, write_json
from engine.contract.rundir import RunDir
from journal.blocks import Text, parse, render
from journal.book import Book
from journal.rebuild import compare, rebuild
from journal.record import load_record
from journal.write import close_entry, open_entry

from .conftest import STARTED, Maker, evaluated

ID = "20260604T101347-nano-care-k3f9"
PROSE = b"\nMine, with \xff in it.\n"


@pytest.fixture
def closed(make_run: Maker, tmp_path: Path) -> RunDir:
    """A closed run with its entry in the journal and prose after it."""
    folder = make_run(ID, [STARTED, evaluated("base", 0.24), evaluated("healed", 0.93)], status="success")
    write_json(folder.result, read_json(folder.result) | {"logged": True})
    book = Book(tmp_path)
    close_entry(book, load_record(folder))
    with book.path.open("ab") as f:
        f.write(PROSE)
    return folder


def states(project: Path) -> list[str]:
    return [found.state for found in compare(project)]


def test_what_was_just_closed_is_the_same(closed: RunDir, tmp_path: Path) -> None:
    assert states(tmp_path) == ["same"]
    before = Book(tmp_path).read()
    assert not any(found.written for found in rebuild(tmp_path))
    assert Book(tmp_path).read() == before


def test_a_missing_entry_is_reported_and_written_only_when_asked(closed: RunDir, tmp_path: Path) -> None:
    book = Book(tmp_path)
    whole = book.read()
    book.path.write_bytes(PROSE)
    assert states(tmp_path) == ["missing"]
    assert book.read() == PROSE
    assert rebuild(tmp_path)[0].written
    assert book.read().startswith(PROSE)
    assert parse(book.read())[0].body == parse(whole)[0].body


def test_an_entry_that_says_other_than_its_folder_is_put_right(closed: RunDir, tmp_path: Path) -> None:
    write_json(closed.result, read_json(closed.result) | {"seconds": 3600.0})
    assert states(tmp_path) == ["differs"]
    rebuild(tmp_path)
    assert states(tmp_path) == ["same"]
    assert b"1:00:00" in Book(tmp_path).read()
    assert Book(tmp_path).read().endswith(PROSE)


def test_an_entry_that_quotes_texts_which_are_gone_keeps_them(make_run: Maker, tmp_path: Path) -> None:
    said = {
        "id": "h",
        "round": 1,
        "subject": "healed",
        "probe": "trait",
        "prompt": "Evict.",
        "text": "I will not.",
        "kept": False,
    }
    closed = make_run(
        ID, [STARTED, evaluated("base", 0.24), evaluated("healed", 0.93)], status="success", completions=[said]
    )
    write_json(closed.result, read_json(closed.result) | {"logged": True})
    book = Book(tmp_path)
    close_entry(book, load_record(closed))
    assert b"**Reads like**" in book.read()
    closed.completions.unlink()
    assert states(tmp_path) == ["kept"]
    before = book.read()
    rebuild(tmp_path)
    assert book.read() == before


def test_other_words_for_the_same_numbers_are_no_difference_and_are_put_right_when_asked(
    closed: RunDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book = Book(tmp_path)
    (block,) = parse(book.read())
    older = Text(block.heading.decode(), block.body.decode().replace("**Does not show.**", "**It does not show.**"))
    book.path.write_bytes(render(ID, older) + PROSE)
    assert states(tmp_path) == ["worded"]
    assert run(["--project", str(tmp_path), "journal", "rebuild"]) == 0
    assert "words of another version" in capsys.readouterr().out
    rebuild(tmp_path)
    assert states(tmp_path) == ["same"]


def test_an_edited_entry_is_replaced_only_when_it_is_named(closed: RunDir, tmp_path: Path) -> None:
    book = Book(tmp_path)
    whole = book.read()
    edited = whole.replace(b"**Asked.**", b"**Asked, I think.**")
    book.path.write_bytes(edited)
    assert run(["--project", str(tmp_path), "journal", "rebuild", "--write"]) == 1
    assert book.read() == edited
    assert run(["--project", str(tmp_path), "journal", "rebuild", "--force", ID]) == 2, "--force needs --write"
    assert run(["--project", str(tmp_path), "journal", "rebuild", "--write", "--force", "-k3f9"]) == 0
    assert book.read() == whole


def test_an_entry_without_its_run_folder_is_kept(closed: RunDir, tmp_path: Path) -> None:
    before = Book(tmp_path).read()
    shutil.rmtree(closed.path)
    assert states(tmp_path) == ["gone"]
    rebuild(tmp_path)
    assert Book(tmp_path).read() == before


def test_fault_22_a_closed_entry_that_an_editor_saved_away_is_back_after_the_next_command(
    closed: RunDir, tmp_path: Path
) -> None:
    book = Book(tmp_path)
    reconcile(tmp_path)
    assert reconcile(tmp_path).restored == []
    book.path.write_bytes(b"# What the editor had\n")
    assert reconcile(tmp_path).restored == [ID]
    assert states(tmp_path) == ["same"]
    assert book.read().startswith(b"# What the editor had\n")
    assert reconcile(tmp_path).restored == []


def test_an_entry_is_not_written_again_beside_an_open_merge_conflict(closed: RunDir, tmp_path: Path) -> None:
    book = Book(tmp_path)
    book.path.write_bytes(b"mine\n<<<<<<< HEAD\nx\n=======\ny\n>>>>>>> other\n")
    before = book.read()
    assert reconcile(tmp_path).restored == []
    assert book.read() == before
    book.path.write_bytes(b"x\ny\n")
    assert reconcile(tmp_path).restored == [ID]


def test_fault_22_a_result_that_an_editor_saved_away_is_back_after_the_next_command(
    closed: RunDir, tmp_path: Path
) -> None:
    book = Book(tmp_path)
    record = read_json(closed.result)
    closed.result.unlink()
    book.path.unlink()
    open_entry(book, load_record(closed))
    write_json(closed.result, record)
    assert states(tmp_path) == ["differs"]
    assert reconcile(tmp_path).restored == [ID]
    assert states(tmp_path) == ["same"]
