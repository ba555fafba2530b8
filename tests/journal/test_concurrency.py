"""Processes that write the journal while a person edits it lose nothing, on either side (FAULTS 22 and 23)."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path

import pytest

from journal.blocks import Text, parse
from journal.book import Book

FORK = multiprocessing.get_context("fork")


def append(project: Path, worker: int, count: int) -> None:
    book = Book(project)
    for number in range(count):
        key = f"20260604T101347-nano-care-{worker:02d}{number:02d}"
        with book.locked():
            letter = book.letter("2026-06-04")
            book.append(key, Text(f"## 2026-06-04 ({letter}) · running · [x]", "open\n"))
        book.rewrite(key, Text(f"## 2026-06-04 ({letter}) · done · [x]", f"closed {key}\n" * 10))


def edit(path: Path, stop: "multiprocessing.synchronize.Event") -> None:  # type: ignore[name-defined]
    """An editor that adds lines of its own at the end, one write each, for as long as others append."""
    number = 0
    while not stop.is_set():
        with path.open("ab") as f:
            f.write(f"\nline {number} of mine\n".encode())
        number += 1
        time.sleep(0.01)
    path.with_name("typed").write_text(str(number))


def play(project: Path, workers: int, count: int) -> None:
    book = Book(project)
    book.path.write_bytes(b"# Mine\n\n\xff prose\n")
    stop = FORK.Event()
    editor = FORK.Process(target=edit, args=(book.path, stop))
    writers = [FORK.Process(target=append, args=(project, worker, count)) for worker in range(workers)]
    for process in (editor, *writers):
        process.start()
    for process in writers:
        process.join(300)
        assert process.exitcode == 0
    stop.set()
    editor.join(60)
    data = book.read()
    blocks = parse(data)
    assert len({block.key for block in blocks}) == len(blocks) == workers * count
    assert all(block.intact and b"closed" in block.body for block in blocks)
    assert len({block.heading.split(b" \xc2\xb7 ")[0] for block in blocks}) == workers * count, "letters are unique"
    assert data.startswith(b"# Mine\n\n\xff prose\n")
    typed = int(book.path.with_name("typed").read_text())
    assert [n for n in range(typed) if f"\nline {n} of mine\n".encode() not in data] == []


def test_fault_23_eight_processes_and_a_person_who_types_lose_nothing(tmp_path: Path) -> None:
    play(tmp_path, 8, 3)


@pytest.mark.bench
def test_fault_23_fifty_processes_and_a_person_who_types_lose_nothing(tmp_path: Path) -> None:
    play(tmp_path, 50, 4)


def test_fault_22_an_editor_that_renames_its_own_file_over_ours_during_an_append_does_not_take_the_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = Book(tmp_path)
    book.path.write_bytes(b"# Old\n")
    real, saves = os.fsync, [b"# New\n", b"# Newer\n"]

    def fsync(fd: int) -> None:
        real(fd)
        if saves:
            (tmp_path / "edited").write_bytes(saves.pop(0))
            os.replace(tmp_path / "edited", book.path)

    monkeypatch.setattr(os, "fsync", fsync)
    book.append("20260604T101347-nano-care-k3f9", Text("## 2026-06-04 (a) · x · [y]", "body\n"))
    (block,) = parse(book.read())
    assert block.intact
    assert book.read().startswith(b"# Newer\n")


def test_fault_22_what_was_typed_into_the_file_that_a_rewrite_replaced_is_carried_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = Book(tmp_path)
    key = "20260604T101347-nano-care-k3f9"
    book.append(key, Text("## 2026-06-04 (a) · x · [y]", "body\n"))
    real = os.replace

    def replace(source: Path, target: Path) -> None:
        with book.path.open("ab") as f:
            real(source, target)
            f.write(b"\ntyped into the old file\n")

    monkeypatch.setattr(os, "replace", replace)
    book.rewrite(key, Text("## 2026-06-04 (a) · z · [y]", "body\n"))
    assert book.read().endswith(b"\ntyped into the old file\n")
    assert parse(book.read())[0].heading.endswith(b"z \xc2\xb7 [y]")
