"""One connection to the relay beside a run: the greeting, the answer, and frames until the line is gone."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import tempfile
import time
from datetime import UTC, datetime

import msgspec

from cockpit.remote import frames, ssh
from cockpit.remote.frames import BEAT, SILENCE, Frame, Held, Hello, Reader
from cockpit.remote.place import Place
from cockpit.remote.ssh import OutOfReach
from engine.contract.errors import BadInput
from journal.text import plain, utc

LOGIN = 40.0
"""Seconds for a login and the start of a cockpit, at most."""


class Line:
    """A running `ssh HOST cockpit relay RUN`, for one thread at a time.

    Everything raises OutOfReach when the line is gone, and BadInput with what the other machine has against it."""

    def __init__(self, place: Place) -> None:
        self._place, self._reader = place, Reader()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the connection
        self._process = ssh.start(place, "relay", "--", place.run, stderr=self._stderr)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout.fileno()
        self._heard = self._spoke = time.monotonic()
        self.closed = False
        self.skew = 0.0
        """Seconds by which the clock there is ahead of ours, once greeted."""

    def hello(self) -> str:
        """Wait for the greeting; the whole id of the run."""
        until = time.monotonic() + LOGIN
        while not (found := self._frames(0.5)):
            if time.monotonic() > until:
                raise OutOfReach(f"no answer in {LOGIN:.0f} s")
        hello = found[0][0]
        if not isinstance(hello, Hello) or hello.relay != frames.VERSION:
            there = plain(hello.version, 20) if isinstance(hello, Hello) else "another"
            raise BadInput(f"the cockpit on {self._place.host} ({there}) is not this one: use the same on both")
        self.skew = (utc(hello.now) - datetime.now(UTC)).total_seconds()
        return hello.run

    def answer(self, held: Held) -> None:
        """Say what is here already; frames follow."""
        self._say(msgspec.json.encode(held) + b"\n")
        self._heard = time.monotonic()

    def read(self, wait: float) -> list[tuple[Frame, bytes]]:
        """The frames that come within `wait` seconds, and a sign of life to the other side."""
        if time.monotonic() - self._spoke > BEAT:
            self._say(b"\n")
        found = self._frames(wait)
        if time.monotonic() - self._heard > SILENCE:
            raise OutOfReach(f"nothing heard for {SILENCE:.0f} s")
        return found

    def interrupt(self) -> None:
        """From another thread: whoever waits for this line finds it gone."""
        self._process.terminate()

    def close(self) -> None:
        """End ssh, if it has not ended; the relay ends with it."""
        if self.closed:
            return
        self.closed = True
        with contextlib.suppress(OSError):
            self._in.close()
        self._process.terminate()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._stderr.close()

    def _say(self, data: bytes) -> None:
        self._spoke = time.monotonic()
        try:
            self._in.write(data)
        except BrokenPipeError:
            raise self._ended() from None

    def _frames(self, wait: float) -> list[tuple[Frame, bytes]]:
        if not select.select([self._out], [], [], wait)[0]:
            return []
        data = os.read(self._out, 1 << 16)
        if not data:
            raise self._ended()
        self._heard = time.monotonic()
        try:
            return list(self._reader.feed(data))
        except BadInput as error:
            raise BadInput(f"{self._place.host}: {error}") from None

    def _ended(self) -> BadInput | OutOfReach:
        """Why."""
        try:
            code = self._process.wait(5)
        except subprocess.TimeoutExpired:
            return OutOfReach("the line was closed")
        self._stderr.seek(0)
        return ssh.end(self._place, code, self._stderr.read())
