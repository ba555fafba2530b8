"""Every run has exactly one closed entry, whatever ended it (requirements K10 and K11, FAULTS 16, 29 to 31, 40)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from engine.contract.rundir import RunDir
from journal.blocks import parse
from journal.book import Book
from journal.fields import FIELDS
from journal.index import find_entry

from .conftest import Cli, command, environment, preflight, process, result, wait


def closed_as(folder: RunDir, status: str) -> None:
    """One intact entry that says how the run ended, and sixteen fields."""
    project = folder.path.parent.parent
    assert result(folder)["status"] == status, result(folder)
    blocks = [b for b in parse(Book(project).read()) if b.key == folder.id]
    assert [b.intact for b in blocks] == [True]
    assert status in find_entry(project, folder.id).text
    fields = result(folder)["fields"]
    assert tuple(fields) == FIELDS
    assert all(fields.values())


def test_k10_a_worker_killed_before_its_first_event_leaves_a_closed_entry(started: RunDir, cli: Cli) -> None:
    os.kill(process(started)["worker"]["pid"], signal.SIGKILL)
    wait(lambda: result(started).get("logged", False))
    closed_as(started, "killed")
    assert "SIGKILL" in result(started)["reason"]
    assert cli("attach", started.id).returncode == 9


def test_k10_supervisor_and_worker_killed_are_closed_by_the_next_command_once(started: RunDir, cli: Cli) -> None:
    project = started.path.parent.parent
    assert "running" in find_entry(project, started.id).title
    for role in ("supervisor", "worker"):
        os.kill(process(started)[role]["pid"], signal.SIGKILL)
    first = cli("runs", "--json")
    assert json.loads(first.stdout)[0]["status"] == "killed"
    assert started.id in first.stderr
    closed_as(started, "killed")
    before = Book(project).read()
    assert cli("runs").stderr == ""
    assert Book(project).read() == before


@pytest.mark.slow
def test_k10_a_worker_that_outlives_its_supervisor_is_logged_as_it_ended(started: RunDir, cli: Cli) -> None:
    os.kill(process(started)["supervisor"]["pid"], signal.SIGKILL)
    assert cli("control", started.id, "abort").returncode == 0
    assert not result(started), "a living worker is not taken for dead"
    worker = process(started)["worker"]["pid"]
    wait(lambda: not psutil.pid_exists(worker) or psutil.Process(worker).status() == psutil.STATUS_ZOMBIE)
    assert cli("attach", started.id).returncode == 8
    closed_as(started, "stopped")


def test_a_worker_that_hangs_is_ended_and_closed_as_timeout(started: RunDir, tmp_path: Path, cli: Cli) -> None:
    """FAULTS 40. The limit of the run that is started here is the shortest one that a worker can live with."""
    os.kill(process(started)["supervisor"]["pid"], signal.SIGTERM)  # the run of the fixture is not needed
    done = cli("launch", "--preflight", str(tmp_path / "tiny.toml"), "--set", "run.hang_limit=0.5", "--detach")
    folder = RunDir(tmp_path / "runs" / done.stdout.strip())
    wait(lambda: bool(result(folder).get("logged")))
    closed_as(folder, "timeout")
    assert "hung" in result(folder)["reason"]
    wait(lambda: bool(result(started).get("logged")))
    closed_as(started, "stopped")


def test_a_reused_pid_is_not_taken_for_the_worker(started: RunDir, cli: Cli) -> None:
    """FAULTS 30: the recorded pids now belong to another process, this one."""
    for role in ("supervisor", "worker"):
        os.kill(process(started)[role]["pid"], signal.SIGKILL)
    record = process(started)
    for role in ("supervisor", "worker"):
        record[role]["pid"] = os.getpid()
    started.process.write_text(json.dumps(record))
    assert json.loads(cli("runs", "--json").stdout)[0]["status"] == "killed"


def test_a_run_of_another_host_is_left_alone(started: RunDir, cli: Cli) -> None:
    for role in ("supervisor", "worker"):
        os.kill(process(started)[role]["pid"], signal.SIGKILL)
    started.process.write_text(json.dumps(process(started) | {"host": "elsewhere"}))
    assert json.loads(cli("runs", "--json").stdout)[0]["state"] == "running on elsewhere"
    assert not started.result.exists()


@pytest.mark.slow
def test_ctrl_c_detaches_a_launch_and_the_run_goes_on_in_its_own_session(tmp_path: Path, cli: Cli) -> None:
    checklist = preflight(tmp_path / "tiny.toml")
    launch = subprocess.Popen(
        command("launch", "--preflight", str(checklist)), cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    wait(lambda: any((tmp_path / "runs").glob("2*/process.json")) and "worker" in _newest(tmp_path).process.read_text())
    folder = _newest(tmp_path)
    launch.send_signal(signal.SIGINT)
    _, said = launch.communicate(timeout=20)
    assert launch.returncode == 0, said
    assert f"cockpit attach {folder.id}" in said
    supervisor = process(folder)["supervisor"]["pid"]
    assert os.getsid(supervisor) == supervisor
    assert cli("control", "last", "abort").returncode == 0
    assert cli("attach", "last").returncode == 8
    closed_as(folder, "stopped")


@pytest.mark.slow
def test_ctrl_c_aborts_a_fast_dev_run(tmp_path: Path) -> None:
    gate = subprocess.Popen(
        command("fast-dev-run"), cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    wait(lambda: any((tmp_path / "runs").glob("2*/process.json")) and "worker" in _newest(tmp_path).process.read_text())
    gate.send_signal(signal.SIGINT)
    out, _ = gate.communicate(timeout=240)
    assert gate.returncode == 8
    assert "smoke nano-care · stopped" in out
    closed_as(_newest(tmp_path), "stopped")


def _newest(project: Path) -> RunDir:
    return RunDir(max((project / "runs").glob("2*")))
