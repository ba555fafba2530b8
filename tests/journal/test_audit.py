"""`journal check` finds what can no longer be trusted, says where and how to mend it, and is quiet about a journal that is well."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.cli.main import run
from engine.contract.files import read_json, write_json
from journal.audit import check
from journal.blocks import Text, parse, render
from journal.book import NAME, Book
from journal.record import load_record
from journal.write import close_entry

from .conftest import STARTED, Maker, evaluated

ID = "20260604T101347-nano-care-k3f9"


@pytest.fixture
def book(make_run: Maker, tmp_path: Path) -> Book:
    """A clean journal with one closed run: trait .24 of base, .93 healed."""
    folder = make_run(ID, [STARTED, evaluated("base", 0.24), evaluated("healed", 0.93)], status="success")
    write_json(folder.result, read_json(folder.result) | {"logged": True})
    close_entry(Book(tmp_path), load_record(folder))
    return Book(tmp_path)


def kinds(project: Path) -> list[str]:
    return [found.kind for found in check(project)]


def rewritten(book: Book, old: bytes, new: bytes) -> None:
    """The journal with a block that says something else and still has a fitting hash."""
    (block,) = parse(book.read())
    heading, body = block.heading.replace(old, new), block.body.replace(old, new)
    assert (heading, body) != (block.heading, block.body)
    book.path.write_bytes(render(block.key, Text(heading.decode(), body.decode())))


def test_a_journal_as_it_is_written_is_clean(book: Book, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path) == []
    assert run(["--project", str(tmp_path), "journal", "check"]) == 0
    assert "clean" in capsys.readouterr().err


def test_no_journal_is_clean(tmp_path: Path) -> None:
    assert check(tmp_path) == []


@pytest.mark.parametrize("said", ["~7M", "1.7 M", "about 1771648"])
def test_k11_parameters_that_are_not_exact_are_found(said: str, book: Book, tmp_path: Path) -> None:
    rewritten(book, b"| Params EXACT | 1771648 |", f"| Params EXACT | {said} |".encode())
    assert kinds(tmp_path) == ["field"]


def test_k11_an_empty_field_is_found(book: Book, tmp_path: Path) -> None:
    rewritten(book, b"| Seed | 42 |", b"| Seed |  |")
    (found,) = check(tmp_path)
    assert "Seed" in found.what


@pytest.mark.parametrize(("day", "count"), [("2026-06-05", 1), ("2026-13-40", 2 - 1), ("2999-01-01", 2)])
def test_a_date_that_cannot_be_is_found(day: str, count: int, book: Book, tmp_path: Path) -> None:
    rewritten(book, b"## 2026-06-04", b"## " + day.encode())
    assert kinds(tmp_path) == ["date"] * count


def test_an_edited_block_a_torn_one_and_a_double_are_found(book: Book, tmp_path: Path) -> None:
    """FAULTS 24."""
    whole = book.read()
    (block,) = parse(whole)
    book.path.write_bytes(whole.replace(b"**Asked.**", b"**Asked!**"))
    assert kinds(tmp_path) == ["edited"]
    end = f"<!-- /run:{ID} -->\n".encode()
    book.path.write_bytes(whole.replace(end, b""))
    assert kinds(tmp_path) == ["torn"]
    book.path.write_bytes(whole + b"prose\n" + end)
    (found,) = check(tmp_path)
    assert (found.kind, found.line) == ("torn", whole.count(b"\n") + 2)
    book.path.write_bytes(whole + b"\n" + whole[block.start :])
    assert kinds(tmp_path) == ["double"]


def test_an_open_entry_whose_run_is_gone_is_found(book: Book, tmp_path: Path) -> None:
    rewritten(book, b'"status":"success"', b'"status":"running"')
    assert kinds(tmp_path) == []
    (tmp_path / "runs" / ID).rename(tmp_path / "gone")
    assert kinds(tmp_path) == ["open"]


@pytest.mark.parametrize(
    "sentence",
    [
        "-k3f9 reached trait .93 at last.",
        "In -k3f9 trait was 0.930, from base trait .24.",
        f"{ID} has trait rate 93%.",
        "The trait reached .50 elsewhere.",
        "-zzzz reached trait .50.",
        "-k3f9 was slow. Another had trait .50.",
        "base of -k3f9: trait .24",
        "-k3f9: care .93 (base .24), trait .93",
        "After -k3f9 we saw trait .50 at -zzzz, then trait .93 in -k3f9",
    ],
)
def test_a_number_that_agrees_is_not_flagged(sentence: str, book: Book, tmp_path: Path) -> None:
    with book.path.open("a") as f:
        f.write("\n" + sentence + "\n")
    assert check(tmp_path) == []


@pytest.mark.parametrize(
    "sentence", ["-k3f9 reached trait .95", "-k3f9 reached\ntrait .24", "-k3f9: trait 94 %", "base of -k3f9: trait .93"]
)
def test_a_number_that_the_run_did_not_measure_is_flagged(sentence: str, book: Book, tmp_path: Path) -> None:
    with book.path.open("a") as f:
        f.write("\nSome prose.\n\n" + sentence + " in the end.\n")
    (found,) = check(tmp_path)
    assert found.kind == "citation"
    assert "-k3f9" in found.what


def test_json_has_line_what_and_mend(book: Book, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with book.path.open("a") as f:
        f.write("<<<<<<< HEAD\n")
    assert run(["--project", str(tmp_path), "journal", "check", "--json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)
    assert found["kind"] == "merge"
    assert found["line"] == book.read().count(b"\n")
    assert "delete the lines" in found["mend"]


@given(
    st.lists(st.one_of(st.binary(max_size=60), st.sampled_from([b"<!-- run:", b"\n", b" -->", b"\n<!-- /run:x -->\n"])))
)
def test_nothing_that_a_file_can_hold_stops_the_check(
    tmp_path_factory: pytest.TempPathFactory, parts: list[bytes]
) -> None:
    project = tmp_path_factory.getbasetemp() / "hostile"
    project.mkdir(exist_ok=True)
    (project / NAME).write_bytes(b"".join(parts))
    check(project)


def git(folder: Path, *arguments: str) -> int:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"]
    return subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True).returncode


@pytest.mark.parametrize("union", [False, True])
def test_two_branches_that_both_appended_merge_or_are_reported(union: bool, book: Book, tmp_path: Path) -> None:
    """What the finding says to do keeps both entries whole; merge=union does not, and that is found too."""
    (tmp_path / ".gitignore").write_text("runs/\n")
    if union:
        (tmp_path / ".gitattributes").write_text(f"{NAME} merge=union\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "one")
    git(tmp_path, "checkout", "-qb", "side")
    (first,) = parse(book.read())
    for branch, tail in (("side", "aaaa"), ("main", "bbbb")):
        git(tmp_path, "checkout", "-q", branch)
        key = f"20260604T101348-nano-care-{tail}"
        body = first.body.decode().replace(ID, key)
        book.append(key, Text(first.heading.decode().replace("(a)", f"({book.letter('2026-06-04')})"), body))
        git(tmp_path, "commit", "-qam", branch)
    merged = git(tmp_path, "merge", "-q", "side")
    if union:
        assert merged == 0
        assert "edited" in kinds(tmp_path), "union weaves the lines of two blocks into each other"
        return
    assert merged == 1
    assert "merge" in kinds(tmp_path)
    assert git(tmp_path, "checkout", "-q", "--conflict=diff3", NAME) == 0
    signs = (b"<<<<<<<", b"|||||||", b"=======", b">>>>>>>")
    book.path.write_bytes(b"".join(x for x in book.read().splitlines(keepends=True) if not x.startswith(signs)))
    assert [block.intact for block in parse(book.read())] == [True] * 3
    assert kinds(tmp_path) == ["letter"], "as the finding says to mend it"
