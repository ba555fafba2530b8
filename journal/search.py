"""Full-text search over everything in the journal that a person reads, entries and prose alike, and over the notes beside it.

    barrier "tail ppl" -nano          every word and every quoted phrase, none of those with a minus; case does not matter

What is searched is one entry, or one stretch of prose between entries, at a time. Hidden lines and markers are not searched.
"""

from __future__ import annotations

import re
import shlex
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from engine.contract.errors import BadInput
from journal.index import Row
from journal.text import plain, unquoted

NOTES = ("memory/**/*.md", "wrong-paths*.md", "*/wrong-paths*.md")
"""Where a project keeps notes beside its journal."""
SKIPPED = frozenset({"runs", "node_modules", ".git", ".venv"})
WIDTH = 160
"""Characters of a snippet."""
_FLAT = bytes(range(256)).lower().replace(b"\n", b" ").replace(b"\r", b" ").replace(b"\t", b" ")
"""Byte for byte: lower case, and a line's end is a blank, so that a phrase is found across it."""
_HIDDEN = (b"<!-- data {", b"<!-- run:", b"<!-- note:", b"<!-- claim:", b"<!-- adopted:", b"<!-- /")


class Query(NamedTuple):
    """Words and phrases that must all occur, and those that must not."""

    wanted: tuple[str, ...]
    unwanted: tuple[str, ...] = ()


class Found(NamedTuple):
    """One place: the file, its line (from 1), the entry's key ('' for prose and notes), and the words around the first one found."""

    file: str
    line: int
    key: str
    snippet: str
    about: Literal["entry", "prose", "notes"]


def read_query(text: str) -> Query:
    """Words, "quoted phrases" and -minus. Raises BadInput on an open quote, or when nothing is asked for."""
    lexer = shlex.shlex(text, posix=True)
    lexer.whitespace_split, lexer.quotes, lexer.commenters, lexer.escape = True, '"', "", ""
    try:
        parts = [" ".join(part.split()) for part in lexer]
    except ValueError:
        raise BadInput(f"a quote is not closed in {text!r}") from None
    wanted = tuple(p for p in parts if p and not (p.startswith("-") and len(p) > 1))
    unwanted = tuple(p[1:] for p in parts if p.startswith("-") and len(p) > 1)
    if not wanted:
        raise BadInput("say what to search for: words, or a phrase in quotes")
    return Query(wanted, unwanted)


def in_journal(
    data: bytes, rows: Sequence[Row], query: Query, file: str, most: int | None = None
) -> tuple[list[Found], int]:
    """Where a journal says it, newest first, at most `most` of them, and in how many places it does. `rows` are its blocks, oldest
    first, as index.pages gives them."""
    spans = list(_spans(data, rows))
    places = _search(data, [(start, end) for start, end, _ in spans], query)
    keys = {start: row.key if row is not None else "" for start, _, row in spans}
    lines = _Lines(data)
    shown = places if most is None else places[max(0, len(places) - most) :]
    found = [
        Found(file, lines.at(at), keys[start], _snippet(data, at), "entry" if keys[start] else "prose")
        for start, at in shown
    ]
    return found[::-1], len(places)


def notes(project: Path) -> list[Path]:
    """The files of notes, by path. A link may lead out of the project and is left out."""
    found = {p for pattern in NOTES for p in project.glob(pattern) if not SKIPPED & set(p.relative_to(project).parts)}
    return sorted(p for p in found if p.is_file() and not p.is_symlink())


def in_notes(project: Path, query: Query) -> list[Found]:
    """Where the notes say it, the newest file first. A file that cannot be read is left out."""
    found: list[Found] = []
    for path in sorted(notes(project), key=lambda p: (-p.stat().st_mtime, p)):
        try:
            data = path.read_bytes()
        except OSError:
            continue
        spans = [(m.start(), m.end()) for m in re.finditer(rb"(?:[^\n]*\S[^\n]*(?:\n|$))+", data)]
        lines, name = _Lines(data), path.relative_to(project).as_posix()
        found += [Found(name, lines.at(at), "", _snippet(data, at), "notes") for _, at in _search(data, spans, query)]
    return found


def marks(snippet: str, query: Query) -> list[tuple[int, int]]:
    """Where the words of a query stand in a snippet, for highlighting: [start, end) in characters, in order."""
    pattern = "|".join(re.escape(word).replace(r"\ ", r"\s+") for word in sorted(query.wanted, key=len, reverse=True))
    return [match.span() for match in re.finditer(pattern, snippet, re.IGNORECASE)]


def _spans(data: bytes, rows: Sequence[Row]) -> Iterator[tuple[int, int, Row | None]]:
    """The file cut into entries and the prose before, between and after them."""
    position = 0
    for row in rows:
        if data[position : row.start].strip():
            yield position, row.start, None
        yield row.start, row.end, row
        position = row.end
    if data[position:].strip():
        yield position, len(data), None


def _search(data: bytes, spans: Sequence[tuple[int, int]], query: Query) -> list[tuple[int, int]]:
    """(start of the span, first place) of each span that has every wanted word and no unwanted one, in the order of the file."""
    flat = data.translate(_FLAT)
    starts = [start for start, _ in spans]
    found: dict[int, int] | None = None
    for word in sorted(query.wanted, key=len, reverse=True):
        here = _first_places(data, flat, word, spans, starts)
        found = here if found is None else {s: min(at, here[s]) for s, at in found.items() if s in here}
        if not found:
            return []
    for word in query.unwanted:
        there = _first_places(data, flat, word, spans, starts)
        found = {s: at for s, at in (found or {}).items() if s not in there}
    return sorted((found or {}).items())


def _first_places(
    data: bytes, flat: bytes, word: str, spans: Sequence[tuple[int, int]], starts: Sequence[int]
) -> dict[int, int]:
    """The first visible place of a word in each span that has it. `flat` are the bytes of `data` under _FLAT."""
    places: dict[int, int] = {}
    small = word.lower().encode()
    pattern = None if word.isascii() else _either_case(word)
    position = 0
    while True:
        if pattern is None:
            at = flat.find(small, position)
        else:
            match = pattern.search(flat, position)
            at = match.start() if match else -1
        if at < 0:
            return places
        line = data.rfind(b"\n", 0, at) + 1
        if data.startswith(_HIDDEN, line):
            position = data.find(b"\n", at) + 1 or len(data)
            continue
        index = bisect_right(starts, at) - 1
        if index < 0 or at + len(small) > spans[index][1]:
            position = at + 1
            continue
        places[spans[index][0]] = at
        position = spans[index][1]


def _either_case(word: str) -> re.Pattern[bytes]:
    """The bytes of a word with letters that lower() of bytes leaves alone, in either case."""
    forms = ({c.encode(), c.upper().encode().translate(_FLAT)} for c in word.lower())
    return re.compile(b"".join(b"(?:" + b"|".join(map(re.escape, sorted(form))) + b")" for form in forms))


def _snippet(data: bytes, at: int) -> str:
    """The line around a place as a terminal may show it, cut to WIDTH at its words."""
    start = data.rfind(b"\n", 0, at) + 1
    end = data.find(b"\n", at)
    end = len(data) if end < 0 else end
    left, right = max(start, at - WIDTH // 5), min(end, at + 4 * WIDTH)
    before = data[left:at].decode("utf-8", "ignore")
    if left > start:
        before = "…" + (before.partition(" ")[2] or before)
    text = unquoted(before + data[at:right].decode("utf-8", "ignore"))
    return plain(text.replace("**", ""), WIDTH)


class _Lines:
    """Line numbers of places that come in rising order, counted once."""

    def __init__(self, data: bytes) -> None:
        self._data, self._position, self._line = data, 0, 1

    def at(self, place: int) -> int:
        """The line of a place, from 1."""
        self._line += self._data.count(b"\n", self._position, place)
        self._position = place
        return self._line
