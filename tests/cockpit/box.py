"""Another machine for tests: a login's folder with a project in it, reached by a program named ssh that hands the command to a shell there.

The commands, the shell, the pipes and the processes are real; only the network between is not.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
from pathlib import Path

from cockpit.runs import processes
from engine.contract.files import append_line, write_json
from engine.contract.rundir import RunDir
from tests.makings import RECORDED

ROOT = Path(__file__).parents[2]
_SSH = """#!/bin/sh
cd "{login}"
if [ -s down ]; then cat down >&2; exit 255; fi
printf '%s\\n' "$@" >asked
echo $$ >>lines
echo "Welcome to the box."
for command; do :; done
exec sh -c "$command"
"""
_COCKPIT = """#!/bin/sh
PYTHONPATH="{root}" exec "{python}" -m cockpit.cli.main "$@"
"""


class Box:
    """`bin` goes first on the PATH of whoever is to reach it."""

    def __init__(self, folder: Path) -> None:
        self.login, self.bin = folder / "login", folder / "bin"
        self.project = self.login / "care"
        self.run = RunDir(self.project / "runs" / RECORDED.name)
        shutil.copytree(RECORDED, self.run.path)
        _program(self.bin / "ssh", _SSH.format(login=self.login))
        _program(self.project / ".venv/bin/cockpit", _COCKPIT.format(root=ROOT, python=sys.executable))

    def live(self, events: int = 200) -> None:
        """The run goes on: it is at its `events`th event, and this process is its worker."""
        self.run.result.unlink()
        lines = self.run.events.read_bytes().splitlines(keepends=True)
        self.run.events.write_bytes(b"".join(lines[:events]))
        here = {"host": processes.host(), "boot_id": processes.boot_id(), "attempt": 1}
        write_json(self.run.process, here | {"worker": processes.me(), "supervisor": processes.me()})

    def more(self, count: int = 1, start: int = 200) -> None:
        """The next events of the run."""
        for line in (RECORDED / "events.jsonl").read_bytes().splitlines()[start : start + count]:
            append_line(self.run.events, line)

    def lines(self) -> list[int]:
        """Pids of what was begun over ssh, the oldest first; what runs there now is the last."""
        told = self.login / "lines"
        return [int(pid) for pid in told.read_text().split()] if told.exists() else []

    def down(self, why: str = "ssh: connect to host box port 22: Connection refused") -> None:
        """No login from now on, and whoever is logged in is cut off."""
        (self.login / "down").write_text(why + "\n")
        self.cut()

    def up(self) -> None:
        """Logins again."""
        (self.login / "down").write_text("")

    def cut(self) -> None:
        """The lines that are there drop."""
        for pid in self.lines():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)  # each has a session of its own

    def busy(self) -> int:
        """Lines over which something runs there."""
        return len({pid for pid in self.lines() if _group(pid)})


def _group(pid: int) -> bool:
    """Whether any process of this group lives."""
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(text)
    path.chmod(0o755)
