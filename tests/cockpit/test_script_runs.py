"""Real scripts under real supervisors: whatever a script does, its run ends once, with its entry (K10, K11, FAULTS 27, 34, 40)."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
from filelock import FileLock

from cockpit.cli.main import run as cockpit
from cockpit.scripts import script as scripts
from engine.contract import events as e
from engine.contract.errors import STATUS_EXIT
from engine.contract.rundir import RunDir
from journal.blocks import parse
from journal.book import Book
from journal.card import extract
from journal.fields import FIELDS
from journal.index import find_entry
from journal.record import load_record

from .conftest import ROOT, SECRET, environment, process, result, wait
from .conftest import command as cli_command

pytestmark = pytest.mark.slow

ANSWERED = ROOT / "examples/scripts/answers.toml"
IN_ARGV = "argv-planted-0815"
IN_URL = "url-planted-1234"
HEAD = """
import json, os, sys, time, signal
where = os.environ["COCKPIT_EVENTS"]
def raw(data):
    with open(where, "ab") as f: f.write(data)
def say(event, **more): raw(json.dumps({"event": event, **more}).encode() + b"\\n")
"""
SOURCES = {
    "good": """
say("model", **{"class": "Net"}, name="a net", parameters=1771648, data="points", count=384, batch=64)
for step in range(1, 51): say("step", step=step, loss=1 / step, lr=0.1, tokens=10, epoch=step / 25)
say("eval", split="val", metrics={"accuracy": 0.8}); say("eval", split="val", metrics={"accuracy": 0.95}, n=128)
assert os.path.isdir(os.environ["COCKPIT_RUN"]) and os.environ["COCKPIT_CONTROL"].endswith("control.jsonl")
print("done")
""",
    "silent": "print(json.dumps([os.environ.get('PYTHONPATH'), os.environ.get('TOKENIZERS_PARALLELISM'), os.getcwd()]))",
    "exit7": "print('boom at the end', file=sys.stderr); sys.exit(7)",
    "oom": "raise RuntimeError('CUDA out of memory. Tried to allocate 2 GiB')",
    "nan": "say('step', step=1, loss=2.0); say('step', step=2, loss=float('nan')); time.sleep(120)",
    "nan-then-exit": "say('step', step=5, loss=float('inf'))",
    "killed": "say('step', step=1, loss=1.0); os.kill(os.getpid(), signal.SIGKILL)",
    "hang": "say('step', step=1, loss=1.0); time.sleep(120)",
    "quiet": "time.sleep(2.5)",
    "limit": "signal.signal(signal.SIGTERM, lambda *a: sys.exit(0)); time.sleep(120)",
    "said": "say('finished', status='starved', reason='only 3 items were left'); sys.exit(1)",
    "garbage": """
raw(b'\\xff\\xfe\\x00\\x01\\n{"event": "step", "step": 1, "lo')
time.sleep(0.3)
raw(b'ss": 1.5}\\n[[[[\\nnull\\n{"event": "odd\\\\ud800\\\\u202e"}\\n')
raw(b'x' * 3_000_000 + b'\\n')
say("note", text="\\x1b[31mred <!-- /run:x sha256:00 --> \\ud800")
say("run_finished", status="success", reason="forged", best=3, seconds=1, tokens=1)
say("control_applied", request="set heal.tau", by="forger")
raw(b'{"event": "step", "step": 2, "loss": 0.5}')
""",
    "secret": """
print(os.environ["MY_API_KEY"], sys.argv); say("note", text=" ".join(sys.argv)); say("report", config=os.environ["MY_API_KEY"])
raise SystemExit("cannot reach https://me:url-planted-1234@example.org/x with " + os.environ["MY_API_KEY"])
""",
    "fifo": "say('step', step=1, loss=1.0); time.sleep(0.5); os.remove(where); os.mkfifo(where)",
}
LIMITS = {"hang": {"hang_limit": 1.0}, "quiet": {"hang_limit": 1.0}, "limit": {"time_limit": 1.0}}
ENDS = {
    "good": "success", "silent": "success", "exit7": "failed", "oom": "oom", "nan": "nan", "nan-then-exit": "nan", "killed": "killed",
    "hang": "timeout", "quiet": "success", "limit": "timeout", "said": "starved", "garbage": "success", "secret": "failed",
    "fifo": "success",
}  # fmt: skip


class Ran(NamedTuple):
    """A project where every script of SOURCES was run, at the same time."""

    project: Path
    runs: dict[str, RunDir]


@pytest.fixture(scope="session")
def ran(common: Path) -> Ran:
    """For reading only."""
    project, notes = common / "scripts", common / "scripts.json"
    with FileLock(str(common / "scripts.lock")):
        if not notes.exists():
            shutil.rmtree(project, ignore_errors=True)
            project.mkdir()
            notes.write_text(json.dumps(_run_all(project)))
    return Ran(project, {name: RunDir(project / "runs" / run) for name, run in json.loads(notes.read_text()).items()})


def _run_all(project: Path) -> dict[str, str]:
    runs = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        patch.setenv("MY_API_KEY", SECRET)
        patch.setenv("PYTHONPATH", "the/researchers/own")
        for name, source in SOURCES.items():
            command = _command(project, name, source)
            if name == "secret":
                command += ["--token", IN_ARGV, f"https://me:{IN_URL}@example.org/x"]
            script, record = scripts.prepare(project, command, ANSWERED, **LIMITS.get(name, {}))
            runs[name] = scripts.start(project, command, script, record)
    for run in runs.values():
        wait(lambda run=run: bool(result(run).get("logged")), 90)  # type: ignore[misc]
    return {name: run.id for name, run in runs.items()}


def _command(project: Path, name: str, source: str) -> list[str]:
    (project / f"{name}.py").write_text(HEAD + source)
    return [sys.executable, f"{name}.py"]


def of(run: RunDir, kind: type[e.Event]) -> list[e.Event]:
    return [event for event in e.read_events(run.events) if isinstance(event, kind)]


@pytest.mark.parametrize("name", SOURCES)
def test_k10_whatever_a_script_does_its_entry_is_closed_once_with_its_status(ran: Ran, name: str) -> None:
    run, status = ran.runs[name], ENDS[name]
    assert (result(run)["status"], result(run)["exit"]) == (status, int(STATUS_EXIT[status])), result(run)
    mine = [b for b in parse(Book(ran.project).read()) if b.key == run.id]
    assert [b.intact for b in mine] == [True]
    assert result(run)["by"] == "supervisor"


@pytest.mark.parametrize("name", SOURCES)
def test_k11_all_sixteen_fields_are_there_for_every_ending(ran: Ran, name: str) -> None:
    fields = result(ran.runs[name])["fields"]
    assert tuple(fields) == FIELDS
    assert all(fields.values())
    assert fields["Status"] == ENDS[name]


@pytest.mark.parametrize("name", SOURCES)
def test_readers_see_only_our_schema_in_order(ran: Ran, name: str) -> None:
    lines = ran.runs[name].events.read_bytes().splitlines()
    events = [e.decode(line) for line in lines]
    assert isinstance(events[0], e.ScriptStarted)
    assert [x.elapsed for x in events] == sorted(x.elapsed for x in events)
    assert events[0].preflight_hash == load_record(ran.runs[name]).preflight["seal"]


def test_k11_the_entry_says_what_the_script_reported_and_nothing_else(ran: Ran) -> None:
    fields = result(ran.runs["good"])["fields"]
    assert fields["Params EXACT"] == "1771648"
    assert fields["Architecture"] == "Net"
    assert fields["Data + count"] == "points, 384"
    assert fields["Steps/Epochs"] == "50 steps (50 reported), 2 epochs"
    assert fields["Dimensions"] == "not reported"
    silent = result(ran.runs["silent"])["fields"]
    assert silent["Params EXACT"] == silent["Model name"] == "not reported"
    text = find_entry(ran.project, ran.runs["good"].id).text
    assert "| model | 0.95 |" in text
    assert "loss 1 " in text
    assert "prediction met" in text


def test_the_card_of_a_script_holds_its_numbers(ran: Ran) -> None:
    block = next(b for b in parse(Book(ran.project).read()) if b.key == ran.runs["good"].id)
    card = extract(block.body.decode())
    assert (card["model.accuracy"], card["verdict"], card["kind"]) == (0.95, "met", "script")
    assert card["family_hash"] == result(ran.runs["good"])["family_hash"]


def test_runs_of_scripts_are_listed_from_their_results(ran: Ran, capsys: pytest.CaptureFixture[str]) -> None:
    assert cockpit(["--project", str(ran.project), "runs", "--json"]) == 0
    rows = {row["id"]: row for row in json.loads(capsys.readouterr().out)}
    assert {name: rows[run.id]["status"] for name, run in ran.runs.items()} == ENDS
    assert {name: rows[run.id]["preset"] for name, run in ran.runs.items()} == {name: name for name in ENDS}
    for name in ("good", "nan"):
        assert cockpit(["--project", str(ran.project), "show", ran.runs[name].id, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["status"] == ENDS[name]
    assert cockpit(["--project", str(ran.project), "show", ran.runs["good"].id]) == 0
    assert "accuracy" in capsys.readouterr().out


def test_a_prediction_without_its_metric_stays_pending(ran: Ran) -> None:
    assert result(ran.runs["silent"])["verdict"] == "pending"


def test_an_exit_code_of_its_own_is_a_failure_with_the_last_word(ran: Ran) -> None:
    assert result(ran.runs["exit7"])["reason"] == "exit code 7: boom at the end"


@pytest.mark.parametrize("name", ["nan", "nan-then-exit"])
def test_fault_34_a_loss_that_is_not_finite_ends_the_run_as_nan(ran: Ran, name: str) -> None:
    assert len(of(ran.runs[name], e.GuardTripped)) == 1
    assert result(ran.runs[name])["seconds"] < 60
    assert b"NaN" not in ran.runs[name].events.read_bytes()


def test_fault_40_silence_is_a_hang_only_after_a_first_line(ran: Ran) -> None:
    assert "hung" in result(ran.runs["hang"])["reason"]
    assert result(ran.runs["quiet"])["seconds"] > 2


def test_a_script_ended_at_its_time_limit_is_no_success_though_it_exits_with_0(ran: Ran) -> None:
    assert "time limit" in result(ran.runs["limit"])["reason"]


def test_torn_lines_are_joined_and_garbage_is_counted(ran: Ran) -> None:
    run = ran.runs["garbage"]
    steps = [x for x in of(run, e.ScriptStep) if isinstance(x, e.ScriptStep)]
    assert [(x.step, x.loss) for x in steps] == [(1, 1.5), (2, 0.5)]
    last = of(run, e.Note)[-1]
    assert isinstance(last, e.Note)
    assert "2 damaged" in last.text
    assert "longer than" in last.text
    assert not of(run, e.RunFinished)
    assert not load_record(run).touched
    assert b"\x1b" not in Book(ran.project).read()


def test_fault_27_secrets_of_arguments_and_environment_reach_no_file(ran: Ran) -> None:
    assert "***" in ran.runs["secret"].worker_log.read_text()
    for path in [*ran.project.rglob("*")]:
        if path.is_file() and path.suffix != ".py":
            held = path.read_bytes()
            for secret in (SECRET, IN_ARGV, IN_URL):
                assert secret.encode() not in held, path


def test_the_researchers_environment_reaches_the_script_as_it_is(ran: Ran) -> None:
    said = json.loads(ran.runs["silent"].worker_log.read_text())
    assert said == ["the/researchers/own", None, str(ran.project)], (
        "PYTHONPATH, a setting of our engine's, working folder"
    )


def test_a_script_outside_any_repository_is_dirty_and_says_so(ran: Ran) -> None:
    told = json.loads(ran.runs["good"].provenance.read_text())
    assert (told["commit"], told["dirty"]) == ("unknown", True)
    assert "dirty" in result(ran.runs["good"])["fields"]["Notes"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_scripts_own_repository_is_recorded_and_our_files_do_not_dirty_it(here: Path) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(here)]
    command = _command(here, "good", SOURCES["good"])
    for words in (["init", "-q"], ["add", "good.py"], ["commit", "-qm", "one"]):
        subprocess.run([*git, *words], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    arguments = ["run", "--preflight", str(ANSWERED), "--", *command]
    assert cockpit(arguments) == 0
    assert cockpit(["run", "--preflight", str(ANSWERED), "--time-limit", "90s", "--", *command]) == 0
    told = [json.loads(p.read_text()) for p in sorted(here.glob("runs/*/provenance.json"))]
    assert [(t["commit"], t["dirty"], t["script"]) for t in told] == [(head, False, "good.py")] * 2
    (here / "good.py").write_text("print('changed')")
    assert cockpit(arguments) == 3, "the same hypothesis with a changed script"


def test_abort_ends_a_script_and_both_processes_killed_leave_a_closed_entry(here: Path) -> None:
    command = _command(here, "hang", SOURCES["hang"])
    assert cockpit(["run", "--detach", "--preflight", str(ANSWERED), "--", *command]) == 0
    assert cockpit(["control", "last", "abort"]) == 0
    assert cockpit(["attach", "last"]) == 8
    script, record = scripts.prepare(here, command, ANSWERED)
    run = scripts.start(here, command, script, record)
    wait(lambda: bool(process(run).get("worker")) and bool(of(run, e.ScriptStep)))
    roles = [process(run)[role]["pid"] for role in ("supervisor", "worker")]
    assert os.getsid(roles[0]) == roles[0]
    for pid in roles:
        os.kill(pid, signal.SIGKILL)
    wait(lambda: not any(psutil.pid_exists(p) and psutil.Process(p).status() != "zombie" for p in roles))
    assert cockpit(["runs"]) == 0
    assert result(run)["status"] == "killed"
    assert len([b for b in parse(Book(here).read()) if b.key == run.id and b.intact]) == 1


def test_k9_a_script_that_changed_between_seal_and_start_is_not_started(here: Path) -> None:
    command = _command(here, "good", SOURCES["good"])
    script, record = scripts.prepare(here, command, ANSWERED)
    (here / "good.py").write_text("print('another')")
    run = scripts.start(here, command, script, record)
    wait(lambda: bool(result(run).get("logged")))
    assert (result(run)["status"], result(run)["exit"]) == ("refused", 3)
    assert not run.worker_log.exists()


def test_ctrl_c_detaches_and_the_script_goes_on(here: Path) -> None:
    command = _command(here, "slow", "say('step', loss=1.0)\nfor _ in range(60): time.sleep(1); say('step', loss=1.0)")
    staying = subprocess.Popen(
        cli_command("run", "--preflight", str(ANSWERED), "--", *command),
        cwd=here, env=environment(), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True,
    )  # fmt: skip
    wait(lambda: any("worker" in p.read_text() for p in here.glob("runs/2*/process.json")))
    staying.send_signal(signal.SIGINT)
    _, said = staying.communicate(timeout=20)
    assert staying.returncode == 0, said
    assert "cockpit attach" in said
    run = RunDir(next(here.glob("runs/2*")))
    assert psutil.pid_exists(process(run)["worker"]["pid"])
    assert cockpit(["control", "last", "abort"]) == 0
    assert cockpit(["attach", "last"]) == 8
