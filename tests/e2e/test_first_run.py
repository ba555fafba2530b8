"""The first minutes of a person with the cockpit, from outside: an empty project, one key, the run watched to its end."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cockpit.runs import evidence
from engine.contract.rundir import RunDir, all_runs
from tests.e2e.tmux import Tmux

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]
COCKPIT = (sys.executable, "-m", "cockpit.cli.main")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Tmux]:
    opened = Tmux(tmp_path)
    yield opened
    opened.close()


def started(project: Path, seconds: float = 60.0) -> RunDir:
    """The project's first run, as soon as it has begun to tell what it does."""
    end = time.monotonic() + seconds
    while not (runs := all_runs(project)) or not runs[0].events.exists():
        assert time.monotonic() < end, "no run was started"
        time.sleep(0.2)
    return runs[0]


def test_one_key_starts_the_first_run_and_killing_the_screen_is_not_noticed_by_it(
    terminal: Tmux, tmp_path: Path
) -> None:
    environment = {"PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(tmp_path / "state")}
    terminal.run(*COCKPIT, **environment)
    terminal.shows("No runs here yet")
    terminal.send("f")
    terminal.shows("Starting the fast-dev-run")
    run = started(tmp_path)
    terminal.shows(run.id)
    terminal.shows("smoke")

    os.kill(terminal.pid(), signal.SIGKILL)
    size = run.events.stat().st_size
    end = time.monotonic() + 60
    while run.events.stat().st_size <= size:
        assert time.monotonic() < end, "the run does not go on without its screen"
        time.sleep(0.2)
    assert not evidence.finished(run)

    terminal.run(*COCKPIT, "attach", "last", **environment)
    terminal.shows(run.id)
    end = time.monotonic() + 240
    while not evidence.finished(run):
        assert time.monotonic() < end, f"the run does not end; the screen shows:\n{terminal.text()}"
        time.sleep(0.5)
    assert evidence.result(run)["status"] == "success"
    terminal.shows("success")
    terminal.resize(60, 20)
    terminal.shows("needs 80 x 24")
    terminal.resize(120, 40)
    terminal.shows(run.id)
    terminal.send("Escape")
    terminal.shows("Runs  1 in this project")
    assert "✓ success" in terminal.text()
    green = evidence.green_gate(tmp_path) == run.id  # not when the sources were edited while it ran
    terminal.shows("fast-dev-run ✓ green for this code" if green else "fast-dev-run · not yet for this code")
    assert run.id.rsplit("-", 1)[-1] in terminal.text()
    terminal.send("q")
    assert terminal.ended() == 0
    journal = (tmp_path / "RESEARCH_JOURNAL.md").read_text("utf-8")
    assert journal.count(f"<!-- run:{run.id}") == 1
