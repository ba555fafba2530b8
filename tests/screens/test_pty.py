"""The real command on a real pseudo-terminal: it paints, answers keys, follows the terminal's size, and leaves the terminal as it was."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.screens.conftest import Write
from tests.screens.terminal import Terminal

RUN = "20260604T101347-nano-care-k3f9"


@pytest.fixture
def terminal(project: Path) -> Iterator[Terminal]:
    opened = Terminal([sys.executable, "-m", "cockpit.cli.main"], project)
    yield opened
    opened.close()


def test_home_paints_help_opens_and_q_leaves(write_run: Write, terminal: Terminal) -> None:
    write_run(RUN)
    terminal.shows("-k3f9")
    terminal.shows("? help")
    terminal.type("?")
    terminal.shows("On this screen, home")
    terminal.type("?")
    terminal.shows("Runs  1 in this project")
    terminal.type("q")
    assert terminal.ends() == 0
    assert b"\x1b[?1049l" in terminal.written  # the screen that was there before is back
    assert b"Traceback" not in terminal.written


def test_fault_37_a_terminal_made_40x12_and_large_again_shows_home_again(write_run: Write, terminal: Terminal) -> None:
    write_run(RUN)
    terminal.shows("-k3f9")
    terminal.resize(40, 12)
    terminal.shows("this terminal is 40 x 12")
    terminal.resize(100, 30)
    terminal.shows("-k3f9")
    terminal.type("q")
    assert terminal.ends() == 0


def test_attach_opens_the_monitor_and_its_exit_code_is_the_runs(project: Path, write_run: Write) -> None:
    write_run(RUN)
    terminal = Terminal([sys.executable, "-m", "cockpit.cli.main", "attach", "k3f9"], project)
    try:
        terminal.shows(RUN)
        terminal.shows("ctrl+p palette")
        terminal.type("q")
        assert terminal.ends() == 0
    finally:
        terminal.close()


def test_attach_plain_is_text_on_a_terminal_too(project: Path, write_run: Write) -> None:
    write_run(RUN)
    terminal = Terminal([sys.executable, "-m", "cockpit.cli.main", "attach", "k3f9", "--plain"], project)
    try:
        assert terminal.ends() == 0
        assert b"\x1b[?1049h" not in terminal.written
        assert b"healed" in terminal.written
    finally:
        terminal.close()


def test_fault_31_a_screen_that_is_killed_leaves_the_run_alone(
    project: Path, write_run: Write, terminal: Terminal
) -> None:
    folder = write_run(RUN, "", events=12)
    terminal.shows("round 2 of 2")
    before = {p: p.read_bytes() for p in folder.path.rglob("*")}
    os.kill(terminal.process.pid, signal.SIGKILL)
    terminal.process.wait()
    assert {p: p.read_bytes() for p in folder.path.rglob("*")} == before
    again = Terminal([sys.executable, "-m", "cockpit.cli.main"], project)
    try:
        again.shows("round 2 of 2")
        again.type("q")
        assert again.ends() == 0
    finally:
        again.close()
