"""What `journal check` says of a torn entry, done to the letter, leaves a clean journal in which every line of a person still stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.audit import Finding, check
from journal.blocks import parse, stray_markers
from journal.book import Book
from journal.rebuild import rebuild
from journal.torn import torn

from .conftest import Logged

PROSE = (b"# Mine\n\nBefore.\n", b"\nBetween.\n\n## 2026-06-05 my own heading\n\n", b"\nAfter.\n")

START = b"<!-- run:20260604T101347-nano-care-k3f9 sha256:" + b"0" * 64 + b" -->\n"
END = b"<!-- /run:20260604T101347-nano-care-k3f9 -->\n"
HEAD, DATA = b"## 2026-06-04 (a) \xc2\xb7 x \xc2\xb7 [y]\n", b"<!-- data {} -->\n"


@pytest.fixture
def book(logged: Logged, tmp_path: Path) -> Book:
    """Two entries with prose around them."""
    logged("k3f9", day=4)
    logged("p0aa", day=5)
    book = Book(tmp_path)
    first, second = book.read().split(b"\n## 2026-06-05")
    first = first[first.index(b"## ") :]
    book.path.write_bytes(PROSE[0] + b"\n" + first + PROSE[1] + b"## 2026-06-05" + second + PROSE[2])
    assert check(tmp_path) == []
    return book


def marker(book: Book, which: bytes) -> bytes:
    (found,) = re.findall(rb"^<!-- " + which + rb"run:\S+k3f9 .*-->\n", book.read(), re.MULTILINE)
    return bytes(found)


def mended(book: Book, found: Finding) -> None:
    """Do what the finding says, line numbers and all."""
    lines = book.read().splitlines(keepends=True)
    if said := re.match(r"put (<!-- .* -->) on a line of its own below line (\d+)", found.mend):
        lines.insert(int(said[2]), said[1].encode() + b"\n")
    else:
        said = re.match(r"delete lines? (\d+)(?: to (\d+))?", found.mend)
        assert said, found.mend
        del lines[int(said[1]) - 1 : int(said[2] or said[1])]
    book.path.write_bytes(b"".join(lines))


@pytest.mark.parametrize("which", [b"/", b""])
@pytest.mark.parametrize("rebuilt_first", [False, True])
def test_fault_24_the_mend_of_a_torn_entry_leaves_nothing_of_it_behind(
    which: bytes, rebuilt_first: bool, book: Book, tmp_path: Path
) -> None:
    book.path.write_bytes(book.read().replace(marker(book, which), b""))
    if rebuilt_first:
        rebuild(tmp_path)
    (found,) = check(tmp_path)
    assert found.kind == "torn"
    mended(book, found)
    rebuild(tmp_path)
    assert check(tmp_path) == []
    data = book.read()
    assert data.count(b"**Asked.**") == 2
    at = 0
    for prose in PROSE:
        for line in filter(None, prose.splitlines(keepends=True)):
            assert (at := data.find(line, at)) >= 0, line


def test_fault_24_a_torn_note_is_not_promised_back_by_a_rebuild(book: Book, tmp_path: Path) -> None:
    book.path.write_bytes(book.read() + b"- 2026-06-06 (a) torn\n<!-- /note:20260606T101010-note-aaaa -->\n")
    (found,) = check(tmp_path)
    assert "rebuild" not in found.mend
    mended(book, found._replace(mend=found.mend.partition(" or ")[2]))
    assert check(tmp_path) == []


@given(st.lists(st.sampled_from([START, END, HEAD, DATA, b"prose\n", b"\xff\n", b"x"])).map(b"".join))
def test_fault_24_every_marker_that_stands_alone_is_told_with_lines_of_the_file(data: bytes) -> None:
    blocks = parse(data)
    found = list(torn(data, blocks))
    assert [at for at, _, _ in found] == [at for at, _ in stray_markers(data, blocks)]
    last = len(data.splitlines())
    for at, what, mend in found:
        here = data.count(b"\n", 0, at) + 1
        first, final = (int(n) for n in re.search(r"lines? (\d+)(?: to (\d+))?", what).groups(default="0"))  # type: ignore[union-attr]
        assert first <= here <= (final or first) <= last, (what, mend)
