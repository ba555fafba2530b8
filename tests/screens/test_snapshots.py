"""Every screen, drawn from recorded runs, looks as it looked when somebody last held it beside the mockups."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from cockpit.app import CockpitApp
from cockpit.runs.ticket import Ticket
from engine.contract.hashes import code_hash
from engine.contract.rundir import RunDir, runs_folder
from tests.makings import RECORDED
from tests.screens.conftest import Drive, Stage
from tests.snapshot import MOMENT, difference, rendering, store

PROJECT = Path(__file__).parents[2] / "examples/project"
RUN, OTHER = "20261121T101309-nano-care-ip64", "20261121T101458-nano-care-be4x"
MACHINE = ("MachineLine", "MachinePane", "EstimateLine")
"""What depends on the machine that looks."""


class Shown(NamedTuple):
    """A screen: how to get there from home, and the words without which it is not drawn yet."""

    name: str
    keys: str
    awaited: tuple[str, ...]
    size: tuple[int, int] = (120, 40)
    run: str = ""
    theme: str = ""
    plain_signs: bool = False

    @property
    def file(self) -> str:
        extra = [self.theme.removeprefix("cockpit-")] if self.theme else []
        extra += ["ascii"] if self.plain_signs else []
        return "-".join([self.name, f"{self.size[0]}x{self.size[1]}", *extra])


HOME = ("14 in this project", "-y6xg", "to review")
MONITOR = ("✓ success", "Completions", "kept")
SCREENS = [
    *(Shown("home", "", HOME, size) for size in ((80, 24), (120, 40), (200, 60))),
    *(Shown("monitor", "", MONITOR, size, RECORDED.name) for size in ((80, 24), (120, 40), (200, 60))),
    Shown("monitor", "", MONITOR, run=RECORDED.name, theme="cockpit-light"),
    Shown("monitor", "", ("+ success", "Completions", "kept"), run=RECORDED.name, plain_signs=True),
    Shown("completions", "c", ("of 250", "ppl"), run=RECORDED.name),
    Shown("log", "l", ("143 lines", "best round 4 in"), run=RECORDED.name),
    Shown("config", "g", ("10 knobs differ",), run=RECORDED.name),
    Shown("journal", "j down", ("healed − base", "Asked")),
    Shown("compare", "c", ("compared with", "Values")),
    Shown("preflight", "n", ("KL of -y6xg", "p90", "not acknowledged", "8 of 14 equal")),
    Shown("diagnosis", "d", ("based on",), run=RECORDED.name),
    Shown("queue", "w", ("3 waiting", "needs")),
    Shown("help", "question_mark", ("What can be done here",)),
]


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The worked project, with the longer recorded run in a project of its own beside it; times are told in UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    shutil.copytree(PROJECT, tmp_path / "steering-care")
    shutil.copytree(RECORDED, runs_folder(tmp_path / "four-rounds") / RECORDED.name)
    return tmp_path


def queued(project: Path) -> None:
    """The project when its last three runs still waited: what was sealed of them, and the two before them as they ended."""
    runs = [RunDir(path) for path in sorted(runs_folder(project).glob("2*"))[-5:]]
    for place, run in enumerate(runs, start=-1):
        Ticket(place=place, queued_at="2026-11-21T10:15:00.000Z", where="/", code_hash=code_hash()).save(run)
        os.utime(run.result, (10 + place, 10 + place))  # the one that ended last stands first
        if place > 0:
            for path in (run.process, run.provenance, run.events, run.completions, run.result):
                path.unlink(missing_ok=True)


@pytest.mark.parametrize(
    "shown",
    [pytest.param(one, id=one.file, marks=pytest.mark.slow if one.name == "preflight" else ()) for one in SCREENS],
)
def test_a_screen_looks_as_it_was_last_seen(
    shown: Shown, recorded: Path, drive: Drive, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("COCKPIT_ASCII", "1" if shown.plain_signs else "0")
    project = recorded / ("four-rounds" if shown.run else "steering-care")
    if shown.name == "queue":
        queued(project)
    update = request.config.getoption("--update-snapshots")

    def now(stage: Stage) -> str:
        return rendering(stage.app, MACHINE, MOMENT)

    async def settled(stage: Stage) -> None:
        """Until the screen stands still: a key that comes while panes still move may be taken by another one."""
        before = ""
        while before != (before := now(stage)):
            await stage.pilot.pause(0.2)

    async def script(stage: Stage) -> None:
        if shown.theme:
            stage.app.theme = shown.theme
        await stage.shows("kept" if shown.run else HOME[1])
        await settled(stage)
        await stage.press(*shown.keys.split())
        await stage.until(lambda: all(word in now(stage) for word in shown.awaited), "what is awaited", 120)
        if update:
            await settled(stage)
            await stage.pilot.pause(1.0)
            store(shown.file, now(stage))
            return
        end = time.monotonic() + 20
        while (found := difference(shown.file, now(stage))) and time.monotonic() < end:
            await stage.pilot.pause(0.05)
        assert not found, found

    drive(CockpitApp(project, run=shown.run), script, size=shown.size)
