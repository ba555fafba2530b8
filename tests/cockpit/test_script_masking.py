"""The logs of a script are struck to their last byte, whatever their size and whatever lies in them (FAULTS 27)."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cockpit.scripts import masking

from .conftest import SECRET


def test_fault_27_a_log_of_many_windows_is_struck_to_its_end(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    line = f"step 1 loss 0.25 {SECRET} \xff\n".encode("latin-1")
    log.write_bytes(line * (2 * masking.WINDOW // len(line)) + f"the end {SECRET}".encode())
    before = log.read_bytes()
    assert masking.strike_file(log, [SECRET])
    assert log.read_bytes() == before.replace(SECRET.encode(), b"***")
    assert not masking.strike_file(log, [SECRET]), "nothing is left to strike"
    assert [path.name for path in tmp_path.iterdir()] == ["worker.log"]


@given(st.binary(max_size=200))
def test_what_holds_no_secret_is_left_as_it_is(data: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "worker.log"
        log.write_bytes(data)
        before = log.stat().st_mtime_ns
        assert not masking.strike_file(log, [SECRET])
        assert (log.read_bytes(), log.stat().st_mtime_ns) == (data, before)


def test_what_is_no_plain_file_is_left_as_it_is(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for name in ("pipe", "link", "missing"):
        assert not masking.strike_file(tmp_path / name, [SECRET])


def test_fault_27_each_line_of_a_secret_of_several_is_struck() -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBg\n  kqhkiG9w0BAQ\n-----END KEY-----"
    found = masking.secrets([], {"MY_PRIVATE_KEY": key})
    assert {"MIIEvQIBADANBg", "kqhkiG9w0BAQ", key} <= set(found)
