"""Writes are whole or refused, and keep to the permissions that the user asked of his files."""

from __future__ import annotations

import os
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.contract.files import append_line, contains, write_atomic


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size` bytes meanwhile: a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_an_event_that_the_disk_cuts_short_is_an_error_and_spoils_no_later_one(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with room_for(10), pytest.raises(OSError, match="File too large"):
        append_line(path, b'{"event": "too long for the disk"}')
    append_line(path, b"{}")
    assert path.read_bytes().endswith(b"\n{}\n")


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_file_has_the_permissions_of_the_umask(mask: int, mode: int, tmp_path: Path) -> None:
    before = os.umask(mask)
    try:
        write_atomic(tmp_path / "x.json", b"{}")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x.json").stat().st_mode) == mode


@pytest.mark.parametrize("before", [0, 1, 60, 61, 64, 119, 127, 128, 200])
def test_bytes_are_found_wherever_the_windows_of_reading_end(tmp_path: Path, before: int) -> None:
    path = tmp_path / "large"
    assert not contains(path, b"wanted", window=64)
    path.write_bytes(b"w" * before + b"wanted" + b"wante" * 30)
    assert contains(path, b"wanted", window=64)
    path.write_bytes(b"wante" * 100)
    assert not contains(path, b"wanted", window=64)
