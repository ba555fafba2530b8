"""A run of another machine, watched: the same bytes, over lines that drop, with its own word on whether it lives and what it is asked."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cockpit.cli.main import run as command_line
from cockpit.live.feed import Feed, Update
from cockpit.remote.frames import GREETING, VERSION, Frame, Grown, Reader, Whole
from cockpit.remote.line import Line
from cockpit.remote.mirror import Mirror, Origin
from cockpit.remote.place import Place, parse
from cockpit.remote.watch import Watch
from cockpit.runs import evidence
from cockpit.runs.reconcile import reconcile
from cockpit.runs.requests import ask
from cockpit.widgets.scene import Scene
from engine.contract import events as e
from engine.contract.control import Mailbox
from engine.contract.errors import BadInput
from engine.contract.files import append_line
from engine.contract.rundir import RunDir
from tests.cockpit.box import Box
from tests.cockpit.conftest import command, environment, wait


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Box]:
    """Another machine with a finished run, and nothing mirrored yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = Box(tmp_path)
    monkeypatch.setenv("PATH", f"{made.bin}{os.pathsep}{os.environ['PATH']}")
    yield made
    made.cut()


def place(text: str = "box:care/last") -> Place:
    found = parse(text)
    assert found is not None
    return found


def watch(text: str = "box:care/last") -> Watch:
    said: list[str] = []
    return Watch(place(text), said.append)


def seen(run: RunDir) -> Update:
    """What a screen would show of a mirror now."""
    return Feed(run.path.parent.parent, run, lambda update: None).read_all()


def state(run: RunDir) -> str:
    return Scene(seen(run), datetime.now(UTC)).state[2]


def same(box: Box, run: RunDir) -> Callable[[], bool]:
    """Whether every file of the run that a screen reads is mirrored to the byte."""
    names = ("events.jsonl", "completions.jsonl", "config.json", "preflight.json", "process.json", "result.json")

    def equal() -> bool:
        pairs = [(box.run.path / name, run.path / name) for name in names]
        return all(a.exists() == b.exists() and (not a.exists() or a.read_bytes() == b.read_bytes()) for a, b in pairs)

    return equal


def test_attach_reads_a_finished_run_of_another_machine_as_on_its_own(
    box: Box, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert command_line(["attach", "last", "--project", str(box.project)]) == 0
    theirs = capfdbinary.readouterr().out
    assert theirs.count(b"\n") > 50
    assert command_line(["attach", "box:care/last"]) == 0
    assert capfdbinary.readouterr().out == theirs
    assert command_line(["tail", f"box:care/{box.run.id}", "--from", "1000"]) == 0
    assert capfdbinary.readouterr().out == box.run.events.read_bytes()[1000:]


def test_only_new_bytes_cross_the_line(box: Box) -> None:
    box.live()
    mirror = Mirror(place()._replace(run=box.run.id))
    for name in ("events.jsonl", "completions.jsonl", "config.json"):
        shutil.copy(box.run.path / name, mirror.folder.path / name)
    box.more(3)
    with subprocess.Popen(
        command("relay", "last"), cwd=box.project, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as relay:
        assert relay.stdin is not None
        assert relay.stdout is not None
        relay.stdin.write(json.dumps(mirror.held()).encode() + b"\n")
        relay.stdin.flush()
        reader = Reader()
        sent: list[tuple[Frame, bytes]] = []
        while not (events := [payload for frame, payload in sent if isinstance(frame, Grown)]):
            sent += reader.feed(os.read(relay.stdout.fileno(), 1 << 16))
        relay.stdin.close()  # as a line that is gone does
        assert relay.wait(20) == 0
    before = len(mirror.folder.events.read_bytes())
    assert events == [box.run.events.read_bytes()[before:]]
    assert "config.json" not in [frame.file for frame, _ in sent if isinstance(frame, Whole)]


def test_a_live_run_is_followed_over_a_line_that_drops_and_its_rewritten_files_too(box: Box) -> None:
    box.live()
    with watch() as watching:
        run = watching.run
        wait(same(box, run))
        assert state(run) == "running on box"
        box.down()
        wait(lambda: state(run) == "box out of reach")
        wait(lambda: seen(run).facts.problem == "box is out of reach: Connection refused")
        box.more(5)
        lines = box.run.completions.read_bytes().splitlines(keepends=True)
        box.run.completions.write_bytes(b"".join(lines[:40]) + b'{"id": "another"}\n' + b"".join(lines[60:]))
        box.up()
        wait(same(box, run))
        assert state(run) == "running on box"
        size = box.run.completions.stat().st_size
        os.truncate(box.run.completions, size // 2)
        wait(same(box, run))
        assert len(box.lines()) == 2
    wait(lambda: box.busy() == 0)


def test_K10_a_run_that_dies_is_closed_on_its_own_machine_and_never_in_the_mirror(box: Box) -> None:
    box.live()
    process = json.loads(box.run.process.read_text())
    with subprocess.Popen(["sleep", "60"]) as worker:
        from cockpit.runs.processes import stamp

        alone = {k: v for k, v in process.items() if k != "supervisor"} | {"worker": stamp(worker.pid)}
        box.run.process.write_text(json.dumps(alone))
        with watch() as watching:
            wait(lambda: state(watching.run) == "running on box")
            worker.kill()
            worker.wait()
            wait(lambda: evidence.finished(watching.run))
            assert seen(watching.run).status == "killed"
            assert (box.project / "RESEARCH_JOURNAL.md").exists()
            assert watching.run.result.read_bytes() == box.run.result.read_bytes()
    boot = {"host": process["host"], "boot_id": "of another boot", "attempt": 1}
    watching.run.process.write_text(json.dumps(boot))
    watching.run.result.unlink()
    assert reconcile(watching.project) == ([], {}, [])
    assert not watching.run.result.exists()
    assert not (watching.project / "RESEARCH_JOURNAL.md").exists()


def test_the_end_of_an_earlier_attempt_does_not_end_the_watching_of_the_next(box: Box) -> None:
    with watch() as first:
        wait(same(box, first.run))
    box.live(300)
    with watch() as again:
        assert not evidence.finished(again.run)
        wait(same(box, again.run))


def test_what_a_run_is_asked_is_asked_on_its_own_machine_word_for_word(box: Box) -> None:
    box.live()
    with watch() as watching:
        note = "-k3f9 'seen' \"here\" $(touch made); `id` \\ *"
        ask(watching.run, "note", text=note)
        heard = Mailbox(box.run.control).read()
        assert [(r.request, r.text) for r in heard] == [("note", note)]
        assert not watching.run.control.exists()
        with pytest.raises(BadInput, match="out of bounds"):
            ask(watching.run, "set", setting="heal.tau=1000")
        box.down()
        with pytest.raises(BadInput, match="box is out of reach: Connection refused"):
            ask(watching.run, "pause")


def test_a_second_viewer_reads_along_and_takes_over_when_the_first_leaves(box: Box) -> None:
    box.live()
    first = watch().__enter__()
    with watch() as second:
        wait(lambda: len(box.lines()) == 2 and box.busy() == 1)
        box.more(2)
        wait(same(box, second.run))
        first.__exit__(None, None, None)
        box.more(2, 202)
        wait(same(box, second.run))
        assert second.trouble() == ""


def test_nothing_is_left_running_there_when_a_viewer_is_killed(box: Box) -> None:
    box.live()
    viewer = subprocess.Popen(
        command("tail", "box:care/last"), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert viewer.stdout is not None
    assert viewer.stdout.readline() == box.run.events.read_bytes().splitlines(keepends=True)[0]
    assert box.busy() == 1
    viewer.send_signal(signal.SIGKILL)
    viewer.communicate()
    wait(lambda: box.busy() == 0)


def test_a_clock_that_is_ahead_there_does_not_make_a_run_look_quiet(box: Box) -> None:
    ahead = datetime.now(UTC) + timedelta(hours=1)
    hello = {"type": "hello", "relay": VERSION, "version": "1.0", "run": box.run.id, "now": ahead.isoformat()}
    (box.project / ".venv/bin/cockpit").write_text(
        f"#!/bin/sh\necho '{GREETING.decode()}{json.dumps(hello)}'\nread x\n"
    )
    line = Line(place())
    assert line.hello() == box.run.id
    line.close()
    assert line.skew == pytest.approx(3600, abs=60)
    mirror = Mirror(place()._replace(run=box.run.id))
    event = e.Note(stage="heal", round=1, elapsed=1.0, text="now, there", at=ahead.isoformat())
    append_line(mirror.folder.events, e.encode(event))
    mirror.tell(Origin(*mirror.place, reached=True, alive=True, skew=line.skew))
    assert Scene(seen(mirror.folder), ahead - timedelta(hours=1) + timedelta(seconds=41)).quiet == pytest.approx(
        41, abs=60
    )


@pytest.mark.parametrize(
    ("text", "why", "told"),
    [
        ("box:care/zzzz", "", "box: no run named 'zzzz'"),
        ("box:love/last", "", "box: there is no folder ./love"),
        ("box:last", "", "box has no 'cockpit' that can be run: name its program there with --remote-cockpit"),
        (
            "box:care/last",
            "me@box: Permission denied (publickey).",
            "`ssh box` has to work without asking for anything",
        ),
        ("box:care/last", "Host key verification failed.", "`ssh box` has to work without asking for anything"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(
    box: Box, text: str, why: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if why:
        box.down(why)
    if text == "box:last":
        monkeypatch.setenv("PATH", f"{box.bin}:/usr/bin:/bin")
    with pytest.raises(BadInput) as failed:
        watch(text)
    assert told in str(failed.value)
    assert "\n" not in str(failed.value)


def test_a_machine_without_ssh_says_so(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(box.project))
    with pytest.raises(BadInput, match="no ssh on this machine"):
        watch()


def test_an_older_cockpit_and_one_that_speaks_otherwise_are_named(box: Box) -> None:
    program = box.project / ".venv/bin/cockpit"
    program.write_text("#!/bin/sh\necho \"No such command 'relay'. (cockpit --help)\" >&2\nexit 2\n")
    with pytest.raises(BadInput, match="the cockpit on box is older than this one"):
        watch()
    program.write_text(
        '#!/bin/sh\necho \'cockpit-relay {"type":"hello","relay":99,"version":"9.0","run":"x","now":""}\'\n'
    )
    with pytest.raises(BadInput, match=r"the cockpit on box \(9.0\) is not this one"):
        watch()


def test_a_run_that_vanishes_there_ends_the_watching_with_the_reason(box: Box) -> None:
    box.live()
    with watch() as watching:
        wait(same(box, watching.run))
        shutil.rmtree(box.run.path)
        wait(lambda: watching.trouble() != "")
        with pytest.raises(BadInput, match=f"box: {box.run.path} is gone"):
            watching.check()
        assert seen(watching.run).view.events > 100


@pytest.mark.parametrize("arguments", [("--remote-cockpit", "x", "last"), ("--project", ".", "box:last")])
def test_options_that_do_not_go_together_are_refused(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line(["attach", *arguments]) == 2
    said = capsys.readouterr().err
    assert "box:DIR/RUN" in said or "HOST:RUN" in said
