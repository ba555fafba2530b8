"""The index: whatever happened to the journal or to the cache, rows are what parsing the whole file gives."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.contract.errors import BadInput
from journal import index
from journal.blocks import Text, parse
from journal.book import NAME, Book
from journal.card import embed, extract, without
from journal.index import entries, find_entry, pages, rows


def add(book: Book, key: str, words: str = "", status: str = "success") -> None:
    hidden = embed({"run": key, "status": status, "value": 0.5})
    book.append(key, Text(f"## 2026-06-12 (a) · {key} · [exploratory, seed 42]", f"**Asked.** {words}\n{hidden}"))


def truth(project: Path) -> list[tuple[object, ...]]:
    """Key, place, hash state and numbers of every block, parsed anew, newest first."""
    data = Book(project).read()
    return [(b.key, b.start, b.end, b.intact, extract(b.body.decode("utf-8", "replace"))) for b in parse(data)][::-1]


def seen(project: Path) -> list[tuple[object, ...]]:
    return [(r.key, r.start, r.end, r.intact, r.data) for r in rows(project)]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 10**6)),
        st.tuples(st.just("prose"), st.binary(max_size=60)),
        st.tuples(st.just("front"), st.binary(max_size=20)),
        st.tuples(st.just("rewrite"), st.integers(0, 8)),
        st.tuples(st.just("edit"), st.integers(0, 2000)),
        st.tuples(st.just("cut"), st.integers(1, 300)),
        st.tuples(st.just("damage"), st.integers(0, 10**6)),
        st.tuples(st.just("torn"), st.integers(0, 8)),
    ),
    max_size=14,
)


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_the_cached_index_is_always_that_of_a_full_parse(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, object]]
) -> None:
    project = tmp_path_factory.mktemp("p")
    book, path, cache = Book(project), project / NAME, project / "runs/.index/journal.json"
    index.SEGMENT, before = 400, index.SEGMENT
    try:
        for what, value in steps:
            data = book.read()
            if what == "append":
                add(book, f"run-{value}")
            elif what == "prose":
                path.write_bytes(data + bytes(value))  # type: ignore[call-overload]
            elif what == "front":
                path.write_bytes(bytes(value) + data)  # type: ignore[call-overload]
            elif what == "rewrite" and (found := rows(project)):
                row = found[int(value) % len(found)]  # type: ignore[call-overload]
                book.rewrite(row.key, Text("## 2026-06-12 (a) · closed · [x]", "done\n" + embed({"status": "nan"})))
            elif what == "edit" and data:
                at = int(value) % len(data)  # type: ignore[call-overload]
                path.write_bytes(data[:at] + b"X" + data[at + 1 :])
            elif what == "cut":
                path.write_bytes(data[: -int(value)])  # type: ignore[call-overload]
            elif what == "torn":
                path.write_bytes(data + f"\n<!-- run:run-{value} sha256:{'0' * 64} -->\n".encode())
            elif what == "damage" and cache.exists():
                raw = bytearray(cache.read_bytes())
                raw[int(value) % len(raw)] ^= 0x20  # type: ignore[call-overload]
                cache.write_bytes(raw)
            assert seen(project) == truth(project)
            assert seen(project) == truth(project)  # now from the cache
    finally:
        index.SEGMENT = before


def test_an_appended_journal_parses_only_its_new_tail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = Book(tmp_path)
    for i in range(20):
        add(book, f"run-{i}")
    rows(tmp_path)
    add(book, "run-new")
    parsed: list[int] = []
    monkeypatch.setattr(index, "parse", lambda data: parsed.append(len(data)) or parse(data))
    assert rows(tmp_path)[0].key == "run-new"
    assert len(parsed) == 1
    assert parsed[0] < len(book.read()) / 10
    assert len(rows(tmp_path)) == 21
    assert len(parsed) == 1  # the file that was cached is not read again


def test_an_edit_of_equal_size_and_time_is_seen(tmp_path: Path) -> None:
    add(Book(tmp_path), "run-a", "before")
    rows(tmp_path)
    path = tmp_path / NAME
    stat = path.stat()
    path.write_bytes(path.read_bytes().replace(b"before", b"beforX"))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert not rows(tmp_path)[0].intact


def test_a_project_that_cannot_be_written_is_read_all_the_same(tmp_path: Path) -> None:
    add(Book(tmp_path), "run-a")
    (tmp_path / "runs/.index").write_text("a file where the folder should be")
    assert [r.key for r in rows(tmp_path)] == ["run-a"]
    assert [r.key for r in rows(tmp_path)] == ["run-a"]


def test_nothing_in_the_index_can_run_code(tmp_path: Path) -> None:
    add(Book(tmp_path), "run-a")
    rows(tmp_path)
    assert sorted(p.name for p in (tmp_path / "runs/.index").iterdir()) == [".gitignore", "journal.json"]
    assert (tmp_path / "runs/.index/journal.json").read_bytes().partition(b"\n")[2].startswith(b"{")


def test_an_entry_has_the_text_that_a_person_reads(tmp_path: Path) -> None:
    add(Book(tmp_path), "run-a", "does it?")
    book = Book(tmp_path)
    book.append("note-1", Text("", "- 2026-06-12 (b) · -a tagged x\n" + embed({"of": "run-a"}), "note"))
    note, run = entries(tmp_path)
    block = parse(book.read())[0]
    assert run.text == without((block.heading + b"\n" + block.body).decode())
    assert run.text.startswith("## 2026-06-12 (a)")
    assert note.text == "- 2026-06-12 (b) · -a tagged x\n"
    assert (run.status, run.title, run.level) == ("success", "run-a", "exploratory, seed 42")
    assert pages(tmp_path).data == book.read()


def test_an_entry_is_found_by_id_prefix_ending_or_last(tmp_path: Path) -> None:
    for key in ("20260604T1-nano-k3f9", "20260605T1-nano-p0aa"):
        add(Book(tmp_path), key)
    for name in ("last", "20260605", "p0aa", "-p0aa", "20260605T1-nano-p0aa"):
        assert find_entry(tmp_path, name).key == "20260605T1-nano-p0aa"
    with pytest.raises(BadInput, match="not unique"):
        find_entry(tmp_path, "2026")
    with pytest.raises(BadInput, match="newest is 20260605T1-nano-p0aa"):
        find_entry(tmp_path, "zzzz")
