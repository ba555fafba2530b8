"""`cockpit resume`: an interrupted run goes on to the end it would have had; every attempt has one entry (S10, FAULTS 17 to 19)."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cockpit.runs.reconcile import reconcile
from engine.contract.events import Evaluated, HealStep, RunResumed, standing_events
from engine.contract.hashes import sha256_file
from engine.contract.rundir import RunDir
from engine.contract.units import read_units
from journal.blocks import parse
from journal.book import Book

from .conftest import ROOT, Cli, Shared, environment, process, result, wait

pytestmark = pytest.mark.slow


def kill_worker(folder: RunDir, after: str) -> None:
    """SIGKILL to the worker once a unit is finished."""
    wait(lambda: any(u.name == after for u in read_units(folder)))
    os.kill(process(folder)["worker"]["pid"], signal.SIGKILL)
    wait(lambda: bool(result(folder).get("logged")))


@pytest.mark.parametrize("after", ["generate", "steered"])
def test_a_killed_run_is_resumed_to_a_success_with_one_entry_an_attempt(after: str, started: RunDir, cli: Cli) -> None:
    kill_worker(started, after)
    assert result(started)["status"] == "killed"
    done = cli("resume", started.id)
    assert done.returncode == 0, done.stderr
    assert f"{started.id} goes on " in done.stderr
    project = started.path.parents[1]
    keys = [b.key for b in parse(Book(project).read())]
    assert keys == [started.id, f"{started.id}#2"]
    rows = json.loads(cli("journal", "list", "--json").stdout)
    assert {r["key"]: r["state"]["state"] for r in rows}[started.id] == "superseded"
    ended = result(started)
    assert (ended["status"], ended["attempt"]) == ("success", 2)
    assert "attempt 2 went on from round 1" in ended["fields"]["Notes"]
    assert "in 2 attempts" in ended["fields"]["Time"]
    events = standing_events(started.events)
    assert [e.from_attempt for e in events if isinstance(e, RunResumed)] == [1]
    steps = [e.step for e in events if isinstance(e, HealStep)]
    assert steps == list(range(1, len(steps) + 1))
    test = [e.subject for e in events if isinstance(e, Evaluated) and e.split == "test"]
    assert test == ["base", "prompted", "steered", "healed"]
    assert json.loads((started.path / "attempts/1/result.json").read_text())["status"] == "killed"
    assert process(started)["attempt"] == 2
    assert cli("journal", "check").returncode == 0


def test_a_run_that_still_runs_is_busy(started: RunDir, cli: Cli) -> None:
    done = cli("resume", started.id)
    assert done.returncode == 10
    assert "still runs" in done.stderr
    cli("control", started.id, "abort")


def copied(shared: Shared, project: Path, **changes: object) -> RunDir:
    """The shared real run in a project of its own, with another ending."""
    folder = RunDir(project / "runs" / shared.real.id)
    shutil.copytree(shared.real.path, folder.path)
    folder.result.write_text(json.dumps(json.loads(folder.result.read_text()) | changes))
    shutil.copy(shared.project / "RESEARCH_JOURNAL.md", project)
    return folder


def test_a_resume_that_dies_before_its_supervisor_is_there_leaves_one_closed_entry_an_attempt(
    shared: Shared, tmp_path: Path
) -> None:
    """K10: the ended attempt's entry and result stay what they were."""
    folder = copied(shared, tmp_path, status="killed")
    before = Book(tmp_path).read()
    code = "import os; from cockpit.runs import resume; from engine.contract.rundir import RunDir; from pathlib import Path; import sys; "
    code += "resume.supervise = lambda *a, **k: os._exit(9); resume.resume(RunDir(Path(sys.argv[1])))"
    done = subprocess.run([sys.executable, "-c", code, str(folder.path)], cwd=ROOT, env=environment(), timeout=240)
    assert done.returncode == 9
    assert reconcile(tmp_path).closed == [folder.id]
    keys = [b.key for b in parse(Book(tmp_path).read())]
    assert keys[-1] == f"{folder.id}#2"
    assert keys.count(folder.id) == 1
    assert before in Book(tmp_path).read()
    assert result(folder)["attempt"] == 2


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("success", "is finished. To go on differently: cockpit fork"),
        ("nan", "would end so again"),
        ("starved", "would end so again"),
    ],
)
def test_an_end_that_was_the_runs_own_is_refused_with_what_to_do(
    status: str, told: str, shared: Shared, tmp_path: Path, cli: Cli
) -> None:
    folder = copied(shared, tmp_path, status=status)
    done = cli("resume", folder.id)
    assert (done.returncode, told in done.stderr) == (3, True), done.stderr


def test_other_code_does_not_finish_a_run(shared: Shared, tmp_path: Path, cli: Cli) -> None:
    folder = copied(shared, tmp_path, status="killed")
    told = json.loads(folder.provenance.read_text())
    folder.provenance.write_text(json.dumps(told | {"code_hash": "0" * 64}))
    done = cli("resume", folder.id)
    assert done.returncode == 3
    assert "began with code 00000000" in done.stderr


@pytest.mark.parametrize(
    "name", ["rounds/1/healset.jsonl", "rounds/1/student/adapter_model.safetensors", "units.jsonl"]
)
def test_a_damaged_file_is_named_before_anything_is_started(
    name: str, shared: Shared, tmp_path: Path, cli: Cli
) -> None:
    folder = copied(shared, tmp_path, status="killed")
    data = bytearray((folder.path / name).read_bytes())
    data[len(data) // 3] ^= 1
    (folder.path / name).write_bytes(data)
    before = {p: sha256_file(p) for p in folder.path.rglob("*") if p.is_file()}
    done = cli("resume", folder.id)
    assert done.returncode == 2
    assert Path(name).name in done.stderr
    assert {p: sha256_file(p) for p in folder.path.rglob("*") if p.is_file()} == before
