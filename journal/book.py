"""RESEARCH_JOURNAL.md: plain Markdown that a person writes in too. Ours are the blocks between markers (blocks.py); every other byte is
theirs.

An edited block is never overwritten: what we had to say goes to a sibling file.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from engine.contract.errors import BadInput
from engine.contract.files import windows, write_atomic
from journal.blocks import Block, Text, block_of, next_letter, render, start_of

NAME = "RESEARCH_JOURNAL.md"
PREAMBLE = b"# Research journal\n\nWritten by the cockpit between markers, and by you anywhere else.\n"
_RESTLESS = "{} keeps changing while it is written; close the program that rewrites it"


def entry_key(run_id: str, attempt: int = 1) -> str:
    """A block's key: the run's id, with '#2' for its second attempt."""
    return run_id if attempt == 1 else f"{run_id}#{attempt}"


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
            if not any(start_of(key) in part for part in windows(self.path)):
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
        """The next free letter of a day: a, b ... z, aa, ab ... Raises BadInput when the file cannot be read."""
        try:
            return next_letter(windows(self.path), date)
        except OSError as error:
            raise BadInput(f"cannot read {self.path}: {error.strerror}") from None

    def _is(self, state: tuple[int, int, int]) -> bool:
        return self._state() == state

    def _state(self) -> tuple[int, int, int]:
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            return 0, 0, 0
        return stat.st_ino, stat.st_size, stat.st_mtime_ns
