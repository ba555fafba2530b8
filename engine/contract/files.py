"""Whole-file writes that are never half done, appends that survive a crash, and JSON read back with a clear error."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from engine.contract.errors import BadInput


def write_atomic(path: Path, data: bytes) -> None:
    """Temporary name in the same folder, fsync, rename: a reader sees the old file or the new one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


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
    """One O_APPEND write of a whole line, after mending a torn last line; `sync` also waits for the disk."""
    if not line.endswith(b"\n"):
        line += b"\n"
    fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        size = os.fstat(fd).st_size
        if size and os.pread(fd, 1, size - 1) != b"\n":
            line = b"\n" + line
        os.write(fd, line)
        if sync:
            os.fsync(fd)
    finally:
        os.close(fd)
