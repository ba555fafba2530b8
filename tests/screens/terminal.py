"""A command on a pseudo-terminal of its own: keys go in, and what its screen shows can be waited for."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

import pyte

ROOT = Path(__file__).parents[2]


class Terminal:
    """A command on a terminal of its own, and what its screen shows."""

    def __init__(self, command: list[str], cwd: Path, size: tuple[int, int] = (120, 40)) -> None:
        self.screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        self.written = b""
        master, slave = pty.openpty()
        self._master = master
        self.resize(*size, tell=False)
        inherited = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}  # they would fix the size
        environment = inherited | {"TERM": "xterm-256color", "PYTHONPATH": str(ROOT), "COLORTERM": "truecolor"}
        self.process = subprocess.Popen(
            command, cwd=cwd, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
        )
        os.close(slave)

    def resize(self, width: int, height: int, *, tell: bool = True) -> None:
        """Give the terminal another size."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self.screen.resize(height, width)
        if tell:
            self.process.send_signal(signal.SIGWINCH)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._master, keys.encode())

    def text(self) -> str:
        """What the screen shows."""
        return "\n".join(self.screen.display)

    def shows(self, words: str, seconds: float = 90.0) -> None:
        """Wait for words on the screen."""
        end = time.monotonic() + seconds
        while words not in self.text():
            assert time.monotonic() < end, f"waited in vain for {words!r}; the screen shows:\n{self.text()}"
            self._read(0.05)

    def writes(self, data: bytes, seconds: float = 90.0) -> float:
        """Wait for bytes to be written, without drawing them; the time at which they were (time.perf_counter)."""
        end = time.monotonic() + seconds
        while data not in self.written:
            assert time.monotonic() < end, f"waited in vain for {data!r}"
            if select.select([self._master], [], [], 0.01)[0]:
                self.written += os.read(self._master, 65536)
        return time.perf_counter()

    def ends(self, seconds: float = 90.0) -> int:
        """Wait for the command to end, and return its exit code."""
        end = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < end, f"it does not end; the screen shows:\n{self.text()}"
            self._read(0.05)
        self._read(0.05)
        return self.process.returncode

    def _read(self, seconds: float) -> None:
        while select.select([self._master], [], [], seconds)[0]:
            try:
                data = os.read(self._master, 65536)
            except OSError:  # nobody has the other end any more
                return
            if not data:
                return
            self.written += data
            self._stream.feed(data)
            seconds = 0.0

    def close(self) -> None:
        """End the command if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)
