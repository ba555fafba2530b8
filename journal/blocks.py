"""Machine blocks in a file's bytes: what one looks like, and finding them. Every byte outside them is a person's.

A block is a heading line (full entries only), a start marker with kind, key and content hash, a body, and an end marker:

    ## 2026-06-12 (c) · outcome · [level]
    <!-- run:20260612T220400-nano-care-q7aa sha256:9c1f... -->
    ...
    <!-- /run:20260612T220400-nano-care-q7aa -->

Kinds: `run` (one attempt), `note` (what was said of an entry later: a review, a retraction, a tag), `claim`, `campaign` (many runs
for one question), `adopted` (a run of another tool). Keys are unique across kinds. The hash covers heading and body, so that an edited
block is known. What a block says in numbers is one hidden line of it (card.py). Everything is bytes, so that broken UTF-8 around our
blocks survives. An editor that saved CRLF has edited our blocks, not removed them.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Literal, NamedTuple, cast

from engine.contract.hashes import sha256

Kind = Literal["run", "note", "claim", "campaign", "adopted"]
_START = re.compile(rb"<!-- (run|note|claim|campaign|adopted):([A-Za-z0-9._#-]{1,120}) sha256:([0-9a-f]{64}) -->\r?\n")
_END = re.compile(rb"<!-- /((?:run|note|claim|campaign|adopted):[A-Za-z0-9._#-]{1,120}) -->(?:\r?\n|\Z)")
_LETTERS = re.compile(rb"([a-z]{1,3})\)")


class Block(NamedTuple):
    """One machine block in the file: `data[start:end]`. `intact` says whether its hash still fits."""

    key: str
    heading: bytes  # without newline; empty for a ledger line
    body: bytes
    start: int
    end: int
    intact: bool
    kind: Kind


class Text(NamedTuple):
    """What a block is to say. An empty heading makes a ledger line."""

    heading: str
    body: str
    kind: Kind = "run"


def render(key: str, text: Text) -> bytes:
    """A block's bytes, ending with a newline."""
    heading, body = text.heading.encode(errors="replace"), text.body.encode(errors="replace")
    body = body if body.endswith(b"\n") else body + b"\n"
    marker = f"<!-- {text.kind}:{key} sha256:{_hash(heading, body)} -->\n".encode()
    return (heading + b"\n" if heading else b"") + marker + body + f"<!-- /{text.kind}:{key} -->\n".encode()


def parse(data: bytes) -> list[Block]:
    """Every complete block of a file, in order. Markers without their end are prose. Time is linear in the file, whatever it holds."""
    found: list[Block] = []
    ends = _ends(data)
    position = 0
    while match := _next_start(data, position):
        kind, key = match[1].decode(), match[2].decode()
        closing = _closing(ends.get(f"{kind}:{key}", ()), match.end())
        if closing is None:
            position = match.end()
            continue
        end, stop = closing
        body = data[match.end() : end]
        claimed = match[3].decode()
        heading = _line_before(data, match.start(), floor=found[-1].end if found else 0)
        titled = heading.startswith(b"## ")
        intact = titled and _hash(heading, body) == claimed
        if not intact and _hash(b"", body) == claimed:
            heading, intact = b"", True
        elif not titled:
            heading = b""
        if not intact and _next_start(body, 0):
            position = match.end()  # a marker whose end belongs to another block: prose
            continue
        start = match.start() - (len(heading) + 1 if heading else 0)
        found.append(Block(key, heading, body, start, stop, intact, cast(Kind, kind)))
        position = stop
    return found


def block_of(data: bytes, key: str) -> Block | None:
    """The block of a key: the last intact one, else the last edited one. A key with one marker and an intact block of its own, outside
    any other, is found without parsing the file."""
    at = data.find(start_of(key))
    if at < 0:
        return None
    line = data.rfind(b"\n", 0, at) + 1
    closing = data.find(b"\n<!-- /" + data[line + len(b"<!-- ") : at] + b":" + key.encode() + b" -->", at)
    before = data.rfind(b"\n<!-- /", 0, at)
    if closing >= 0 and data.find(start_of(key), at + 1) < 0 and not _next_start(data[max(before, 0) : line], 0):
        start = data.rfind(b"\n", 0, max(line - 1, 0)) + 1
        alone = parse(data[start : data.find(b"\n", closing + 1) + 1 or len(data)])
        if len(alone) == 1 and alone[0].key == key and alone[0].intact:
            return alone[0]._replace(start=alone[0].start + start, end=alone[0].end + start)
    mine = [b for b in parse(data) if b.key == key]
    return next((b for b in reversed(mine) if b.intact), mine[-1] if mine else None)


def stray_markers(data: bytes, blocks: Sequence[Block]) -> list[tuple[int, str]]:
    """Where a marker stands that belongs to no block, with its 'kind:key'."""
    starts = [block.start for block in blocks]

    def outside(at: int) -> bool:
        before = bisect_right(starts, at) - 1
        return before < 0 or at >= blocks[before].end

    found = [(at, name) for name, ends in _ends(data).items() for at, _ in ends if outside(at)]
    position = 0
    while match := _next_start(data, position):
        position = match.end()
        if outside(match.start()):
            found.append((match.start(), f"{match[1].decode()}:{match[2].decode()}"))
    return sorted(found)


def next_letter(parts: Iterable[bytes], date: str) -> str:
    """The next free letter of a day in a file of whole lines: a, b ... z, aa, ab ..."""
    day, used = f"{date} (".encode(), 0
    for data in parts:
        at = data.find(day)
        while at >= 0:
            line = data.rfind(b"\n", max(0, at - 4), at) + 1 or (0 if at <= 3 else at)
            if data[line:at] in (b"## ", b"- ") and (match := _LETTERS.match(data, at + len(day))):
                used = max(used, _ordinal(match[1].decode()))
            at = data.find(day, at + 1)
    return _letters(used + 1)


def start_of(key: str) -> bytes:
    """What every start marker of a key holds, and no end marker."""
    return f":{key} sha256:".encode()


def _hash(heading: bytes, body: bytes) -> str:
    return sha256(heading + b"\n" + body)


def _next_start(data: bytes, position: int) -> re.Match[bytes] | None:
    """The next start marker at the beginning of a line. Searching for plain bytes first is ten times as fast as the pattern alone."""
    at = data.find(b"<!-- ", position)
    while at >= 0:
        if (at == 0 or data[at - 1] == 10) and (match := _START.match(data, at)):
            return match
        at = data.find(b"<!-- ", at + 5)
    return None


def _ends(data: bytes) -> dict[str, list[tuple[int, int]]]:
    """Of every 'kind:key', where its end markers begin and where their lines end, which the end of the file also does."""
    found: dict[str, list[tuple[int, int]]] = {}
    at = data.find(b"\n<!-- /")
    while at >= 0:
        if match := _END.match(data, at + 1):
            found.setdefault(match[1].decode(), []).append((match.start(), match.end()))
        at = data.find(b"\n<!-- /", at + 1)
    return found


def _closing(ends: Sequence[tuple[int, int]], position: int) -> tuple[int, int] | None:
    """The first end marker that begins at or after `position`."""
    at = bisect_left(ends, (position, 0))
    return ends[at] if at < len(ends) else None


def _line_before(data: bytes, position: int, floor: int) -> bytes:
    """The line that ends right before `position`, without its newline; empty when there is none after `floor`."""
    if position < 1 or position <= floor:
        return b""
    start = max(data.rfind(b"\n", 0, position - 1) + 1, floor)
    return data[start : position - 1]


def _ordinal(letters: str) -> int:
    return reduce(lambda value, letter: value * 26 + ord(letter) - 96, letters, 0)


def _letters(ordinal: int) -> str:
    letters = ""
    while ordinal:
        ordinal, rest = divmod(ordinal - 1, 26)
        letters = chr(97 + rest) + letters
    return letters
