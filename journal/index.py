"""The blocks of a journal as rows: what lists, filters and searches read, kept in a cache so that an appended journal parses only its tail.

The cache (runs/.index/journal.json) is only ever a shortcut: it holds the digests of the journal's bytes it was made from, in segments
that end where a block ends. Rows of segments that are still there are taken from it, everything after them is parsed again; a cache
that is damaged, or that other sources wrote, is made anew. Rows are plain msgspec structs and not a polars frame: importing polars
alone takes longer (0.12 to 0.4 s) than decoding, filtering and sorting 10,000 of these.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import zlib
from collections.abc import Sequence
from contextlib import suppress
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from engine.contract.errors import BadInput
from journal import blocks, card
from journal.blocks import Block, Kind, parse
from journal.book import Book
from journal.card import extract, without
from journal.text import short

_HEADING = re.compile(r"## (?P<date>\S+) \((?P<letter>[a-z]+)\) · (?P<title>.*) · \[(?P<level>[^\]]*)\]$")
_LEDGER = re.compile(r"- (?P<date>\S+) \((?P<letter>[a-z]+)\) · (?P<title>.*)$")
SEGMENT = 1 << 20
"""Bytes of journal that share one digest: an edit inside one costs parsing from its beginning."""


class Row(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One machine block without its text, which is `data[start:end]` of the journal. `intact` is false when it was edited by hand;
    `card` is its hidden line, read when `data` is first asked for."""

    kind: Kind
    key: str
    date: str
    letter: str
    title: str
    level: str
    smoke: bool
    intact: bool
    start: int
    end: int
    status: str
    card: msgspec.Raw

    @cached_property
    def data(self) -> dict[str, Any]:
        """What its hidden line holds; {} when there is none that can be read."""
        return msgspec.json.decode(self.card, type=dict[str, Any])

    @property
    def short(self) -> str:
        return short(self.key)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One machine block. `intact` is false when it was edited by hand; `text` is without the hidden line, which is `data`."""

    kind: Kind
    key: str
    date: str
    letter: str
    title: str
    level: str
    smoke: bool
    intact: bool
    text: str
    data: dict[str, Any]

    @property
    def status(self) -> str:
        return _status(self.data)

    @property
    def short(self) -> str:
        return short(self.key)


class Pages(NamedTuple):
    """The journal's bytes and every machine block in them, oldest first."""

    data: bytes
    rows: list[Row]


class _Segment(NamedTuple):
    rows: int  # rows up to its end
    end: int
    digest: str


class _Cache(msgspec.Struct, frozen=True):
    stat: list[int]
    segments: list[_Segment]
    rows: list[Row]


def entries(project: Path, *, smoke: bool = True) -> list[Entry]:
    """Every machine block of the journal, newest first. An empty list when there is no journal."""
    data, found = pages(project)
    return [entry(data, row) for row in reversed(found) if smoke or not row.smoke]


def rows(project: Path) -> list[Row]:
    """Every machine block without its text, newest first; the journal is not read while it is the file that was cached."""
    stat = _stat(project)
    cached = _load(project)
    if cached is not None and stat and cached.stat == stat:
        return cached.rows[::-1]
    return _pages(project, cached).rows[::-1]


def pages(project: Path) -> Pages:
    """The journal's bytes with every machine block in them, oldest first. Raises BadInput when it cannot be read."""
    return _pages(project, _load(project))


def entry(data: bytes, row: Row) -> Entry:
    """A row with its text, from the bytes it was read from."""
    text = data[row.start : row.end].decode("utf-8", "replace")
    head, _, rest = text.partition("\n") if text.startswith("## ") else ("", "", text)
    body = rest.partition("\n")[2]  # without the start marker
    body = body[: body.rstrip("\r\n").rfind("\n") + 1]  # and without the end marker
    values = {name: getattr(row, name) for name in Entry.__struct_fields__ if name != "text"}
    return Entry(text=without(head + "\n" + body if head else body), **values)


def find_row(found: Sequence[Row], name: str, path: Path) -> Row:
    """The row meant by a run id, a unique prefix or ending, or 'last', among rows that are newest first. Raises BadInput."""
    found = [row for row in found if row.kind != "note"]
    if not found:
        raise BadInput(f"{path} has no entries yet")
    if name == "last":
        return max(found, key=lambda row: row.date)  # of the newest day the first, which is the newest
    tail = "-" + name.lstrip("-")
    matches = [r for r in found if r.key == name] or [
        r for r in found if r.key.startswith(name) or r.key.endswith(tail)
    ]
    if len({r.key for r in matches}) == 1:
        return next((r for r in matches if r.intact), matches[0])  # newest first, as Book.find chooses
    if not matches:
        raise BadInput(f"no entry of a run named {name!r}; the newest is {found[0].key}")
    raise BadInput(f"{name!r} is not unique: {', '.join(r.key for r in matches[:4])}")


def find_entry(project: Path, name: str) -> Entry:
    """The entry meant by a run id, a unique prefix or ending, or 'last'. Raises BadInput."""
    data, found = pages(project)
    return entry(data, find_row(found[::-1], name, Book(project).path))


def _pages(project: Path, cached: _Cache | None) -> Pages:
    stat = _stat(project)
    data = Book(project).read()
    if cached is not None and stat and cached.stat == stat == _stat(project):
        return Pages(data, cached.rows)
    kept, segments = _standing(data, cached)
    start = segments[-1].end if segments else 0
    fresh = [_row(block, start) for block in parse(data[start:])]
    found = kept + fresh
    if cached is None or fresh or len(kept) != len(cached.rows) or cached.stat != stat:
        closed = _closed(data, found)
        whole = stat if len(closed) == len(found) else []
        _save(project, _Cache(whole, _segments(data, closed, segments), closed))
    return Pages(data, found)


def _standing(data: bytes, cached: _Cache | None) -> tuple[list[Row], list[_Segment]]:
    """The cached segments whose bytes are still those, and their rows."""
    if cached is None:
        return [], []
    view, start, standing = memoryview(data), 0, list[_Segment]()
    for segment in cached.segments:
        if segment.end > len(data) or _digest(view[start : segment.end]) != segment.digest:
            break
        standing.append(segment)
        start = segment.end
    return cached.rows[: standing[-1].rows] if standing else [], standing


def _closed(data: bytes, found: list[Row]) -> list[Row]:
    """The rows that more text at the end cannot change: an end marker without its newline may still become something else."""
    return found[:-1] if found and data[found[-1].end - 1 : found[-1].end] != b"\n" else found


def _segments(data: bytes, closed: list[Row], standing: list[_Segment]) -> list[_Segment]:
    """The standing segments, and new ones of at least SEGMENT bytes; what is left over at the end makes the last one."""
    view, done = memoryview(data), list(standing)
    if done and done[-1].end - (done[-2].end if len(done) > 1 else 0) < SEGMENT:
        done.pop()  # the leftover of the last time grows on
    start = done[-1].end if done else 0
    for count in range(done[-1].rows + 1 if done else 1, len(closed) + 1):
        end = closed[count - 1].end
        if end - start >= SEGMENT or count == len(closed):
            done.append(_Segment(count, end, _digest(view[start:end])))
            start = end
    return done


def _row(block: Block, offset: int) -> Row:
    text = (block.heading + b"\n" + block.body if block.heading else block.body).decode("utf-8", "replace")
    first = text.split("\n", 1)[0].rstrip("\r")
    match = _HEADING.match(first) or _LEDGER.match(first)
    parts = match.groupdict() if match else {}
    smoke = block.kind == "run" and not block.heading
    data = extract(text)
    try:
        hidden = msgspec.json.encode(data)
    except (ValueError, OverflowError, RecursionError):  # a hand-made value that no card has
        data, hidden = {}, b"{}"
    return Row(
        kind=block.kind,
        key=block.key,
        date=parts.get("date", ""),
        letter=parts.get("letter", ""),
        title=parts.get("title", first),
        level=parts.get("level", "smoke" if smoke else ""),
        smoke=smoke,
        intact=block.intact,
        start=block.start + offset,
        end=block.end + offset,
        status=_status(data),
        card=msgspec.Raw(hidden),
    )


def _status(data: dict[str, Any]) -> str:
    return str(data.get("status", ""))


def _digest(data: memoryview) -> str:
    return hashlib.sha256(data).hexdigest()


def _stat(project: Path) -> list[int]:
    """What changes with the file: inode, size, and both times, which an edit that keeps the size changes too. [] without a file."""
    try:
        stat = Book(project).path.stat()
    except OSError:
        return []
    return [stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]


def _path(project: Path) -> Path:
    return project / "runs" / ".index" / "journal.json"


@cache
def _sources() -> bytes:
    """Digest of the code that turns bytes into rows: what other code cached is not read."""
    files = [Path(str(module.__file__)) for module in (blocks, card)] + [Path(__file__)]
    return hashlib.sha256(b"\0".join(f.read_bytes() for f in files)).hexdigest().encode()


def _load(project: Path) -> _Cache | None:
    """The cache; None when there is none, or when it is damaged or made by other code."""
    try:
        head, _, body = _path(project).read_bytes().partition(b"\n")
        sources, _, check = head.partition(b" ")
        if sources != _sources() or int(check, 16) != zlib.crc32(body):
            return None
        cached = msgspec.json.decode(body, type=_Cache)
    except (OSError, ValueError):
        return None
    ends = [0, *(s.end for s in cached.segments)]
    counts = [0, *(s.rows for s in cached.segments)]
    whole = all(a < b for a, b in pairwise(ends)) and all(a < b for a, b in pairwise(counts))
    return cached if whole and counts[-1] == len(cached.rows) else None


def _save(project: Path, cached: _Cache) -> None:
    """Write the cache; a project that cannot be written to does without one."""
    path = _path(project)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    body = msgspec.json.encode(cached)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / ".gitignore").write_text("*\n")  # a cache that is committed is nothing but merge conflicts
        temporary.write_bytes(_sources() + b" " + f"{zlib.crc32(body):x}".encode() + b"\n" + body)
        os.replace(temporary, path)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
