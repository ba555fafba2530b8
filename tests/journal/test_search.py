"""Full-text search over entries, the researcher's prose and the notes beside the journal."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.cli.main import run
from engine.contract.errors import BadInput
from journal.blocks import Text
from journal.book import NAME, Book
from journal.card import embed
from journal.index import pages
from journal.search import in_journal, marks, read_query

Logged = Callable[..., str]
Search = Callable[..., list[dict[str, object]]]


@pytest.fixture
def search(logged: Logged, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Search:
    """search('words', ...) over a journal of prose, an entry, prose, an entry; and notes."""
    path = tmp_path / NAME
    path.write_text("# Mine\n\nBefore all: the Λ schedule\nchanges nothing.\n\n")
    logged("aaaa")
    with path.open("a") as f:
        f.write("\n**Discussion.** Clipping outliers is\nenough for -aaaa.\n\n")
    logged("bbbb", day=5)
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory/a.md").write_text("# Old\n\nClipping never helped.\n")
    (tmp_path / "wrong-paths-2026.md").write_text("nothing\n\nclipping again\n")
    os.utime(tmp_path / "memory/a.md", (1, 1))

    def call(*words: str) -> list[dict[str, object]]:
        capsys.readouterr()
        assert run(["journal", "search", "--json", "--project", str(tmp_path), *words]) == 0
        found: list[dict[str, object]] = json.loads(capsys.readouterr().out)
        return found

    return call


def test_entries_and_prose_are_found_newest_first_with_their_line(search: Search, tmp_path: Path) -> None:
    assert [str(found["key"])[-4:] for found in search("ASKED")] == ["bbbb", "aaaa"]
    (found,) = search("outliers")
    assert (found["about"], found["key"], found["file"]) == ("prose", "", NAME)
    line = (tmp_path / NAME).read_text().splitlines()[int(str(found["line"])) - 1]
    assert line == "**Discussion.** Clipping outliers is"
    assert found["snippet"] == "Discussion. Clipping outliers is"


def test_every_word_must_be_there_phrases_across_lines_and_none_with_a_minus(search: Search) -> None:
    assert len(search("clipping", "enough")) == 1
    assert len(search("outliers is enough")) == 1
    assert search("outliers enough is") == []
    assert search("clipping", "-outliers") == []
    assert search("clipping", "asked") == []
    assert len(search('"outliers is" -zebra clipping')) == 1


def test_letters_beyond_ascii_are_found_in_either_case(search: Search) -> None:
    assert len(search("λ")) == 1
    assert len(search("Λ SCHEDULE")) == 1


def test_markers_and_hidden_lines_are_not_searched(search: Search) -> None:
    assert search("sha256") == []
    assert search("family_hash") == []


def test_notes_are_searched_when_asked_the_newest_file_first(search: Search) -> None:
    assert len(search("clipping")) == 1
    found = search("clipping", "--notes")
    assert [(f["file"], f["line"], f["about"]) for f in found][1:] == [
        ("wrong-paths-2026.md", 3, "notes"),
        ("memory/a.md", 3, "notes"),
    ]


def test_a_person_sees_where_and_what(search: Search, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["journal", "search", "asked", "--limit", "1", "--project", str(tmp_path)]) == 0
    shown = capsys.readouterr()
    assert shown.out.count("\n") == 1
    assert "-bbbb" in shown.out
    assert "1 of 2 places" in shown.err
    assert run(["journal", "search", "zebra", "--project", str(tmp_path)]) == 0
    assert "nothing says that" in capsys.readouterr().err
    assert run(["journal", "search", '"open', "--project", str(tmp_path)]) == 2
    assert run(["journal", "search", "-only", "--project", str(tmp_path)]) == 2


WORDS = st.text(st.sampled_from("abÄä\n *`<"), min_size=1, max_size=30)


@settings(max_examples=60, deadline=None)
@given(parts=st.lists(WORDS, max_size=5), word=st.text(st.sampled_from("abäÄ"), min_size=1, max_size=3))
def test_a_word_is_found_in_exactly_the_parts_that_have_it(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str], word: str
) -> None:
    project = tmp_path_factory.mktemp("p")
    book = Book(project)
    for i, part in enumerate(parts):
        book.append(f"9{i}", Text("", f"{part}\n{embed({'of': word})}", "note"))
    data, found = pages(project)
    places, count = in_journal(data, found, read_query(word), NAME)
    lowered = [part.lower() for part in parts]
    assert sorted(place.key for place in places if place.key) == [
        f"9{i}" for i, p in enumerate(lowered) if word.lower() in p
    ]
    assert count == len(places)


def test_what_was_searched_for_is_marked_in_a_snippet() -> None:
    assert marks("Clipping the tail ppl, clipped", read_query('clip "tail ppl"')) == [(0, 4), (13, 21), (23, 27)]
    with pytest.raises(BadInput, match="say what"):
        read_query("  ")
