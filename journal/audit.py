"""`journal check`: what in the journal can no longer be trusted, with its line and how to mend it. Reads, never writes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from engine.contract.errors import BadInput
from engine.contract.files import read_json
from engine.contract.rundir import RunDir, runs_folder
from engine.contract.whole import altered
from journal import citations
from journal.blocks import Block, parse
from journal.book import Book
from journal.card import extract
from journal.fields import FIELDS
from journal.text import plain
from journal.torn import torn

_HEAD = re.compile(r"(?:## |- )(\d{4}-\d\d-\d\d) \(([a-z]{1,3})\)")
_RUN = re.compile(r"(\d{4})(\d\d)(\d\d)T\d{6}-[A-Za-z0-9._-]+-[a-z0-9]{4}(?:#\d+)?")
_ROW = re.compile(r"^\| ([^|]+) \| (.*) \|\r?$", re.MULTILINE)
_CONFLICT = re.compile(rb"^(?:<{7}|>{7})(?: .*)?\r?$", re.MULTILINE)
_EXACT = re.compile(r"\d+|not (?:measured|recorded|reported)")


class Finding(NamedTuple):
    """One thing that is wrong: the line (from 1), a short name of its kind, what it is, and how to mend it."""

    line: int
    kind: str
    what: str
    mend: str


def check(project: Path) -> list[Finding]:
    """Everything wrong with a project's journal, by line. An empty list when there is no journal. Raises BadInput if unreadable."""
    data = Book(project).read()
    blocks = parse(data)
    found = [*_markers(data, blocks), *_doubles(blocks)]
    for block in blocks:
        found += [(block.start, *wrong) for wrong in _block(project, block)]
    found += [(at, "citation", what, mend) for at, what, mend in citations.wrong(project, data, blocks)]
    return _numbered(data, found)


def conflicted(data: bytes) -> bool:
    """Whether a merge left its markers in the journal."""
    return _CONFLICT.search(data) is not None


def _markers(data: bytes, blocks: list[Block]) -> Iterator[tuple[int, str, str, str]]:
    for match in _CONFLICT.finditer(data):
        yield (
            match.start(),
            "merge",
            "a merge left a conflict here",
            "run: git checkout --conflict=diff3 RESEARCH_JOURNAL.md, then delete the lines that begin with "
            "<<<<<<<, |||||||, ======= and >>>>>>>, and nothing else",
        )
    for at, what, mend in torn(data, blocks):
        yield at, "torn", what, mend


def _doubles(blocks: list[Block]) -> Iterator[tuple[int, str, str, str]]:
    keys, letters = defaultdict[str, list[Block]](list), defaultdict[str, list[Block]](list)
    for block in blocks:
        keys[block.key].append(block)
        if head := _HEAD.match(_text(block)):
            letters[f"{head[1]} ({head[2]})"].append(block)
    for key, several in keys.items():
        for block in several[1:]:
            mend = "delete the older of the two, heading and markers with it; the newest intact one counts"
            yield block.start, "double", f"{key} has another entry above", mend
    for place, several in letters.items():
        for block in several[1:]:
            if block.key != several[0].key:
                what = f"{place} is {several[0].key} and {block.key}, as after a merge of two branches"
                yield block.start, "letter", what, "nothing has to be done: cite the run's id"


def _block(project: Path, block: Block) -> Iterator[tuple[str, str, str]]:
    text = _text(block)
    values = extract(text)
    if not block.intact:
        mend = "write below the end marker instead"
        if block.kind == "run":
            mend += f"; to have it as the run left it: cockpit journal rebuild {block.key} --write --force {block.key}"
        yield "edited", f"the block of {block.key} was edited by hand", mend
    head = _HEAD.match(text)
    if head is None:
        yield "date", f"the entry of {block.key} does not begin with a date and a letter", "restore its first line"
    else:
        yield from _date(block, head[1])
    if block.kind == "run":
        yield from _run(project, block, text, values)


def _date(block: Block, date: str) -> Iterator[tuple[str, str, str]]:
    try:
        day = datetime.strptime(date, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        yield "date", f"{date} is no day of the calendar", "restore the heading"
        return
    if day > datetime.now(UTC) + timedelta(days=1):
        yield (
            "date",
            f"{date} lies in the future",
            "set the clock of the machine that wrote it, and restore the heading",
        )
    made = _RUN.fullmatch(block.key)
    if block.kind == "run" and made and "-".join(made.groups()) != date:
        yield "date", f"{block.key} is dated {date}", "restore the heading: a run has the day that its id begins with"


def _run(project: Path, block: Block, text: str, values: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    again = f"cockpit journal rebuild {block.key} --write"
    if not _RUN.fullmatch(block.key):
        yield "id", f"{block.key} is not the id of a run", "restore its marker"
    if not values:
        yield "data", f"the entry of {block.key} has lost its hidden line of numbers", again
    if values.get("status") == "running" and not (runs_folder(project) / block.key.partition("#")[0]).is_dir():
        what = f"{block.key} is still open and its run folder is gone"
        yield "open", what, f"bring back runs/{block.key}, or add a note that it was lost"
    if not block.heading:
        return  # a smoke run's ledger line has no fields
    yield from _files(project, block)
    rows = {name.strip(): value.strip() for name, value in _ROW.findall(text)}
    for name in FIELDS:
        if not rows.get(name):
            yield "field", f"{block.key} says nothing of {name}", again
    said = rows.get("Params EXACT", "")
    if said and not _EXACT.fullmatch(said):
        yield "field", f"{block.key} has {plain(said, 40)!r} as its number of parameters, not an exact one", again


def _files(project: Path, block: Block) -> Iterator[tuple[str, str, str]]:
    """Files of the run folder that changed after the run was closed, of the attempt whose result is there."""
    run, _, attempt = block.key.partition("#")
    folder = RunDir(runs_folder(project) / run)
    try:
        result = read_json(folder.result)
    except BadInput:
        return
    if isinstance(result, dict) and int(result.get("attempt", 1)) == int(attempt or 1):
        for name in altered(folder, result):
            mend = (
                "the entry still says what the run left; bring the file back from a copy, or retract what rests on it"
            )
            yield "file", f"{folder.path / name} is not as it was when the run was closed", mend


def _text(block: Block) -> str:
    return (block.heading + b"\n" + block.body if block.heading else block.body).decode("utf-8", "replace")


def _numbered(data: bytes, found: list[tuple[int, str, str, str]]) -> list[Finding]:
    """Offsets as line numbers, counted once through the file."""
    numbered, line, position = [], 1, 0
    for at, kind, what, mend in sorted(found):
        line += data.count(b"\n", position, at)
        position = at
        numbered.append(Finding(line, kind, what, mend))
    return numbered
