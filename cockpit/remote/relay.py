"""The side beside the run: what is new of its files goes to stdout, until nobody is heard on stdin any more.

`cockpit attach HOST:RUN` starts it over ssh as `cockpit relay RUN`. It ends by itself when the line is gone, whichever way it went.
"""

from __future__ import annotations

import os
import select
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from cockpit.live.machine import Sampler
from cockpit.remote import frames
from cockpit.remote.frames import BEAT, SILENCE, Frame, Gone, Grown, Held, Hello, State, Whole, digest, pack
from cockpit.runs import evidence, processes
from engine.contract.errors import BadInput, CockpitError
from engine.contract.events import now
from engine.contract.rundir import RunDir

POLL = 0.2
"""Seconds between two looks at files that did not grow."""
LOOK = 1.0
"""Seconds between two looks at whether the run still lives."""
_ATOM = 4096
"""Bytes that a pipe with room takes at once, so that a line that stands still is noticed."""


class LineGone(Exception):
    """Nobody is at the other end any more."""


def relay(project: Path, folder: RunDir, version: str) -> None:
    """Greet, hear what the other side has, and send what it lacks, until the line is gone.

    Raises BadInput when the run's folder is gone, or when what is heard is no answer."""
    try:
        line = _Line()
        line.send(Hello(frames.VERSION, version, folder.id, now()))
        _Sender(project, folder, line, line.answer()).run()
    except (LineGone, BrokenPipeError, ConnectionError):
        return


class _Line:
    """stdin and stdout, waited for no longer than SILENCE."""

    def __init__(self) -> None:
        self._heard = time.monotonic()

    def send(self, frame: Frame, payload: bytes = b"") -> None:
        data = memoryview(pack(frame) + payload)
        while data:
            if not select.select([], [1], [], SILENCE)[1]:
                raise LineGone
            data = data[os.write(1, data[:_ATOM]) :]

    def hear(self, wait: float) -> bytes:
        """What was said within `wait` seconds. Raises LineGone at the end, and when nothing was said for too long."""
        if select.select([0], [], [], wait)[0]:
            said = os.read(0, 1 << 16)
            if not said:
                raise LineGone
            self._heard = time.monotonic()
            return said
        if time.monotonic() - self._heard > SILENCE:
            raise LineGone
        return b""

    def answer(self) -> Held:
        """What the other side has. Raises BadInput when it says something else."""
        said = b""
        while b"\n" not in said and len(said) < 1 << 16:
            said += self.hear(1.0)
        try:
            return msgspec.json.decode(said.partition(b"\n")[0], type=Held)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise BadInput("relay is spoken to by `cockpit attach HOST:RUN`, which starts it") from None


class _Sender:
    """Sends each file of a run as it changes."""

    def __init__(self, project: Path, folder: RunDir, line: _Line, held: Held) -> None:
        self._project, self._folder, self._line = project, folder, line
        self._has = {name: held[name][1] if name in held else "" for name in (*frames.WHOLE, frames.RESULT)}
        self._seen: dict[str, tuple[int, ...]] = {}
        self._at = {name: self._same(name, held) for name in frames.GROWING}
        self._result: bytes | None = None
        self._sampler = Sampler()
        self._process: dict[str, Any] = {}
        self._looked = self._beaten = float("-inf")
        self._state = (False, "")

    def _same(self, name: str, held: Held) -> int:
        """Bytes of a growing file that the other side has already; it is told when what it has is something else."""
        size, same = held.get(name, (0, ""))
        if size and digest(self._folder.path / name, size) != same:
            self._line.send(Grown(name, 0, 0))
            return 0
        return size

    def run(self) -> None:
        """Look again and again."""
        self._result = self._changed(frames.RESULT)
        if self._result is not None and self._has[frames.RESULT]:
            self._replace(frames.RESULT, b"")  # what it has is of an earlier attempt
        while True:
            more = self._pass()
            self._line.hear(0.0 if more else POLL)

    def _pass(self) -> bool:
        """Send what changed; whether a piece is left for the next pass. The result is read before all else, and sent behind it."""
        if not self._folder.path.is_dir():
            raise BadInput(f"{self._folder.path} is gone")
        ended = self._changed(frames.RESULT)
        self._result = self._result if ended is None else ended
        for name in frames.WHOLE:
            self._replace(name, self._changed(name))
        self._tell_state()
        events, completions = frames.GROWING
        while self._grow(events):
            self._line.hear(0.0)
        if self._grow(completions):
            return True
        self._replace(frames.RESULT, self._result)
        self._result = None
        return False

    def _grow(self, name: str) -> bool:
        """Send the next piece of a growing file, or where it was cut; whether there was anything."""
        at = self._at[name]
        try:
            with (self._folder.path / name).open("rb") as f:
                size = os.fstat(f.fileno()).st_size
                f.seek(at)
                data = f.read(frames.PIECE)
        except FileNotFoundError:
            size, data = 0, b""
        if size >= at and not data:
            return False
        at = min(at, size)
        self._line.send(Grown(name, at, len(data)), data)
        self._at[name] = at + len(data)
        return True

    def _changed(self, name: str) -> bytes | None:
        """A file's bytes when the other side has others, b'' when it is no more; None when nothing changed."""
        path = self._folder.path / name
        stamp: tuple[int, ...] = ()
        data = b""
        try:
            about = path.stat()
            stamp = (about.st_ino, about.st_size, about.st_mtime_ns)
            if about.st_size > frames.LARGEST:
                raise BadInput(f"{path} has more than {frames.LARGEST >> 20} MB: it is not what a run writes there")
            if stamp != self._seen.get(name):
                data = path.read_bytes()
        except FileNotFoundError:
            stamp = ()
        if stamp == self._seen.get(name):
            return None
        self._seen[name] = stamp
        return None if _sha256(data) == self._has[name] else data

    def _replace(self, name: str, data: bytes | None) -> None:
        if data is None:
            return
        self._line.send(Whole(name, len(data)) if data else Gone(name), data)
        self._has[name] = _sha256(data)

    def _tell_state(self) -> None:
        """Whether it lives, when that changed, and at every beat."""
        if time.monotonic() - self._looked < LOOK:
            return
        self._looked = time.monotonic()
        state = self._look()
        if state != self._state or self._looked - self._beaten >= BEAT:
            self._state, self._beaten = state, self._looked
            self._line.send(State(*state, self._sampler.look(self._process)))

    def _look(self) -> tuple[bool, str]:
        """Whether any process of the run lives, and what is wrong; a run that nobody closed is closed."""
        try:
            self._process = evidence.process(self._folder)
            over = bool(evidence.result(self._folder).get("status"))
            alive = bool(self._process) and not over and processes.running(self._process)
            if not alive and not evidence.finished(self._folder):
                from cockpit.runs.reconcile import close_if_dead  # closing an entry needs far more than reading files

                close_if_dead(self._project, self._folder)
        except (CockpitError, OSError) as error:
            return False, str(error)
        return alive, ""


def _sha256(data: bytes) -> str:
    return sha256(data).hexdigest() if data else ""
