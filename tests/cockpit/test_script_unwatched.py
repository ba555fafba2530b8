"""What a script leaves behind: lines that nobody took, secrets in its logs, and processes of its own (K10, FAULTS 17, 27)."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from cockpit.cli.main import run as cockpit
from cockpit.runs import processes
from cockpit.runs.reconcile import reconcile
from cockpit.scripts import script as scripts
from cockpit.scripts.unwatched import WITHHELD, take_rest
from engine.contract import events as e
from engine.contract.rundir import RunDir
from journal.blocks import parse
from journal.book import Book

from .conftest import SECRET, process, result, wait
from .test_script_runs import ANSWERED, IN_ARGV, _command, of

pytestmark = pytest.mark.slow

GO = "while not os.path.exists('go'): time.sleep(0.05)\n"
BEFORE = "say('step', step=1, loss=2.0); say('note', text=os.environ['MY_API_KEY'])\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MY_API_KEY", SECRET)
    return tmp_path


def orphaned(here: Path, after: str, *arguments: str) -> RunDir:
    """A script that goes on without its supervisor, does `after`, and is gone."""
    command = [*_command(here, "train", BEFORE + GO + after), *arguments]
    run = scripts.start(here, command, *scripts.prepare(here, command, ANSWERED))
    wait(lambda: len(of(run, e.Note)) == 1)
    os.kill(process(run)["supervisor"]["pid"], signal.SIGKILL)
    wait(lambda: not processes.alive(process(run)["supervisor"]))
    assert reconcile(here).closed == [], "a living script is not taken for dead"
    (here / "go").touch()
    wait(lambda: not processes.alive(process(run)["worker"]))
    return run


AFTER = """
say('step', step=2, loss=1.0); say('eval', split='val', metrics={'accuracy': 0.95}); say('note', text=os.environ['MY_API_KEY'])
print(os.environ['MY_API_KEY'])
raw(b'{"event": "step", "step": 3, "loss": 0.5}')
"""


def test_k10_what_a_script_wrote_after_its_supervisor_was_killed_is_in_its_entry_once(here: Path) -> None:
    run = orphaned(here, AFTER)
    assert reconcile(here).closed == [run.id]
    assert [x.step for x in of(run, e.ScriptStep) if isinstance(x, e.ScriptStep)] == [1, 2, 3]
    assert len(of(run, e.Evaluated)) == 1
    assert len(of(run, e.Note)) == 3, "one of each side of the kill, and what was taken"
    lines = [e.decode(line) for line in run.events.read_bytes().splitlines()]
    assert [x.elapsed for x in lines] == sorted(x.elapsed for x in lines)
    before = run.events.read_bytes()
    assert take_rest(run, 1) is None
    assert run.events.read_bytes() == before, "taken again, nothing is new"
    assert (result(run)["status"], result(run)["verdict"]) == ("killed", "met")
    assert len([b for b in parse(Book(here).read()) if b.key == run.id and b.intact]) == 1


def test_fault_27_the_logs_of_an_unwatched_script_are_struck(here: Path) -> None:
    run = orphaned(here, AFTER)
    assert SECRET in run.worker_log.read_text()
    reconcile(here)
    for path in here.rglob("*"):
        if path.is_file() and path.suffix != ".py":
            assert SECRET.encode() not in path.read_bytes(), path


def test_fault_27_secrets_of_a_command_line_that_went_with_the_supervisor_are_in_no_file(here: Path) -> None:
    told = "words = ' '.join(sys.argv); print(words); say('note', text=words); say('report', config=words, batch=64)\n"
    told += "say('finished', status='failed', reason=words)\n"
    run = orphaned(here, told + AFTER, "--token", IN_ARGV)
    assert IN_ARGV in run.worker_log.read_text()
    assert reconcile(here).closed == [run.id]
    for path in here.rglob("*"):
        if path.is_file():
            assert IN_ARGV.encode() not in path.read_bytes(), path
    assert [x.step for x in of(run, e.ScriptStep) if isinstance(x, e.ScriptStep)] == [1, 2, 3], "numbers are kept"
    (report,) = of(run, e.ScriptReported)
    assert isinstance(report, e.ScriptReported)
    assert report.facts == {"config": "***", "batch": 64}
    assert result(run)["status"] == "failed"
    assert WITHHELD in run.worker_log.read_text()
    before = run.events.read_bytes()
    take_rest(run, 1)
    assert run.events.read_bytes() == before, "taken again, nothing is new"


def test_an_unwatched_script_is_taken_at_its_word(here: Path) -> None:
    run = orphaned(here, "say('finished', status='starved', reason='only 3 items were left')")
    reconcile(here)
    assert (result(run)["status"], result(run)["exit"]) == ("starved", 7)


def test_processes_that_a_script_left_running_are_ended_and_named(here: Path) -> None:
    source = """
import subprocess
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
open("pid", "w").write(str(child.pid))
"""
    command = _command(here, "forks", source)
    assert cockpit(["run", "--preflight", str(ANSWERED), "--", *command]) == 0
    pid = int((here / "pid").read_text())
    wait(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, 10)
    run = RunDir(next((here / "runs").glob("2*")))
    (note,) = of(run, e.Note)
    assert isinstance(note, e.Note)
    assert str(pid) in note.text


def test_a_run_that_a_script_starts_is_a_run_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in processes.HANDED:
        monkeypatch.setenv(name, "/elsewhere")
    assert not {*processes.HANDED} & set(processes.own_environment())


def test_a_script_that_does_not_exist_is_refused_before_a_run_is_made(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cockpit(["run", "--preflight", str(ANSWERED), "--", "python3", "trian.py", "--seed", "1"]) == 2
    assert "trian.py does not exist" in capsys.readouterr().err
    assert not (here / "runs").exists()


def test_k9_an_answer_of_a_script_is_amended_as_one_of_a_launch(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = _command(here, "train", "say('step', step=1, loss=2.0)")
    assert cockpit(["run", "--preflight", str(ANSWERED), "--", *command]) == 0
    why = ["--reason", "An older notebook was found."]
    assert cockpit(["preflight", "amend", "last", "--set", "prior.learnt=One run with plain descent.", *why]) == 0
    assert cockpit(["preflight", "amend", "last", "--set", "tokenization.type=words", *why]) == 3
    assert "tokenization.type = 'words'" in capsys.readouterr().err
    assert "One run with plain descent" in Book(here).read().decode()
