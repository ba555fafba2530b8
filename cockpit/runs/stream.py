"""Following the files of a run: only new bytes are read, and torn lines wait for their end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from cockpit.runs import evidence
from engine.contract.events import AnyEvent, decode, standing_events
from engine.contract.rundir import RunDir

POLL = 0.1


class Tail:
    """The whole lines of a growing file that were not read yet."""

    def __init__(self, path: Path, offset: int = 0) -> None:
        self.path, self.offset = path, offset

    def read(self) -> bytes:
        """New whole lines, b'' when there are none."""
        try:
            size = self.path.stat().st_size
        except FileNotFoundError:
            return b""
        if size <= self.offset:
            return b""
        with self.path.open("rb") as f:
            f.seek(self.offset)
            data = f.read(size - self.offset)
        whole = data[: data.rfind(b"\n") + 1]
        self.offset += len(whole)
        return whole


def follow(project: Path, folder: RunDir) -> Iterator[AnyEvent | None]:
    """Every event of a run from the first on, as they come; None at each idle moment. Ends when the run's entry is closed.

    Raises BadInput when the run is over and its entry cannot be written."""
    tail = Tail(folder.events)
    for data in _chunks(project, folder, tail):
        for line in data.splitlines():
            try:
                yield decode(line)
            except msgspec.DecodeError:
                continue
        yield None


def standing(project: Path, folder: RunDir) -> Iterator[AnyEvent]:
    """The events of a run that hold, then those that come, until the run's entry is closed.

    Raises BadInput when the run is over and its entry cannot be written."""
    tail = Tail(folder.events)
    tail.read()
    yield from standing_events(folder.events, size=tail.offset)
    for data in _chunks(project, folder, tail):
        for line in data.splitlines():
            try:
                yield decode(line)
            except msgspec.DecodeError:
                continue


def follow_bytes(project: Path, folder: RunDir, offset: int = 0) -> Iterator[bytes]:
    """The bytes of events.jsonl from an offset, as they come, in whole lines; b'' at each idle moment."""
    return _chunks(project, folder, Tail(folder.events, offset))


def _chunks(project: Path, folder: RunDir, tail: Tail) -> Iterator[bytes]:
    from cockpit.runs.reconcile import close_if_dead  # closing an entry needs far more than reading a file

    looked = time.monotonic()
    while True:
        over = evidence.finished(folder)
        data = tail.read()
        yield data
        if over and not data:
            return
        if not data:
            time.sleep(POLL)
        if time.monotonic() - looked > 2.0:
            looked = time.monotonic()
            if not over:
                close_if_dead(project, folder)
