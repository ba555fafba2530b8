"""Whatever becomes of a project's files, every screen opens, stays, and goes back: damaged, gone while it is open, or never there."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from cockpit.actions import screen_class
from cockpit.app import CockpitApp
from cockpit.screens.home import Home
from cockpit.screens.monitor import Monitor
from engine.contract.rundir import RunDir
from tests.screens.conftest import Drive, Stage

OF_A_RUN = {"completions": "c", "log": "l", "config": "g", "diagnosis": "d"}
OF_A_PROJECT = {"preflight": "n", "journal": "j", "queue": "w", "compare": "c", "help": "question_mark"}


async def through(stage: Stage, keys: dict[str, str], below: type) -> None:
    """Open each screen and come back; on each, move about."""
    for name, key in keys.items():
        await stage.press(key)
        await stage.until(lambda name=name: isinstance(stage.app.screen, screen_class(name)), name)  # type: ignore[misc]
        await stage.press("down", "pagedown", "up")
        await stage.pilot.pause(0.1)
        assert "Traceback" not in stage.text()
        assert isinstance(stage.app.screen, screen_class(name)), name
        await stage.press("escape")
        await stage.until(lambda: isinstance(stage.app.screen, below), f"the screen below {name}")


def damage(run: RunDir) -> None:
    """Every file of a run, torn, foreign or of the wrong kind."""
    dice = random.Random(1)
    lines = run.events.read_bytes().splitlines(keepends=True)
    lines[::5] = [dice.randbytes(60) + b"\n" for _ in lines[::5]]
    run.events.write_bytes(b"".join(lines)[:-7])
    run.completions.write_bytes(b'{"id":1}\n[1,2]\n\xff\xfe\n' + run.completions.read_bytes()[:5000])
    run.preflight.write_text('{"answers": 3, "evidence": []}')
    run.config.write_text("[]")
    run.result.write_text('{"status": 5}')
    run.provenance.write_text("nul")


@pytest.mark.parametrize("how", ["damaged", "gone"])
def test_33_34_every_screen_of_a_run_stands_on_damaged_files_and_on_none(
    finished: RunDir, drive: Drive, how: str
) -> None:
    if how == "damaged":
        damage(finished)

    async def script(stage: Stage) -> None:
        await stage.until(lambda: getattr(stage.app.screen, "scene", None), "the monitor")
        if how == "gone":
            shutil.rmtree(finished.path)
            await stage.shows("its folder is gone")
        await through(stage, OF_A_RUN, Monitor)
        await stage.press("m", "b", "p", "k")
        assert isinstance(stage.app.screen, Monitor)

    drive(CockpitApp(finished.path.parent.parent, run=finished.id), script)


def test_33_34_every_screen_of_a_project_stands_on_damaged_files_and_on_none(
    project: Path, finished: RunDir, drive: Drive
) -> None:
    damage(finished)
    (project / "RESEARCH_JOURNAL.md").write_bytes(random.Random(2).randbytes(3000) + b"\n## 2026-11-21 (a)\n<!-- entry")

    async def script(stage: Stage) -> None:
        await stage.shows("-gqqg")
        await through(stage, OF_A_PROJECT, Home)
        shutil.rmtree(project / "runs")
        os.unlink(project / "RESEARCH_JOURNAL.md")
        await stage.shows("fast-dev-run")
        await through(stage, {k: v for k, v in OF_A_PROJECT.items() if k != "compare"}, Home)

    drive(CockpitApp(project), script)
