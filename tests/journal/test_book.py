"""The journal keeps every byte that is not ours, loses nothing that is, and never overwrites a hand.

Requirement K10, FAULTS 22 to 24 and 43."""

from __future__ import annotations

import multiprocessing
import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.contract.errors import BadInput
from journal.blocks import Text, block_of, parse, render
from journal.book import NAME, Book, entry_key

KEY = "20260604T101347-nano-care-k3f9"
ENTRY = Text("## 2026-06-04 (a) · running · [exploratory]", "**Asked.** Why?\n")
CLOSED = Text("## 2026-06-04 (a) · trait .93 · [exploratory]", "**Asked.** Why?\n\n**Verdict.** met.\n")

FRAGMENTS = st.sampled_from(
    [
        b"<!-- run:" + KEY.encode() + b" sha256:" + b"0" * 64 + b" -->\n",
        b"<!-- /run:" + KEY.encode() + b" -->\n",
        b"<!-- run:other sha256:" + b"0" * 64 + b" -->\nbody\n<!-- /run:other -->\n",
        b"## 2026-06-04 (b) \xc2\xb7 fake \xc2\xb7 [publishable]\n",
        b"\xff\xfe broken \x80\n",
        b"\x1b]52;c;aGk=\x07\x1b[2J\n",
        b"```\n",
        b"\r\n",
        b"\n\n",
        b"no newline at the end",
        "\u202egnp.exe\n".encode(),
    ]
)
PROSE = st.lists(st.one_of(FRAGMENTS, st.binary(max_size=40)), max_size=6).map(b"".join)


def fresh(tmp_path: Path, data: bytes = b"") -> Book:
    book = Book(tmp_path)
    if data or book.path.exists():
        book.path.write_bytes(data)
    return book


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=PROSE, after=PROSE)
def test_prose_around_an_entry_stays_byte_for_byte(tmp_path: Path, before: bytes, after: bytes) -> None:
    book = fresh(tmp_path, before)
    if (
        book.find(KEY) is not None
    ):  # the prose holds a fake block of this very key; then nothing may be overwritten at all
        book.append(KEY, ENTRY)
        assert book.read() == before
        return
    book.append(KEY, ENTRY)
    with book.path.open("ab") as f:
        f.write(after)
    kept = book.read()
    block = render(KEY, ENTRY)
    assert kept.startswith(before)
    assert kept.count(block) >= 1
    if book.rewrite(KEY, CLOSED) is None:
        head, _, rest = kept.rpartition(block) if kept.count(block) == 1 else kept.partition(block)
        assert book.read() == head + render(KEY, CLOSED) + rest
    else:
        assert book.read() == kept


@given(
    parts=st.lists(
        st.one_of(PROSE, st.sampled_from([render(KEY, ENTRY), render(KEY, CLOSED), render("other", ENTRY)])), max_size=5
    )
)
def test_a_key_is_found_where_parsing_the_whole_file_finds_it(parts: list[bytes]) -> None:
    data = b"".join(parts)
    mine = [block for block in parse(data) if block.key == KEY]
    assert block_of(data, KEY) == next((block for block in reversed(mine) if block.intact), mine[-1] if mine else None)


def test_append_is_idempotent_and_mends_a_torn_tail(tmp_path: Path) -> None:
    book = fresh(tmp_path, b"# Mine\n\nlast line without end")
    book.append(KEY, ENTRY)
    book.append(KEY, ENTRY)
    assert book.read() == b"# Mine\n\nlast line without end\n\n" + render(KEY, ENTRY)


def test_an_entry_torn_in_the_middle_is_written_again_after_it(tmp_path: Path) -> None:
    torn = render(KEY, ENTRY)[:-20]
    book = fresh(tmp_path, b"before\n\n" + torn)
    assert book.find(KEY) is None
    book.rewrite(KEY, CLOSED)
    assert book.read().startswith(b"before\n\n" + torn)
    found = book.find(KEY)
    assert found is not None
    assert found.intact


@pytest.mark.parametrize("where", ["heading", "body"])
def test_an_edited_block_is_flagged_and_its_result_goes_to_a_sibling(tmp_path: Path, where: str) -> None:
    book = fresh(tmp_path)
    book.append(KEY, ENTRY)
    edited = book.read().replace(*((b"running", b"walking") if where == "heading" else (b"Why?", b"Why not?")))
    book.path.write_bytes(edited)
    found = book.find(KEY)
    assert found is not None
    assert not found.intact
    sibling = book.rewrite(KEY, CLOSED)
    assert sibling is not None
    assert sibling.read_bytes() == render(KEY, CLOSED)
    assert book.read() == edited


def test_a_block_whose_markers_were_deleted_is_written_again(tmp_path: Path) -> None:
    book = fresh(tmp_path)
    book.append(KEY, ENTRY)
    book.path.write_bytes(b"\n".join(line for line in book.read().split(b"\n") if b"run:" not in line))
    assert book.rewrite(KEY, CLOSED) is None
    assert [b.key for b in parse(book.read()) if b.intact] == [KEY]


def test_the_end_of_the_file_ends_the_last_block(tmp_path: Path) -> None:
    book = fresh(tmp_path, render(KEY, ENTRY)[:-1])
    assert book.rewrite(KEY, CLOSED) is None
    assert book.read() == render(KEY, CLOSED)


def test_a_journal_saved_with_crlf_has_edited_blocks_and_gets_no_second_ones(tmp_path: Path) -> None:
    """FAULTS 22."""
    saved = (b"# Mine\n\n" + render(KEY, ENTRY)).replace(b"\n", b"\r\n")
    book = fresh(tmp_path, saved)
    assert [(b.key, b.intact) for b in parse(saved)] == [(KEY, False)]
    assert book.rewrite(KEY, CLOSED) is not None
    book.append(KEY, ENTRY)
    assert book.read() == saved


def test_what_was_typed_while_the_new_text_was_written_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An editor saves between our reading and our rename."""
    book = fresh(tmp_path, render(KEY, ENTRY))
    typed = [b"\ntyped meanwhile\n"]

    def fsync(fd: int) -> None:
        if typed:
            with book.path.open("ab") as f:
                f.write(typed.pop())

    monkeypatch.setattr(os, "fsync", fsync)
    assert book.rewrite(KEY, CLOSED) is None
    assert book.read() == render(KEY, CLOSED) + b"\ntyped meanwhile\n"
    assert [path.name for path in tmp_path.glob(".RESEARCH*")] == []


def test_attempts_have_their_own_entries(tmp_path: Path) -> None:
    book = fresh(tmp_path)
    book.append(entry_key(KEY), ENTRY)
    book.append(entry_key(KEY, 2), ENTRY)
    assert [b.key for b in parse(book.read())] == [KEY, f"{KEY}#2"]


def test_mode_and_symlink_of_the_journal_survive_a_rewrite(tmp_path: Path) -> None:
    real = tmp_path / "elsewhere.md"
    real.write_bytes(b"")
    real.chmod(0o600)
    (tmp_path / NAME).symlink_to(real)
    book = Book(tmp_path)
    book.append(KEY, ENTRY)
    book.rewrite(KEY, CLOSED)
    assert (tmp_path / NAME).is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o600


def test_letters_go_on_from_the_last_one(tmp_path: Path) -> None:
    book = fresh(
        tmp_path, "## 2026-06-04 (a) · x · [y]\n- 2026-06-04 (z) · smoke\n## 2026-06-05 (c) · x · [y]\n".encode()
    )
    assert book.letter("2026-06-04") == "aa"
    assert book.letter("2026-06-05") == "d"
    assert book.letter("2026-06-06") == "a"


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_project_is_said_in_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(BadInput, match=NAME):
        Book(tmp_path).append(KEY, ENTRY)


def test_a_journal_that_is_a_folder_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    with pytest.raises(BadInput, match="Is a directory"):
        Book(tmp_path).append(KEY, ENTRY)


def _append_and_close(project: Path, worker: int, count: int) -> None:
    for number in range(count):
        book = Book(project)
        key = f"20260604T101347-nano-care-{worker:02d}{number:02d}"
        book.append(key, Text(f"## 2026-06-04 (a) · running {key} · [x]", "open\n"))
        book.rewrite(key, Text(f"## 2026-06-04 (a) · done {key} · [x]", f"closed {key}\n" * 20))


def test_processes_that_append_at_once_lose_nothing(tmp_path: Path) -> None:
    """FAULTS 23; the larger form of this is a benchmark."""
    book = fresh(tmp_path, b"# Mine\n\n\xff prose\n")
    spawn = multiprocessing.get_context("fork")
    workers = [spawn.Process(target=_append_and_close, args=(tmp_path, w, 5)) for w in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    blocks = parse(book.read())
    assert len({b.key for b in blocks}) == len(blocks) == 40
    assert all(b.intact and b"closed" in b.body for b in blocks)
    assert book.read().startswith(b"# Mine\n\n\xff prose\n")
