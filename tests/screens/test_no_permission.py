"""In a project that cannot be written, every action of every screen ends in a calm message in place (FAULTS 39)."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.notifications import Notify
from textual.widgets import Input

from cockpit.actions import ACTIONS, EVERYWHERE, Action
from cockpit.app import CockpitApp
from cockpit.runs import queue
from cockpit.screens.rating import RatingScreen
from cockpit.widgets.choose import Choose
from cockpit.widgets.confirm import Ask, Confirm
from cockpit.widgets.writing import Writing
from engine.contract.rundir import RunDir
from tests.queued import plan
from tests.screens.conftest import Drive, Stage, Write

DENIED = "Permission denied"
WRITES = {
    EVERYWHERE: {"screenshot"},
    "home": {"resume"},
    "journal": {"review", "note", "tag", "promote", "write", "export"},
    "monitor": {"pause", "checkpoint", "stop", "abort", "set", "note"},
    "queue": {"pause", "earlier", "later", "remove"},
    "rating": {"two"},
}
"""What writes into the project; of these the message must say what is denied."""
LEFT_OUT = {"quit", "palette", "theme", "signs", "fast_dev_run", "edit", "new_run", "work"}
"""What ends the app, writes nothing into a project or starts a process; the two that look at a model first are tested apart."""
TYPED = {"set": "heal.tau=0.1", "tag": "blue", "promote": "heal.tau >= 0.5", "export": "out.md"}

_OVERRIDE, _NO_ROOT, _SET_SECUREBITS = 0b110, 1, 28


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


@pytest.fixture
def modes_hold() -> Iterator[None]:
    """Modes of files hold for root too, in this thread, those that it starts and their processes."""
    if os.geteuid() != 0:
        yield
        return
    libc, header, sets = ctypes.CDLL(None), _Header(0x20080522, 0), (_Sets * 2)()
    if libc.capget(ctypes.byref(header), sets) or libc.prctl(_SET_SECUREBITS, _NO_ROOT, 0, 0, 0):
        pytest.skip("this root cannot give up writing everywhere")
    held = sets[0].effective
    sets[0].effective = held & ~_OVERRIDE
    assert libc.capset(ctypes.byref(header), sets) == 0
    yield
    sets[0].effective = held
    assert libc.capset(ctypes.byref(header), sets) == 0
    assert libc.prctl(_SET_SECUREBITS, 0, 0, 0, 0) == 0


@pytest.fixture
def lock(project: Path, modes_hold: None) -> Iterator[Callable[[], None]]:
    """lock() takes every right to write in the project away, until the test is over."""

    def change(folder: int, file: int) -> None:
        for path in [project, *project.rglob("*")]:
            path.chmod(folder if path.is_dir() else file)

    yield lambda: change(0o555, 0o444)
    change(0o755, 0o644)


async def settled(stage: Stage) -> None:
    for _ in range(6):
        await stage.pilot.pause(0.05)


def said(stage: Stage) -> str:
    return "\n".join(m.notification.message for m in stage.messages if isinstance(m, Notify))


async def answer(stage: Stage, action: Action) -> None:
    """Whatever is asked is answered with yes, or with words that fit."""
    for _ in range(3):
        screen = stage.app.screen
        if isinstance(screen, Ask):
            screen.query_one(Input).value = TYPED.get(action.name, "some words")
            await stage.press("enter")
        elif isinstance(screen, Choose):
            await stage.press("r")
        elif isinstance(screen, Confirm):
            await stage.press("y")
        elif isinstance(screen, Writing):
            await stage.press("x", "ctrl+s")
            await stage.shows(DENIED)
            await stage.press("escape", "escape")
        else:
            return
        await settled(stage)


async def every_action(stage: Stage, room: str) -> None:
    """Ask for each action of a screen, its own first, and come back."""
    below = stage.app.screen
    for action in sorted(ACTIONS, key=lambda a: a.where == EVERYWHERE):
        if action.where not in (room, EVERYWHERE) or action.name in LEFT_OUT or action.name == "back":
            continue
        stage.messages.clear()
        stage.app.clear_notifications()
        await stage.press(action.key.split(",")[0])
        await settled(stage)
        await answer(stage, action)
        if action.name in WRITES.get(action.where, ()) and action.name != "write":
            await stage.until(lambda action=action: DENIED in said(stage), f"{action.name} to be refused in words")  # type: ignore[misc]
        assert "Traceback" not in stage.text(), action.name
        assert "Error:" not in said(stage), action.name
        while stage.app.screen is not below:
            await stage.press("escape")
            await settled(stage)


@pytest.mark.parametrize("room", ["home", "journal", "compare"])
@pytest.mark.slow
def test_39_a_project_without_write_permission_is_read_and_refused_in_words(
    project: Path, write_run: Write, lock: Callable[[], None], drive: Drive, room: str
) -> None:
    write_run("20260604T101347-nano-care-k3f9")
    write_run("20260605T101347-nano-care-p2aa", "killed")
    lock()

    async def script(stage: Stage) -> None:
        await stage.shows("-p2aa")
        if room != "home":
            await stage.press("j" if room == "journal" else "c")
            await stage.shows("Asked" if room == "journal" else "Values")
        await every_action(stage, room)

    drive(CockpitApp(project), script)


@pytest.mark.slow
def test_39_a_live_run_that_cannot_be_written_to_refuses_every_control(
    live: RunDir, lock: Callable[[], None], drive: Drive
) -> None:
    lock()

    async def script(stage: Stage) -> None:
        await stage.shows("● running")
        await every_action(stage, "monitor")

    drive(CockpitApp(live.path.parent.parent, run=live.id), script)


@pytest.mark.slow
def test_39_a_queue_that_cannot_be_written_stays_as_it_is(
    project: Path, lock: Callable[[], None], drive: Drive
) -> None:
    waiting = [queue.enqueue(project, plan(seed)) for seed in (1, 2, 3)]
    lock()

    async def script(stage: Stage) -> None:
        await stage.shows("3 waiting")
        await stage.press("down")
        await every_action(stage, "queue")

    drive(CockpitApp(project, screen="queue"), script)
    assert [m.id for m in queue.members(project)] == [run.id for run in waiting]


@pytest.mark.slow
def test_39_a_rating_that_cannot_be_saved_is_said(finished: RunDir, lock: Callable[[], None], drive: Drive) -> None:
    project = finished.path.parent.parent
    lock()

    async def script(stage: Stage) -> None:
        await stage.shows("0 of")
        await every_action(stage, "rating")
        await stage.shows("0 of")

    drive(CockpitApp(project, alone=lambda: RatingScreen(project, finished, rater="anna")), script)


@pytest.mark.slow
def test_39_a_checklist_that_cannot_be_saved_says_so_and_is_checked_all_the_same(
    project: Path, lock: Callable[[], None], drive: Drive
) -> None:
    (project / "runs").mkdir()
    lock()

    async def script(stage: Stage) -> None:
        await stage.press("f")
        await stage.until(lambda: "was not started" in said(stage) and DENIED in said(stage), "the refusal", 120)
        await stage.press("n")
        await stage.until(lambda: "0 of 8 answered" in stage.text(), "the check", 120)
        assert "is lost when this window closes" in said(stage)
        await stage.press("L")
        await stage.until(lambda: "Launch is closed" in said(stage), "the refusal")
        assert "Traceback" not in stage.text()

    drive(CockpitApp(project), script)
    assert list((project / "runs").iterdir()) == []
