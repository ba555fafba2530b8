"""Writes are whole or refused, and keep to the permissions that the user asked of his files."""

from __future__ import annotations

import os
import resource
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contract.files import append_line, windows, write_atomic


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


@given(st.lists(st.sampled_from([b"\n", b"a", b"bc" * 9])).map(b"".join), st.integers(1, 40))
def test_windows_are_the_file_cut_at_ends_of_lines(data: bytes, size: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        assert list(windows(path)) == []
        path.write_bytes(data)
        found = list(windows(path, size))
    assert b"".join(found) == data
    assert all(part.endswith(b"\n") for part in found[:-1])
    assert all(found)
