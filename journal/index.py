"""The entries of a journal, newest first: what lists show, and how an entry is named on the command line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from engine.contract.errors import BadInput
from journal.book import Block, Book, Kind, parse
from journal.card import extract, without
from journal.text import short

_HEADING = re.compile(r"## (?P<date>\S+) \((?P<letter>[a-z]+)\) · (?P<title>.*) · \[(?P<level>[^\]]*)\]$")
_LEDGER = re.compile(r"- (?P<date>\S+) \((?P<letter>[a-z]+)\) · (?P<title>.*)$")


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
    def short(self) -> str:
        return short(self.key)


def entries(project: Path, *, smoke: bool = True) -> list[Entry]:
    """Every machine block of the journal, newest first. An empty list when there is no journal."""
    found = [_entry(block) for block in parse(Book(project).read())]
    return [e for e in reversed(found) if smoke or not e.smoke]


def find_entry(project: Path, name: str) -> Entry:
    """The entry meant by a run id, a unique prefix or ending, or 'last'. Raises BadInput."""
    found = [e for e in entries(project) if e.kind != "note"]
    if not found:
        raise BadInput(f"{Book(project).path} has no entries yet")
    if name == "last":
        return found[0]
    tail = "-" + name.lstrip("-")
    matches = [e for e in found if e.key == name] or [
        e for e in found if e.key.startswith(name) or e.key.endswith(tail)
    ]
    if len({e.key for e in matches}) == 1:
        return next((e for e in matches if e.intact), matches[0])  # newest first, as Book.find chooses
    if not matches:
        raise BadInput(f"no entry of a run named {name!r}; the newest is {found[0].key}")
    raise BadInput(f"{name!r} is not unique: {', '.join(e.key for e in matches[:4])}")


def _entry(block: Block) -> Entry:
    text = (block.heading + b"\n" + block.body if block.heading else block.body).decode("utf-8", "replace")
    first = text.split("\n", 1)[0].rstrip("\r")
    match = _HEADING.match(first) or _LEDGER.match(first)
    parts = match.groupdict() if match else {}
    smoke = block.kind == "run" and not block.heading
    return Entry(
        kind=block.kind,
        key=block.key,
        date=parts.get("date", ""),
        letter=parts.get("letter", ""),
        title=parts.get("title", first),
        level=parts.get("level", "smoke" if smoke else ""),
        smoke=smoke,
        intact=block.intact,
        text=without(text),
        data=extract(text),
    )
