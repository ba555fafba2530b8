"""What a project already wrote down on what is asked now: its notes and the prose of its journal, searched and quoted (requirement K7).

Runs are found by distance (engine/contract/distance.py); this is for what people wrote: `memory/*.md`, `wrong-paths*.md`, and every line
of RESEARCH_JOURNAL.md outside our blocks. A line is quoted when it names a changed knob, or shares enough words with the hypothesis.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from engine.contract.hashes import canonical, sha256
from journal.blocks import parse
from journal.book import Book
from journal.search import notes
from journal.text import plain

LARGEST = 2_000_000
"""Bytes of a note that are read."""
SHOWN = 5
"""Quotes that a checklist shows."""
_WORD = re.compile(r"[A-Za-z][A-Za-z-]{4,}")
_COMMON = frozenset(
    _WORD.findall(
        "about above after again against already answer answers because before being below between could different during every "
        "first hypothesis less model models might never other rather round rounds should since still student tests their there "
        "these thing those through under until value which while where whether without would"
    )
)


class Quote(NamedTuple):
    """One line of a person's: where it stands, what it says (safe to print), and what of it was asked for."""

    file: str  # relative to the project
    line: int  # from 1
    text: str
    why: list[str]

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


def search(project: Path, changed: Mapping[str, Any], hypothesis: str) -> list[Quote]:
    """The lines that bear on the changed knobs ('section.name': value) and the words of the hypothesis, best first, at most SHOWN."""
    knobs = [(knob, _knob(knob), _value(value)) for knob, value in changed.items()]
    words = sorted({w.lower() for w in _WORD.findall(hypothesis)} - _COMMON)
    ranked = []
    for file, number, line in lines(project):
        score, why = 0.0, []
        for knob, name, value in knobs:
            if name.search(line):
                with_value = value is not None and value.search(line) is not None
                score += 4 if with_value else 3
                why.append(knob)
        shared = [w for w in words if w in line.lower()]
        score += len(shared)
        why += shared
        if score >= 3 and len(line.split()) > 2:  # a heading of one word says nothing
            ranked.append((score, Quote(file, number, plain(line.strip(" \t#>*-"), 160), why)))
    ranked.sort(key=lambda found: -found[0])
    return [quote for _, quote in ranked[:SHOWN]]


def notes_hash(quotes: Sequence[Quote]) -> str:
    """Identity of what the notes say; '' when they say nothing."""
    return sha256(canonical(sorted([q.file, q.text] for q in quotes))) if quotes else ""


def lines(project: Path) -> Iterator[tuple[str, int, str]]:
    """(file, line number, line) of every note, then of the journal's prose; what cannot be read is left out."""
    for path in notes(project):
        try:
            data = path.read_bytes()[:LARGEST]
        except OSError:
            continue
        yield from _numbered(str(path.relative_to(project)), data.decode("utf-8", "replace"))
    book = Book(project)
    data = book.read()
    prose, end = [], 0
    for block in parse(data):  # only its newlines stay, so that lines keep their numbers
        prose += [data[end : block.start], b"\n" * data.count(b"\n", block.start, block.end)]
        end = block.end
    yield from _numbered(book.path.name, b"".join([*prose, data[end:]]).decode("utf-8", "replace"))


def _numbered(file: str, text: str) -> Iterable[tuple[str, int, str]]:
    return ((file, number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip())


def _knob(knob: str) -> re.Pattern[str]:
    """A knob as people write it: 'heal.tau', 'tau', 'dose high' for steer.dose_high; one common word alone is not enough."""
    section, _, name = knob.partition(".")
    spelled = re.escape(name).replace("_", "[ _-]")
    alone = "" if name in ("id", "name", "enabled", "method", "norm", "prompts", "facts", "seed") else "?"
    return re.compile(rf"(?<![\w.])(?:{section}[. ]){alone}{spelled}(?!\w)", re.IGNORECASE)


def _value(value: Any) -> re.Pattern[str] | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)) or value == "":
        return None
    said = f"{value:g}" if isinstance(value, float) else str(value)
    spelled = re.escape(said)
    if said.startswith("0."):
        spelled = f"0?{re.escape(said[1:])}"
    return re.compile(rf"(?<![\w.]){spelled}(?![\w]|\.\d)", re.IGNORECASE)
