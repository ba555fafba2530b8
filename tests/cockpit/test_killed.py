"""Killed at any moment between the run folder and the mark: one closed entry after the next command (requirement K10)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cockpit.runs import processes
from cockpit.runs.reconcile import reconcile
from engine.contract.files import write_json
from engine.contract.rundir import RunDir
from journal.blocks import parse
from journal.book import Book

from .conftest import ROOT, environment, result

ID = "20260604T101347-nano-care-k3f9"
FINISH = """
import os, signal, sys
from pathlib import Path
from cockpit.runs import ending
from engine.contract.rundir import RunDir
project, moment = Path(sys.argv[1]), sys.argv[2]
def die(*a, **k): os.kill(os.getpid(), signal.SIGKILL)
write, close, count = ending.write_json, ending.close_entry, []
def write_json(path, value):
    count.append(1)
    if moment == "before the result": die()
    if moment == "before the mark" and len(count) == 2: die()
    write(path, value)
ending.write_json = write_json
if moment == "before the entry": ending.close_entry = die
ending.finish(project, RunDir(project / "runs" / sys.argv[3]), 1, ending.Ending("success", "all rounds done", 0), 5.0)
"""


def closed_once(project: Path, status: str) -> None:
    assert reconcile(project).closed == [ID]
    assert reconcile(project) == ([], {}, [])
    (block,) = parse(Book(project).read())
    assert (block.key, block.intact) == (ID, True)
    found = result(RunDir(project / "runs" / ID))
    assert (found["status"], found["logged"]) == (status, True)
    assert status.encode() in block.body


@pytest.mark.parametrize(
    ("moment", "status"),
    [("before the result", "killed"), ("before the entry", "success"), ("before the mark", "success")],
)
def test_k10_a_supervisor_killed_while_it_closes_leaves_one_closed_entry(
    moment: str, status: str, tmp_path: Path
) -> None:
    folder = RunDir(tmp_path / "runs" / ID)
    folder.path.mkdir(parents=True)
    write_json(folder.process, {"host": processes.host(), "boot_id": processes.boot_id(), "attempt": 1})
    code = [sys.executable, "-c", FINISH, str(tmp_path), moment, ID]
    assert subprocess.run(code, cwd=ROOT, env=environment(), timeout=240).returncode == -signal.SIGKILL
    closed_once(tmp_path, status)


def test_k10_a_launch_killed_before_process_json_leaves_one_closed_entry(tmp_path: Path) -> None:
    folder = RunDir(tmp_path / "runs" / ID)
    folder.path.mkdir(parents=True)
    folder.config.write_text("{}")
    assert reconcile(tmp_path).closed == [], "a launch may still be at work in a young folder"
    past = time.time() - 60
    os.utime(folder.path, (past, past))
    closed_once(tmp_path, "killed")
