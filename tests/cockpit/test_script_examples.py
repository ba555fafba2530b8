"""The example scripts run as they are shipped, under the cockpit and without it."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.contract import events as e
from engine.contract.rundir import RunDir

from .conftest import ROOT, Cli, result

pytestmark = pytest.mark.slow

SCRIPTS = ROOT / "examples/scripts"
LINES_OF_OURS = 14


def launched(cli: Cli, project: Path, name: str) -> tuple[RunDir, str]:
    done = cli(
        "run", "--preflight", str(SCRIPTS / "answers.toml"), "--", sys.executable, str(SCRIPTS / name), "--seed", "7"
    )
    assert done.returncode == 0, done.stderr
    return RunDir(next((project / "runs").glob("2*"))), done.stdout


def test_the_plain_loop_meets_its_sealed_prediction(tmp_path: Path, cli: Cli) -> None:
    run, said = launched(cli, tmp_path, "plain_loop.py")
    assert result(run)["verdict"] == "met"
    assert result(run)["fields"]["Params EXACT"] == str(2 * 32 + 32 + 32 * 2 + 2)
    assert result(run)["fields"]["Seed"] == "7"
    steps = [x for x in e.read_events(run.events) if isinstance(x, e.ScriptStep)]
    assert [x.step for x in steps] == list(range(1, 61))
    assert "accuracy" in said


def test_the_trainer_callback_reports_model_steps_and_evaluations(tmp_path: Path, cli: Cli) -> None:
    pytest.importorskip("accelerate", reason="the Hugging Face Trainer needs accelerate")
    run, _ = launched(cli, tmp_path, "trainer_callback.py")
    events = list(e.read_events(run.events))
    steps = [x for x in events if isinstance(x, e.ScriptStep)]
    assert [x.step for x in steps] == [5, 10, 15, 20]
    assert all(isinstance(x.loss, float) and isinstance(x.lr, float) and isinstance(x.epoch, float) for x in steps)
    rows = [x for x in events if isinstance(x, e.Evaluated)]
    assert len(rows) == 2
    assert all(math.isfinite(row.metrics["loss"]) for row in rows)
    assert result(run)["fields"]["Architecture"] == "LlamaForCausalLM"
    assert int(result(run)["fields"]["Params EXACT"]) > 0
    assert not [x for x in events if isinstance(x, e.Note)], "nothing that it writes is misread"


def test_without_the_cockpit_a_script_runs_as_it_always_did(tmp_path: Path) -> None:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("COCKPIT_")}
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / "plain_loop.py")],
        cwd=tmp_path,
        env=bare,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["plain_loop.py", "trainer_callback.py"])
def test_what_a_script_has_to_add_is_about_ten_lines(name: str) -> None:
    lines = (SCRIPTS / name).read_text("utf-8").splitlines()
    ours = [
        line for line in lines if any(word in line for word in ("say(", "COCKPIT", "f.write", "open(path", "Cockpit()"))
    ]
    assert 0 < len(ours) <= LINES_OF_OURS
