"""What was written before is found again: notes and the journal's prose, by knob, by value and by the words of the question (K7)."""

from __future__ import annotations

import time
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journal.blocks import Text
from journal.book import Book
from journal.prior import SHOWN, notes_hash, search

QUESTION = "A tighter barrier undoes the trait without buying coherence."


def write(project: Path, file: str, text: str | bytes) -> None:
    path = project / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)


def test_k7_notes_and_prose_are_quoted_with_their_line(tmp_path: Path) -> None:
    write(tmp_path, "memory/tau.md", "# Notes on tau and more\n\n- heal.tau = 0.03 was too tight for care\n")
    write(tmp_path, "wrong-paths-2026.md", "raising lam does nothing\ntau 4 leaves the barrier inert\n")
    book = Book(tmp_path)
    book.append(
        "20260101T000000-nano-care-aaaa", Text("## 2026-01-01 (a) · tau .03 · [x]", "heal.tau 0.03 in our own block\n")
    )
    with book.path.open("a") as f:
        f.write("\nI saw that a tighter barrier buys no coherence.\n")
    found = search(tmp_path, {"heal.tau": 0.03}, QUESTION)
    last = len(book.path.read_text().splitlines())
    assert [q.place for q in found] == [
        "memory/tau.md:3", "wrong-paths-2026.md:2", "memory/tau.md:1", f"RESEARCH_JOURNAL.md:{last}",
    ]  # fmt: skip
    assert found[0].text == "heal.tau = 0.03 was too tight for care"
    assert found[0].why == ["heal.tau"]


def test_k7_a_value_counts_and_another_number_does_not(tmp_path: Path) -> None:
    write(tmp_path, "memory/a.md", "rank 16 was a waste of time\nrank 160 was never tried\n")
    assert search(tmp_path, {"heal.rank": 16}, "")[0].place == "memory/a.md:1"


def test_k7_a_word_of_everyday_is_no_knob(tmp_path: Path) -> None:
    write(tmp_path, "memory/a.md", "the name of the method is not the point\nsteer.method random moved nothing here\n")
    assert [q.line for q in search(tmp_path, {"steer.method": "random"}, "")] == [2]


def test_k7_nothing_is_quoted_where_nothing_was_written(tmp_path: Path) -> None:
    assert search(tmp_path, {"heal.tau": 0.03}, QUESTION) == []
    assert notes_hash([]) == ""
    write(tmp_path, "memory/a.md", "bought milk and bread today\n")
    assert search(tmp_path, {"heal.tau": 0.03}, QUESTION) == []


def test_the_hash_follows_what_the_notes_say_and_not_where(tmp_path: Path) -> None:
    write(tmp_path, "memory/a.md", "tau was too low once\n")
    first = notes_hash(search(tmp_path, {"heal.tau": 0.03}, ""))
    write(tmp_path, "memory/a.md", "\n\ntau was too low once\n")
    assert notes_hash(search(tmp_path, {"heal.tau": 0.03}, "")) == first
    write(tmp_path, "memory/a.md", "tau was too low twice\n")
    assert notes_hash(search(tmp_path, {"heal.tau": 0.03}, "")) != first


def test_fault_26_a_hostile_note_cannot_act_on_the_terminal(tmp_path: Path) -> None:
    write(tmp_path, "memory/a.md", b"tau \x1b]52;c;AAAA\x07 \x1b[2J was \x9b31m low \xff\xfe\n")
    (quote,) = search(tmp_path, {"heal.tau": 0.03}, "")
    assert "\x1b" not in quote.text
    assert "\x9b" not in quote.text


def test_fault_28_a_note_behind_a_symlink_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, "elsewhere.md", "tau was far too low there\n")
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "a.md").symlink_to(tmp_path / "elsewhere.md")
    assert search(tmp_path, {"heal.tau": 0.03}, "") == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.binary(max_size=400), st.text(max_size=80))
def test_no_bytes_and_no_question_make_the_search_fail(tmp_path: Path, note: bytes, question: str) -> None:
    write(tmp_path, "memory/a.md", note)
    assert len(search(tmp_path, {"heal.tau": 0.03, "steer.method": "random"}, question)) <= SHOWN


def test_a_large_journal_is_searched_quickly(tmp_path: Path) -> None:
    """Linear in the file: a quadratic search takes minutes here."""
    from journal.blocks import render
    from journal.book import NAME

    blocks = (
        render(f"20260101T000000-x-{n}", Text("", "- a ledger line\n")) + b"\nprose on tau here\n" for n in range(5000)
    )
    write(tmp_path, NAME, b"".join(blocks))
    begun = time.monotonic()
    assert len(search(tmp_path, {"heal.tau": 0.03}, QUESTION)) == SHOWN
    assert time.monotonic() - begun < 10
