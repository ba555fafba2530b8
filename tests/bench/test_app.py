"""How long the cockpit takes until a person sees it: first paint on a pseudo-terminal, --version, and how much is imported for them."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.screens.conftest import Write, fresh_state, project, write_run
from tests.screens.terminal import Terminal

pytestmark = pytest.mark.bench
__all__ = ["fresh_state", "project", "write_run"]  # fixtures of the screens' tests

ROUNDS = 5


def test_first_paint(project: Path, write_run: Write) -> None:
    for n in range(20):
        write_run(f"20260604T1013{n:02d}-nano-care-k3{n:02d}")
    frames, runs = [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        terminal = Terminal([sys.executable, "-m", "cockpit.cli.main"], project)
        frames.append(terminal.writes(b"palette") - began)
        runs.append(terminal.writes(b"-k319") - began)
        terminal.type("q")
        terminal.ends()
        terminal.close()
    _tell("first paint", frames, "budget 0.5 s")
    _tell("the runs of the project", runs, "20 runs")


def test_version() -> None:
    spent = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "cockpit.cli.main", "--version"], capture_output=True, check=True)
        spent.append(time.perf_counter() - began)
    _tell("cockpit --version", spent, "budget 0.2 s")


def test_modules_loaded() -> None:
    code = "import sys; before = len(sys.modules); import cockpit.app; print(len(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    print(
        f"\n  modules for the first frame: {done.stdout.strip()}, of them torch 0 (held by tests/screens/test_app.py)"
    )


def _tell(what: str, spent: list[float], about: str) -> None:
    print(f"\n  {what}: median {statistics.median(spent):.2f} s, best {min(spent):.2f} s ({about})")
