"""Who may say how a run ended: run folders without processes, so that every order of events can be played."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import psutil
import pytest

from cockpit.cli.main import run
from cockpit.runs import engine, launch, processes, supervisor
from cockpit.runs.ending import Ending, ending, finish
from cockpit.runs.reconcile import reconcile
from engine.contract.errors import BadInput, CockpitError
from engine.contract.events import ControlApplied, RunFinished, encode
from engine.contract.files import append_line, write_json
from engine.contract.resolve import resolve
from engine.contract.rundir import RunDir
from journal.blocks import parse
from journal.book import Book

from .conftest import command, environment, result

KILLED = Ending("killed", "nobody was there", 9)
SUCCESS = Ending("success", "all rounds done", 0)


@pytest.fixture
def folder(tmp_path: Path) -> RunDir:
    return bare(tmp_path, "20260604T101347-nano-care-k3f9")


def bare(project: Path, name: str) -> RunDir:
    """A run of this machine of which nothing lives."""
    made = RunDir(project / "runs" / name)
    made.path.mkdir(parents=True)
    write_json(made.process, {"host": processes.host(), "boot_id": processes.boot_id(), "attempt": 1})
    return made


def test_what_the_supervisor_saw_replaces_what_was_concluded_too_early(folder: RunDir, tmp_path: Path) -> None:
    finish(tmp_path, folder, 1, KILLED, by="reconcile")
    finish(tmp_path, folder, 1, SUCCESS, 5.0)
    assert (result(folder)["status"], result(folder)["exit"]) == ("success", 0)
    finish(tmp_path, folder, 1, KILLED, by="reconcile")
    finish(tmp_path, folder, 1, KILLED)
    assert result(folder)["status"] == "success", "and is final"
    (block,) = parse(Book(tmp_path).read())
    assert b"success" in block.body


def test_a_supervisor_does_not_start_what_is_closed_already(
    folder: RunDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finish(tmp_path, folder, 1, KILLED, by="reconcile")
    assert supervisor.main([str(folder.path)]) == 9
    assert "closed as killed before it started" in capsys.readouterr().err
    assert not folder.worker_log.exists()


def test_a_supervisor_that_says_nothing_is_ended_before_the_launch_fails(
    folder: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "PATIENCE", 0.1)
    mute = subprocess.Popen(["sleep", "60"])
    with pytest.raises(CockpitError, match="did not start within"):
        launch._wait_for(folder, mute)
    assert mute.poll() is not None


def test_a_step_of_the_clock_does_not_make_a_living_process_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """FAULTS 38."""
    me = processes.me()
    born = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: born(self) + 3600)
    assert processes.alive(me)
    assert not processes.alive(me | {"ticks": me["ticks"] + 1})


@pytest.mark.parametrize("garbage", ["null", "[1]", "{", "3"])
def test_one_damaged_folder_stops_no_command_and_is_named(
    garbage: str, folder: RunDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = bare(tmp_path, "20260604T101346-nano-care-bad2")
    bad.process.write_text(garbage)
    assert run(["--project", str(tmp_path), "runs", "--json"]) == 0
    out, err = capsys.readouterr()
    states = {row["id"]: row["state"] for row in json.loads(out)}
    assert states == {folder.id: "killed", bad.id: "unreadable"}
    assert f"{bad.id} was skipped" in err
    assert reconcile(tmp_path).closed == []


def test_garbage_that_names_a_control_neither_kills_nor_hides_the_next_event(folder: RunDir) -> None:
    """FAULTS 34."""
    job = supervisor.EngineJob(folder, 1)
    assert job.can_hang()
    append_line(folder.events, b'\x00{"event": "control_applied", torn')
    append_line(folder.events, encode(ControlApplied(request="pause", by="x")))
    assert job.heard() == (True, None)
    assert not job.can_hang(), "a paused worker may be silent"


def test_a_torn_line_that_does_not_grow_is_no_sign_of_life(folder: RunDir) -> None:
    job = supervisor.EngineJob(folder, 1)
    folder.events.write_bytes(b'{"event": "torn')
    assert job.heard() == (True, None)
    assert job.heard() == (False, None)
    with folder.events.open("ab") as f:
        f.write(b"...")
    assert job.heard() == (True, None)


@pytest.mark.parametrize(
    ("status", "code", "exit_"),
    [("success", 1, 0), ("success", -9, 0), ("failed", 2, 2), ("stopped", 1, 8), ("nan", 4, 4)],
)
def test_status_and_exit_code_agree(status: str, code: int, exit_: int, folder: RunDir) -> None:
    append_line(folder.events, encode(RunFinished(status=status, reason="r", best=0, seconds=1.0, tokens=1)))
    assert ending(folder, 1, code) == (status, "r", exit_)


def test_the_result_stands_even_when_the_journal_cannot_be_locked(folder: RunDir, tmp_path: Path) -> None:
    lock = tmp_path / "runs" / ".journal.lock"
    lock.mkdir()
    with pytest.raises(BadInput):
        finish(tmp_path, folder, 1, SUCCESS)
    assert (result(folder)["status"], result(folder)["logged"]) == ("success", False)
    lock.rmdir()
    assert reconcile(tmp_path).closed == [folder.id]
    assert (result(folder)["status"], result(folder)["logged"]) == ("success", True)


def test_facts_of_a_machine_with_other_gpus_are_not_reused(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Path] = []
    for devices in ([], [{"name": "NVIDIA X", "memory": 1}]):
        monkeypatch.setattr(engine, "gpus", lambda devices=devices: devices)
        found.append(engine._cache_file(resolve("nano-care")))
    assert found[0] != found[1]


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            command("--project", str(tmp_path), "runs", "--json"),
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(),
            text=True,
            timeout=240,
        )
    assert (done.returncode, done.stderr.strip()) == (1, os.strerror(28))
