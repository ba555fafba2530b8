"""Seconds of every operation on a journal with 10,000 entries of 3 kB, and how often a plain read of the file fits into each."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.contract.rundir import RunDir
from journal.audit import check
from journal.blocks import Text, parse, render
from journal.book import Book
from journal.index import rows
from journal.record import load_record
from journal.write import close_entry
from tests.journal.conftest import STARTED, Maker, evaluated, make_run

__all__ = ["make_run"]
pytestmark = pytest.mark.bench
COUNT = 10_000
ID = "20260604T101347-nano-care-k3f9"
ALPHABET = "abcdefghij"


def fill(project: Path, folder: RunDir) -> Book:
    """The entry that the real code writes of a run, under 10,000 ids."""
    book = Book(project)
    close_entry(book, load_record(folder))
    (block,) = parse(book.read())
    heading, body = block.heading.decode(), block.body.decode()
    with book.path.open("wb") as f:
        for number in range(COUNT):
            tail = "".join(ALPHABET[int(digit)] for digit in f"{number:04d}")
            key = ID.replace("k3f9", tail)
            f.write(b"\nSome prose of mine.\n\n")
            placed = heading.replace("(a)", f"({tail[1:]})")  # letters repeat, as after merges
            f.write(render(key, Text(placed, body.replace(ID, key).replace("-k3f9", f"-{tail}"))))
    return book


def test_a_journal_of_10000_entries(make_run: Maker, tmp_path: Path) -> None:
    folder = make_run(ID, [STARTED, evaluated("base", 0.24), evaluated("healed", 0.93)], status="success")
    book = fill(tmp_path, folder)
    data = book.read()
    new = Text("## 2026-06-05 (a) · x · [y]", "body\n" * 500)
    last = parse(data)[-1].key
    timed: list[tuple[str, Callable[[], object]]] = [
        ("plain read", book.read),
        ("parse", lambda: parse(data)),
        ("append", lambda: book.append(f"20260605T101347-nano-care-{time.perf_counter_ns() % 10**8}", new)),
        ("letter", lambda: book.letter("2026-06-05")),
        ("its worst", lambda: book.letter("2026-06-04")),  # every entry is of that day
        ("find", lambda: book.find(last)),
        ("find nothing", lambda: book.find("none")),
        ("rewrite", lambda: book.rewrite(last, Text("## 2026-06-04 (a) · x · [y]", f"{time.perf_counter_ns()}\n"))),
        ("check", lambda: check(tmp_path)),
        ("rows, first", lambda: rows(tmp_path)),
        ("rows, cached", lambda: rows(tmp_path)),
    ]
    print(f"\n{COUNT} entries, {len(data) / 1e6:.0f} MB")
    base = 0.0
    for name, call in timed:
        seconds = []
        for _ in range(1 if name in ("check", "rows, first") else 3):
            began = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - began)
        base = base or min(seconds)
        print(f"  {name:<14} {min(seconds):>8.4f} s {min(seconds) / base:>8.1f} x")
    assert len(parse(book.read())) == COUNT + 3
