"""The first minutes of a person with the cockpit, from outside: an empty project, one key, the run watched to its end."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cockpit.runs import evidence
from engine.contract.rundir import RunDir, all_runs
from journal.index import rows
from journal.query import items
from journal.review import states
from tests.e2e.tmux import Tmux
from tests.makings import EXAMPLE
from tests.screens.preflights import TINY

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]
COCKPIT = (sys.executable, "-m", "cockpit.cli.main")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Tmux]:
    opened = Tmux(tmp_path)
    yield opened
    opened.close()


def started(project: Path, seconds: float = 60.0, *, count: int = 1) -> list[RunDir]:
    """The project's runs, oldest first, as soon as there are so many and the last has begun to tell what it does."""
    end = time.monotonic() + seconds
    while len(runs := all_runs(project)) < count or not runs[-1].events.exists():
        assert time.monotonic() < end, "no run was started"
        time.sleep(0.2)
    return runs


def test_one_key_starts_the_first_run_and_killing_the_screen_is_not_noticed_by_it(
    terminal: Tmux, tmp_path: Path
) -> None:
    environment = {"PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(tmp_path / "state")}
    terminal.run(*COCKPIT, **environment)
    terminal.shows("No runs here yet")
    terminal.send("f")
    terminal.shows("Starting the fast-dev-run")
    (run,) = started(tmp_path)
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
    terminal.shows("✓ success")  # home was not looked at meanwhile
    green = evidence.green_gate(tmp_path) == run.id  # not when the sources were edited while it ran
    terminal.shows("fast-dev-run ✓ green for this code" if green else "fast-dev-run · not yet for this code")
    assert run.id.rsplit("-", 1)[-1] in terminal.text()
    terminal.send("q")
    assert terminal.ended() == 0
    journal = (tmp_path / "RESEARCH_JOURNAL.md").read_text("utf-8")
    assert journal.count(f"<!-- run:{run.id}") == 1


def test_a_checklist_is_answered_its_run_watched_and_its_entry_reviewed(terminal: Tmux, tmp_path: Path) -> None:
    """The way of every day, from an answered file: gate, preflight, launch, the screen killed mid-run and attached again, review."""
    environment = {"PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(tmp_path / "state")}
    answers = tmp_path / "old.toml"
    answers.write_text(answered(), "utf-8")
    terminal.run(*COCKPIT, **environment)
    terminal.shows("No runs here yet")
    terminal.send("f")
    terminal.shows("✓ success", 300)
    terminal.send("Escape")
    terminal.shows("green for this code")

    terminal.send("n")
    terminal.shows("0 of 8 answered", 90)
    terminal.send("o")
    terminal.shows("Whose answers?")
    terminal.send("-l", str(answers))
    terminal.send("Enter")
    terminal.shows("8 of 8 answered", 90)
    terminal.shows("Launch is open")
    terminal.send("L")
    terminal.shows("Prediction  sealed", 60)
    smoke, run = started(tmp_path, count=2)
    assert "smoke" in smoke.id
    terminal.shows(run.id)

    os.kill(terminal.pid(), signal.SIGKILL)
    assert not evidence.finished(run), "the run ended before its screen was killed: this shows nothing"
    terminal.run(*COCKPIT, "attach", "last", **environment)
    terminal.shows(run.id)
    terminal.shows("✓ success", 300)
    ended(run)

    terminal.send("Escape")
    terminal.shows("2 in this project")
    terminal.send("j")
    terminal.shows("1 unreviewed")
    terminal.shows("Asked")
    terminal.send("r")
    terminal.shows("you read it, and it stands")
    terminal.send("r")
    terminal.shows("reviewed by")
    terminal.send("q")
    assert terminal.ended() == 0
    found = rows(tmp_path)
    entry = next(item for item in items(found, states(found)) if item.row.key == run.id)
    assert (entry.state.state, entry.row.status, entry.row.intact) == ("reviewed", "success", True)


def answered() -> str:
    """The answered checklist that ships, for a run too small to measure anything, which its waivers say."""
    text = EXAMPLE.read_text("utf-8").replace("set = []", f"set = {json.dumps(TINY)}")
    for rule in ("W2", "KB12"):
        text += f'\n[[waivers]]\nrule = "{rule}"\nreason = "A run of the test suite, too small to measure anything."\n'
    return text


def ended(run: RunDir, seconds: float = 60.0) -> None:
    """Wait until a run's supervisor has written its entry."""
    end = time.monotonic() + seconds
    while not evidence.finished(run):
        assert time.monotonic() < end, "the run does not end"
        time.sleep(0.2)
