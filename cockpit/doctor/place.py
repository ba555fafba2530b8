"""The project, the disks, the terminal and the login: what a run and its record need around them."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from cockpit.doctor.finding import Finding
from cockpit.runs.evidence import green_gate
from cockpit.runs.provenance import provenance
from engine.contract.doctor import Diagnosis
from journal.audit import check

ROOM = 5 * 2**30
"""Free bytes under which a disk is worth a word."""


def place_findings(project: Path, found: Diagnosis, environment: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Everything around a run."""
    yield from _disks(project, found)
    yield _code()
    yield from _project(project)
    yield from _terminal(environment)
    yield from _login(environment)


def _disks(project: Path, found: Diagnosis) -> Iterator[Finding]:
    free = shutil.disk_usage(project).free
    full = free < ROOM
    yield Finding(
        state="note" if full else "fine",
        subject="disk",
        what=f"{free / 2**30:,.0f} GiB free for runs in {project}",
        mend="a run of nano takes 10 to 50 MB, one of a billion parameters gigabytes; make room" if full else "",
    )
    if not os.access(project, os.W_OK):
        yield Finding(
            state="broken",
            subject="disk",
            what=f"{project} cannot be written",
            mend="choose another with --project DIR",
        )
    if found.cache_free < ROOM:
        what = f"{found.cache_free / 2**30:,.1f} GiB free for models in {found.cache}"
        yield Finding(state="note", subject="disk", what=what, mend="set HF_HOME to a folder on a larger disk")


def _code() -> Finding:
    record, _ = provenance()
    commit = record.get("commit") or ""
    if record.get("dirty"):
        return Finding(
            state="note",
            subject="code",
            what=f"the sources differ from their commit ({str(commit)[:8] or 'none known'}): runs are marked dirty and carry no claim",
            mend="commit the changes, or install a release",
        )
    return Finding(state="fine", subject="code", what=f"commit {str(commit)[:8]}, clean")


def _project(project: Path) -> Iterator[Finding]:
    gate = green_gate(project)
    yield Finding(
        state="fine" if gate else "note",
        subject="gate",
        what=f"{gate} passed with this code"
        if gate
        else "no fast-dev-run of this code here yet; a real run asks for one",
        mend="" if gate else "cockpit fast-dev-run",
    )
    wrong = len(check(project))
    yield Finding(
        state="note" if wrong else "fine",
        subject="journal",
        what=f"{wrong} {'thing' if wrong == 1 else 'things'} to look at" if wrong else "every entry is whole",
        mend="cockpit journal check" if wrong else "",
    )


def _terminal(environment: Mapping[str, str]) -> Iterator[Finding]:
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    if encoding != "utf8":
        yield Finding(
            state="note",
            subject="terminal",
            what=f"it speaks {sys.stdout.encoding}, and charts are drawn in Braille",
            mend="set LANG to a UTF-8 locale, or COCKPIT_ASCII=1",
        )
    size = shutil.get_terminal_size()
    if sys.stdout.isatty() and (size.columns < 80 or size.lines < 24):
        yield Finding(
            state="note",
            subject="terminal",
            what=f"{size.columns} x {size.lines} characters",
            mend="the app wants 80 x 24 or more",
        )
    if environment.get("COLORTERM") not in ("truecolor", "24bit"):
        yield Finding(
            state="note",
            subject="terminal",
            what="it does not say that it shows 24-bit colours (COLORTERM)",
            mend="if it does, set COLORTERM=truecolor; in tmux, also its terminal-features RGB",
        )


def _login(environment: Mapping[str, str]) -> Iterator[Finding]:
    """systemd may end what a user left running when the last login ends."""
    if not environment.get("SSH_CONNECTION") or shutil.which("loginctl") is None:
        return
    asked = subprocess.run(
        ["loginctl", "show-user", getpass.getuser(), "--property=Linger", "--value"],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=10,
    )  # fmt: skip
    if asked.returncode == 0 and asked.stdout.strip() == "no":
        yield Finding(
            state="note",
            subject="login",
            what="lingering is off: where systemd kills user processes, a run ends with your ssh login",
            mend="loginctl enable-linger, or start it under systemd-run --user --scope",
        )
