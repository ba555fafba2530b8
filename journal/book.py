"""RESEARCH_JOURNAL.md: plain Markdown that a person writes in too. Ours are the blocks between markers; every other byte is theirs.

A block is a heading line (full entries only), a start marker with kind, key and content hash, a body, and an end marker:

    ## 2026-06-12 (c) · outcome · [level]
    <!-- run:20260612T220400-nano-care-q7aa sha256:9c1f... -->
    ...
    <!-- /run:20260612T220400-nano-care-q7aa -->

Kinds: `run` (one attempt), `note` (what was said of an entry later: a review, a retraction, a tag), `claim`, `adopted` (a run of
another tool). Keys are unique across kinds. The hash covers heading and body, so that an edited block is known: it is never
overwritten, what we had to say goes to a sibling file. What a block says in numbers is one hidden line of it (card.py).
Everything is bytes, so that broken UTF-8 around our blocks survives. An editor that saved CRLF has edited our blocks, not removed them.
"""

from __future__ import annotations

import os
import re
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial, reduce
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, cast

from filelock import FileLock, Timeout

from engine.contract.errors import BadInput
from engine.contract.files import contains, write_atomic
from engine.contract.hashes import sha256

NAME = "RESEARCH_JOURNAL.md"
_RESTLESS = "{} keeps changing while it is written; close the program that rewrites it"
PREAMBLE = b"# Research journal\n\nWritten by the cockpit between markers, and by you anywhere else.\n"

Kind = Literal["run", "note", "claim", "adopted"]
_START = re.compile(rb"<!-- (run|note|claim|adopted):([A-Za-z0-9._#-]{1,120}) sha256:([0-9a-f]{64}) -->\r?\n")
_END = re.compile(rb"<!-- /((?:run|note|claim|adopted):[A-Za-z0-9._#-]{1,120}) -->(?:\r?\n|\Z)")
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


def entry_key(run_id: str, attempt: int = 1) -> str:
    """A block's key: the run's id, with '#2' for its second attempt."""
    return run_id if attempt == 1 else f"{run_id}#{attempt}"


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
    at = data.find(_name(key))
    if at < 0:
        return None
    line = data.rfind(b"\n", 0, at) + 1
    closing = data.find(b"\n<!-- /" + data[line + len(b"<!-- ") : at] + b":" + key.encode() + b" -->", at)
    before = data.rfind(b"\n<!-- /", 0, at)
    if closing >= 0 and data.find(_name(key), at + 1) < 0 and not _next_start(data[max(before, 0) : line], 0):
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


class Book:
    """The journal of one project. Every change happens under a lock file in runs/, which the holder may enter again."""

    def __init__(self, project: Path) -> None:
        path = project / NAME
        self.path = path.resolve() if path.is_symlink() else path
        self._lock_path = project / "runs" / ".journal.lock"
        self._lock = FileLock(str(self._lock_path), timeout=60)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the journal. Raises BadInput when the project folder cannot be written. May be entered again by the holder."""
        try:
            self._lock_path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
        except Timeout:
            raise BadInput(
                f"{self.path} is held by another process for over a minute; try again when it is done"
            ) from None
        except OSError as error:
            raise BadInput(
                f"cannot write {self.path}: {error.strerror or error}; runs need a journal they can write to"
            ) from None
        try:
            yield
        finally:
            self._lock.release()

    def read(self) -> bytes:
        """The file's bytes; empty when there is none yet. Raises BadInput when it cannot be read."""
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise BadInput(f"cannot read {self.path}: {error.strerror}") from None

    def find(self, key: str) -> Block | None:
        """The block of a key: the last intact one, else the last edited one, else None."""
        with suppress(OSError):  # read() says what is wrong
            if not contains(self.path, _name(key)):
                return None
        return block_of(self.read(), key)

    def append(self, key: str, text: Text) -> None:
        """Add a block at the end: lock, mend the tail, one O_APPEND write, fsync. Nothing happens when the key is there already.

        An editor that renamed its own file over ours meanwhile took the block with the old file: then it is written again.
        Raises BadInput when the file cannot be written; a write that the disk cut short is taken back."""
        with self.locked():
            for _ in range(20):
                if self.find(key) is not None or self._append(render(key, text)):
                    return
            raise BadInput(_RESTLESS.format(self.path))

    def _append(self, block: bytes) -> bool:
        """Write at the end; whether the file that was written is still the one at the path."""
        try:
            fd = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        except OSError as error:
            raise BadInput(f"cannot write {self.path}: {error.strerror}") from None
        try:
            size = os.fstat(fd).st_size
            tail = os.pread(fd, 2, max(0, size - 2))
            lead = PREAMBLE + b"\n" if size == 0 else b"\n" * (2 - len(tail) + len(tail.rstrip(b"\n")))
            data = lead + block
            written = os.write(fd, data)
            if written != len(data):
                os.ftruncate(fd, size)
                raise BadInput(f"cannot write {self.path}: the disk is full; nothing was changed")
            os.fsync(fd)
            return os.fstat(fd).st_ino == self._state()[0]
        except OSError as error:
            raise BadInput(f"cannot write {self.path}: {error.strerror}") from None
        finally:
            os.close(fd)

    def rewrite(self, key: str, text: Text, *, force: bool = False) -> Path | None:
        """Put new text into the block of a key, leaving every other byte as it is; a block that is gone is appended again.

        A block that a person edited is left alone, unless with `force`: the text goes to a sibling file, whose path is returned."""
        found: Block | None = None

        def changed(data: bytes) -> bytes:
            nonlocal found
            found = block_of(data, key)
            if found is None or not (found.intact or force):
                return data
            return data[: found.start] + render(key, text) + data[found.end :]

        with self.locked():
            for _ in range(20):
                self.edit(changed)
                if found is None:
                    self.append(key, text)
                elif found.intact or force:
                    return None
                else:
                    sibling = self.path.with_name(f"RESEARCH_JOURNAL.conflict-{key.replace('#', '-')}.md")
                    write_atomic(sibling, render(key, text))
                    return sibling
            raise BadInput(_RESTLESS.format(self.path))

    def edit(self, change: Callable[[bytes], bytes]) -> None:
        """Put `change(bytes)` in the place of the file's bytes, asking again when someone else wrote meanwhile.

        Raises what `change` raises, and BadInput when the file keeps changing; OSError when it cannot be written."""
        with self.locked():
            for _ in range(20):
                before = self._state()
                data = self.read()
                changed = change(data)
                if changed == data:
                    return
                with self.path.open("rb") as old:
                    mode = os.fstat(old.fileno()).st_mode & 0o777
                    if write_atomic(self.path, changed, mode=mode, still=partial(self._is, before)):
                        self._keep_late(old, data, before)
                        return
            raise BadInput(_RESTLESS.format(self.path))

    def _keep_late(self, old: BinaryIO, data: bytes, before: tuple[int, int, int]) -> None:
        """Carry over what someone wrote at the end of the replaced file after we last looked, who had opened it before the rename."""
        kept = len(data)
        for wait in (0.0, 0.002):
            time.sleep(wait)
            if os.fstat(old.fileno()).st_size <= kept or os.fstat(old.fileno()).st_ino != before[0]:
                continue
            late = os.pread(old.fileno(), os.fstat(old.fileno()).st_size - kept, kept)
            with self.path.open("ab") as f:
                f.write(late)
            kept += len(late)

    def letter(self, date: str) -> str:
        """The next free letter of a day: a, b ... z, aa, ab ..."""
        data, day = self.read(), f"{date} (".encode()
        used, at = 0, data.find(day)
        while at >= 0:
            line = data.rfind(b"\n", max(0, at - 4), at) + 1 or (0 if at <= 3 else at)
            if data[line:at] in (b"## ", b"- ") and (match := _LETTERS.match(data, at + len(day))):
                used = max(used, _ordinal(match[1].decode()))
            at = data.find(day, at + 1)
        return _letters(used + 1)

    def _is(self, state: tuple[int, int, int]) -> bool:
        return self._state() == state

    def _state(self) -> tuple[int, int, int]:
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            return 0, 0, 0
        return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _hash(heading: bytes, body: bytes) -> str:
    return sha256(heading + b"\n" + body)


def _name(key: str) -> bytes:
    """What every start marker of a key holds, and no end marker."""
    return f":{key} sha256:".encode()


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
