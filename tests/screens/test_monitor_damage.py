"""The monitor stays calm: damaged, empty, vanished and foreign runs, a small terminal, and a terminal that knows only ASCII."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from cockpit.app import CockpitApp
from cockpit.runs import processes
from cockpit.screens.monitor import EventsArrived, Monitor
from cockpit.screens.too_small import TooSmall
from engine.contract import events as e
from engine.contract.files import append_line, write_json
from engine.contract.rundir import RunDir, runs_folder
from tests.makings import RECORDED
from tests.screens.conftest import Drive, Stage
from tests.screens.monitors import LINES, SIZES, One, read

# what may go wrong


def damage_nothing(run: RunDir) -> None:
    shutil.rmtree(run.path)
    run.path.mkdir()


def damage_gone(run: RunDir) -> None:
    shutil.rmtree(run.path)


def damage_all(run: RunDir) -> None:
    for path in (run.config, run.preflight, run.events, run.completions, run.result):
        path.write_bytes(b'\xff\xfe{"event":\n[]\n{}\nnull\n')


def damage_shapes(run: RunDir) -> None:
    for path in (run.config, run.preflight, run.result):
        path.write_bytes(b'{"config": 3, "answers": [], "evidence": "x", "status": 7, "process": []}')
    run.process.write_bytes(b"[]")


@pytest.mark.parametrize(
    ("damage", "size"),
    [
        (damage_nothing, (80, 24)),
        (damage_gone, (120, 40)),
        (damage_all, (80, 24)),
        (damage_shapes, (200, 60)),
    ],
)
def test_33_34_a_damaged_or_empty_run_is_told_calmly(
    finished: RunDir, drive: Drive, size: tuple[int, int], damage: Any
) -> None:
    damage(finished)

    async def script(stage: Stage) -> None:
        await stage.heard(EventsArrived)
        await stage.until(lambda: isinstance(stage.app.screen, Monitor) and stage.app.screen.scene, "a scene")
        await stage.pilot.pause(0.2)
        assert "! " in stage.text() or "✗ " in stage.text()
        for key in ("m", "slash", "p", "left", "c", "escape", "l", "escape", "g", "escape"):
            await stage.press(key)

    drive(CockpitApp(finished.path.parent.parent, run=finished.id), script, size=size)


def disorder(run: RunDir) -> None:
    """Whole events in an order that nobody writes: steps, rounds and clocks that run back, a resume from nowhere."""
    lines = run.events.read_bytes().splitlines(keepends=True)
    resumed = e.RunResumed(from_attempt=1, from_round=2, from_stage="heal", from_step=30, holds=120, attempt=2)
    lost = e.RunResumed(from_attempt=7, from_round=9, from_stage="bake", from_step=0, holds=9999, attempt=8)
    run.events.write_bytes(
        b"".join([*reversed(lines), e.encode(resumed), *lines[::3], e.encode(lost), *lines[100:200]])
    )
    run.result.unlink()


@pytest.mark.parametrize("size", [(80, 24), (200, 60)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_34_events_in_an_order_that_nobody_writes_are_drawn_calmly(
    finished: RunDir, drive: Drive, size: tuple[int, int]
) -> None:
    disorder(finished)

    async def script(stage: Stage) -> None:
        await read(stage)
        for key in ("m", "b", "m", "m", "left", "x", "y", "slash", "plus"):
            await stage.press(key)
        assert "KL to the previous student" in stage.text()

    drive(One(finished), script, size=size)


def test_37_a_terminal_that_shrinks_and_grows_shows_the_run_again(finished: RunDir, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        await read(stage)
        before = stage.text().splitlines()[2:30]
        await stage.pilot.resize_terminal(40, 12)
        await stage.until(lambda: isinstance(stage.app.screen, TooSmall), "the calm message")
        await stage.pilot.resize_terminal(120, 40)
        await stage.until(lambda: isinstance(stage.app.screen, Monitor), "the monitor")
        await stage.until(lambda: stage.text().splitlines()[2:30] == before, "the same picture")

    drive(CockpitApp(finished.path.parent.parent, run=finished.id), script)


@pytest.mark.parametrize("size", SIZES[1:2], ids=lambda s: f"{s[0]}x{s[1]}")
def test_in_ascii_mode_nothing_but_ascii_is_drawn(
    finished: RunDir, drive: Drive, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COCKPIT_ASCII", "1")

    async def script(stage: Stage) -> None:
        await read(stage)
        for key in ("m", "c"):
            for pane in stage.app.screen.walk_children():
                for y in range(pane.size.height):
                    for segment in pane.render_lines(pane.size.region)[y] if pane.size.area else ():
                        assert segment.text.isascii(), segment.text
            await stage.press(key)
            await stage.pilot.pause(0.2)

    drive(CockpitApp(finished.path.parent.parent, run=finished.id), script, size=size)


def test_a_run_that_ends_while_it_is_watched_turns_into_a_finished_one(live: RunDir, drive: Drive) -> None:
    done = len(live.events.read_bytes().splitlines())

    async def script(stage: Stage) -> None:
        await read(stage)
        assert "pause" in stage.text().splitlines()[-1]
        with live.events.open("ab") as f:
            f.write(b"".join(LINES[done:]))
        shutil.copy(RECORDED / "result.json", live.result)
        await stage.shows("✓ success")
        await stage.shows("✓ met")
        await stage.until(lambda: "pause" not in stage.text().splitlines()[-1], "the controls to go")

    drive(One(live), script)


def test_a_foreign_scripts_run_shows_its_loss(project: Path, drive: Drive) -> None:
    folder = RunDir(runs_folder(project) / "20260604T101347-train-k3f9")
    folder.path.mkdir(parents=True)
    hashes = dict.fromkeys(("script_sha256", "argv_hash", "code_hash", "preflight_hash"), "0" * 64)
    append_line(folder.events, e.encode(e.ScriptStarted(run=folder.id, script="train.py", **hashes)))
    for number in range(1, 40):
        append_line(
            folder.events, e.encode(e.ScriptStep(step=number, elapsed=float(number), loss=4.0 / number, tokens=100))
        )
    write_json(folder.process, {"host": processes.host(), "boot_id": processes.boot_id(), "worker": processes.me()})

    async def script(stage: Stage) -> None:
        await stage.heard(EventsArrived)
        await stage.shows("SCRIPT  step 39")
        assert "Loss" in stage.text()
        for key in ("m", "m", "m", "b", "left", "slash"):
            await stage.press(key)

    drive(One(folder), script, size=(80, 24))
