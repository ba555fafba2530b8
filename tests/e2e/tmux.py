"""A real terminal driven from outside: tmux with a server of its own, keys sent to it and its screen read."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import time
import uuid
from pathlib import Path

import pytest


class Tmux:
    """One terminal. Everything that was started in it is ended with it."""

    def __init__(self, cwd: Path, size: tuple[int, int] = (120, 40)) -> None:
        if shutil.which("tmux") is None:
            pytest.skip("needs tmux")
        self._name = f"cockpit-{uuid.uuid4().hex[:8]}"
        self._call("new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), "-c", str(cwd))
        self._call("set-option", "-g", "remain-on-exit", "on")

    def run(self, *command: str, **environment: str) -> None:
        """Run a command in place of what runs now."""
        told = [f"{name}={value}" for name, value in environment.items()]
        self._call("respawn-pane", "-k", shlex.join(["env", *told, *command]))

    def send(self, *keys: str) -> None:
        """Press keys, by tmux's names: Enter, Escape, C-p, f."""
        self._call("send-keys", *keys)

    def text(self) -> str:
        """What the screen shows."""
        return self._call("capture-pane", "-p")

    def shows(self, words: str, seconds: float = 30.0) -> None:
        """Wait for words on the screen."""
        end = time.monotonic() + seconds
        while words not in self.text():
            assert time.monotonic() < end, f"waited in vain for {words!r}; the screen shows:\n{self.text()}"
            time.sleep(0.2)

    def pid(self) -> int:
        """The process that runs in the terminal."""
        return int(self._call("display-message", "-p", "#{pane_pid}"))

    def ended(self, seconds: float = 20.0) -> int:
        """Wait until the command has ended, and return its exit code, or minus the signal that ended it."""
        end = time.monotonic() + seconds
        status = signal = ""
        while not (status or signal):  # the pane is dead a little before it is known of what
            assert time.monotonic() < end, f"it does not end; the screen shows:\n{self.text()}"
            time.sleep(0.1)
            told = self._call("display-message", "-p", "#{pane_dead_status},#{pane_dead_signal}")
            status, signal = told.strip().split(",")
        return int(status) if status else -int(signal)

    def resize(self, width: int, height: int) -> None:
        """Give the terminal another size."""
        self._call("resize-window", "-x", str(width), "-y", str(height))

    def close(self) -> None:
        """End the terminal."""
        subprocess.run(["tmux", "-L", self._name, "kill-server"], capture_output=True, check=False)

    def _call(self, *arguments: str) -> str:
        environment = {k: v for k, v in os.environ.items() if k not in ("TMUX", "TMUX_PANE")}
        done = subprocess.run(
            ["tmux", "-L", self._name, "-f", "/dev/null", *arguments],
            capture_output=True, text=True, check=True, env=environment,
        )  # fmt: skip
        return done.stdout
