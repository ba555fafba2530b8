"""Whole-file writes that are never half done, appends that survive a crash, and JSON read back with a clear error."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from engine.contract.errors import BadInput


def write_atomic(
    path: Path, data: bytes | Iterable[bytes], *, mode: int | None = None, still: Callable[[], bool] = lambda: True
) -> bool:
    """Temporary name in the same folder, fsync, rename: a reader sees the old file or the new one; whether it was written.

    `data` may come in pieces. `mode` are its permissions, those of the umask when not given; `still` is asked just before the rename,
    and may call it off."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(handle, "wb") as f:
            if mode is not None:
                os.fchmod(f.fileno(), mode)
            f.writelines([data] if isinstance(data, bytes) else data)
            f.flush()
            os.fsync(f.fileno())
        agreed = still()
        if agreed:
            os.replace(temporary, path)
        return agreed
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Readable JSON, written atomically. Raises ValueError on NaN."""
    write_atomic(path, (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """JSON of a file. Raises BadInput naming the file when it is missing or damaged."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise BadInput(f"{path} does not exist") from None
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} is not readable as JSON: {error}") from None


def append_line(path: Path, line: bytes, *, sync: bool = False) -> None:
    """One O_APPEND write of a whole line, after mending a torn last line; `sync` also waits for the disk.

    Raises OSError when the disk has no room for all of it."""
    if not line.endswith(b"\n"):
        line += b"\n"
    fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        size = os.fstat(fd).st_size
        if size and os.pread(fd, 1, size - 1) != b"\n":
            line = b"\n" + line
        while line:
            line = line[os.write(fd, line) :]
        if sync:
            os.fsync(fd)
    finally:
        os.close(fd)


def sync(path: Path) -> None:
    """Wait until a file is on the disk; one that is not there has nothing to wait for."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def windows(path: Path, size: int = 1 << 16) -> Iterator[bytes]:
    """A file's bytes in pieces of about `size` that end where a line ends; none for a file that is not there. Small pieces, since
    filling fresh memory takes longer than reading. Raises OSError."""
    held: list[bytes] = []
    try:
        with path.open("rb", buffering=0) as f:
            while read := f.read(size):
                cut = read.rfind(b"\n") + 1
                if cut:
                    yield b"".join((*held, read[:cut]))
                    held = []
                held.append(read[cut:])
    except FileNotFoundError:
        return
    if rest := b"".join(held):
        yield rest
