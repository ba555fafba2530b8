"""The journal as a screen shows it: one line of text says which entries and in which order, a reader finds them off the message loop.

    trait=care status=success not smoke since:7d sort:-trait_rate barrier "tail ppl" -draft

Conditions are those of `cockpit journal list --where`; since:, until: and sort: are its options; every other word is searched for, in
the entries, in the prose below them and in the notes on them, as `cockpit journal search` does.
"""

from __future__ import annotations

import re
import threading
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from engine.contract.errors import BadInput
from journal import query, search
from journal.book import NAME, Book
from journal.calibration import calibrate, predictions
from journal.condition import Condition, parse
from journal.index import Pages, Row, entry, pages, rows
from journal.prose import Prose, below
from journal.query import Item
from journal.review import State, states

_OPTION = re.compile(r"(sort|since|until):(\S*)")
_ASKED = re.compile(
    r"""[A-Za-z_][\w.]*\s*(?:>=|<=|!=|==|=|>|<|~)\s*(?:"[^"]*"|'[^']*'|[^\s"']+)"""
    r"""|[A-Za-z_][\w.]*\s+(?:not\s+)?in\s+[^\s,]+(?:,[^\s,]+)*"""
    r"""|not\s+[A-Za-z_][\w.]*"""
)
_WORD = re.compile(r'-?"[^"]*"|\S+')
SWITCHES = ("touched", "dirty", "smoke", "edited", "condemned")
"""Fields that are asked for by their name alone; any other word is searched for."""
DAYS = 14
"""Days of the little bar chart of entries a day."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which entries and in which order."""

    conditions: tuple[Condition, ...] = ()
    words: str = ""
    sort: str = ""
    since: str = ""
    until: str = ""


class Place(NamedTuple):
    """Where a searched word was found: the words around it and what of them to mark, [start, end) in characters."""

    snippet: str
    marks: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at the journal. `items` are those asked for, in order; `trouble` says what could not be read, '' when all could."""

    items: tuple[Item, ...] = ()
    found: dict[str, Place] = field(default_factory=dict)
    asked: Asked = Asked()
    count: int = 0
    unreviewed: int = 0
    claims: int = 0
    edited: int = 0
    calibration: str = ""
    per_day: tuple[int, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """One entry as it stands: its text, what was said of it, and the researcher's words below it."""

    item: Item
    text: str
    prose: Prose | None


def read_line(text: str) -> Asked:
    """What a filter line asks for. Raises BadInput on what cannot be read."""
    conditions: list[Condition] = []
    words: list[str] = []
    options: dict[str, str] = {}
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
        elif match := _OPTION.match(text, at):
            options[match[1]] = match[2]
            at = match.end()
        elif match := _ASKED.match(text, at):
            conditions.append(parse(match[0]))
            at = match.end()
        else:
            match = _WORD.match(text, at)
            assert match is not None
            if match[0] in SWITCHES:
                conditions.append(parse(match[0]))
            else:
                words.append(match[0])
            at = match.end()
    asked = Asked(tuple(conditions), " ".join(words), **options)
    if asked.words:
        search.read_query(asked.words)
    for day in (asked.since, asked.until):
        if day:
            query.day(day)
    return asked


def look(project: Path, asked: Asked = Asked()) -> Seen:
    """The entries that are asked for, read anew. Raises BadInput on a field nobody has."""
    return Shelf(project).look(asked)


class _Known(NamedTuple):
    """What is the same whatever is asked for."""

    everything: list[Item]
    counted: Seen


class Shelf:
    """The journal as it was last read, so that filtering, and opening one entry after the other, reads nothing again."""

    def __init__(self, project: Path) -> None:
        self._project = project
        self._known: tuple[tuple[int, ...], _Known] | None = None
        self._pages: tuple[tuple[int, ...], Pages] | None = None
        self._lock = threading.Lock()

    def look(self, asked: Asked = Asked()) -> Seen:
        """The entries that are asked for. Raises BadInput on a field nobody has; a journal that cannot be read is `trouble`."""
        with self._lock:
            try:
                everything, counted = self._known_now()
                places = _search(self._pages_now(), asked.words) if asked.words else {}
            except BadInput as error:
                return Seen(asked=asked, trouble=str(error))
            chosen = query.where(everything, asked.conditions) if everything else []
            chosen = query.between(chosen, asked.since, asked.until)
            if asked.words:
                chosen = [item for item in chosen if item.row.key in places]
            if asked.sort and chosen:
                chosen = query.order(chosen, asked.sort)
            return replace(counted, items=tuple(chosen), found=places, asked=asked)

    def open(self, key: str) -> Opened | None:
        """One entry with its text; None when it is not in the journal any more. Raises BadInput when that cannot be read."""
        with self._lock:
            data, found = self._pages_now()
            mine = [row for row in found if row.key == key and row.kind != "note"]
            if not mine:
                return None
            row = max(mine, key=lambda r: (r.intact, r.start))
            known = self._known_now().everything
            item = next((i for i in known if i.row.key == key), None)
            return Opened(Item(row, item.state if item else State()), entry(data, row).text, below(data, found, key))

    def _known_now(self) -> _Known:
        now = stamp(self._project)
        if self._known is None or self._known[0] != now or not now:
            found = rows(self._project)
            everything = query.items(found, states(found))
            self._known = (now, _Known(everything, _counted(everything)))
        return self._known[1]

    def _pages_now(self) -> Pages:
        now = stamp(self._project)
        if self._pages is None or self._pages[0] != now or not now:
            self._pages = (now, pages(self._project))
        return self._pages[1]


def _counted(everything: list[Item]) -> Seen:
    return Seen(
        count=len(everything),
        unreviewed=sum(item.state.state == "draft" for item in everything),
        claims=sum(item.row.kind == "claim" for item in everything),
        edited=sum(not item.row.intact for item in everything),
        calibration=calibrate(predictions(everything)).sentence() if any(not i.row.smoke for i in everything) else "",
        per_day=_per_day(everything),
    )


def stamp(project: Path) -> tuple[int, ...]:
    """What changes whenever the journal does; () without one."""
    try:
        stat = Book(project).path.stat()
    except OSError:
        return ()
    return (stat.st_ino, stat.st_size, stat.st_mtime_ns)


def _search(read: Pages, words: str) -> dict[str, Place]:
    """Where each entry, the prose below it or a note on it says the words, by the entry's key."""
    asked = search.read_query(words)
    data, found = read
    places, _ = search.in_journal(data, found, asked, NAME)
    of = {row.key: str(row.data.get("of", "")) if row.kind == "note" else row.key for row in found}
    above = _Above(data, found) if any(place.about == "prose" for place in places) else None
    told: dict[str, Place] = {}
    for place in places:
        key = of.get(place.key, "") if place.key else of.get(above.at(place.line), "") if above else ""
        if key and key not in told:
            told[key] = Place(place.snippet, tuple(search.marks(place.snippet, asked)))
    return told


class _Above:
    """Which block stands above a line of the file."""

    def __init__(self, data: bytes, found: list[Row]) -> None:
        self._keys = [row.key for row in found]
        self._lines, position, line = list[int](), 0, 1
        for row in found:
            line += data.count(b"\n", position, row.start)
            position = row.start
            self._lines.append(line)

    def at(self, line: int) -> str:
        """Its key, '' above the first."""
        place = bisect_right(self._lines, line) - 1
        return self._keys[place] if place >= 0 else ""


def _per_day(found: list[Item]) -> tuple[int, ...]:
    """Entries of each of the last days, the oldest first; () when the journal is younger than two days."""
    counted = Counter(item.row.date for item in found)
    if len(counted) < 2:
        return ()
    today = datetime.now(UTC).date()
    return tuple(counted[(today - timedelta(days=back)).isoformat()] for back in range(DAYS - 1, -1, -1))
