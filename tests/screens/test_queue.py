"""The queue's screen: what waits in its order, moving, removing, pausing, and starting it."""

from __future__ import annotations

import re
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cockpit.app import CockpitApp
from cockpit.runs import drain, processes, queue
from cockpit.runs.ticket import Ticket, read, waiting
from cockpit.screens.home import Home
from cockpit.screens.queue import QueueLooked, QueueScreen
from engine.contract.files import write_json
from engine.contract.rundir import RunDir
from tests.queued import plan
from tests.screens.conftest import Drive, Stage, Write

SIZES = [(80, 24), (120, 40), (200, 60)]


def put(project: Path, *seeds: int) -> list[RunDir]:
    return [queue.enqueue(project, plan(seed, seconds=90.0 * seed)) for seed in seeds]


def tail(folder: RunDir) -> str:
    return f"-{folder.id[-4:]}"


def lines_with(stage: Stage, folder: RunDir) -> str:
    return next(line for line in stage.text().splitlines() if tail(folder) in line)


def order(project: Path) -> list[str]:
    return [m.id for m in queue.members(project) if m.waiting]


@pytest.mark.parametrize("size", SIZES)
def test_an_empty_queue_says_how_to_fill_it(project: Path, drive: Drive, size: tuple[int, int]) -> None:
    async def script(stage: Stage) -> None:
        await stage.heard(QueueLooked)
        await stage.shows("Nothing is queued")
        assert "--queue" in stage.text()
        assert "run the queue" not in stage.text().splitlines()[-1], "there is nothing to run"

    drive(CockpitApp(project, screen="queue"), script, size=size)


@pytest.mark.parametrize("size", SIZES)
def test_members_stand_running_then_waiting_in_order_then_over(
    project: Path, write_run: Write, drive: Drive, size: tuple[int, int]
) -> None:
    over = write_run("20260604T101347-nano-care-k3f9")
    live = write_run("20260605T101347-nano-care-q7bb", "", events=12)
    for folder in (over, live):
        Ticket(place=1, queued_at="2026-06-04T10:00:00.000Z", where=str(project), code_hash="c").save(folder)
    first, second = put(project, 1, 2)
    queue.move(project, second.id, 1)

    async def script(stage: Stage) -> None:
        await stage.heard(QueueLooked)
        await stage.shows(tail(first))
        text = stage.text()
        places = [text.index(tail(folder)) for folder in (live, second, first, over)]
        assert places == sorted(places)
        assert "● running" in lines_with(stage, live)
        assert "○ queued 2" in lines_with(stage, first)
        assert "✓ success" in lines_with(stage, over)
        assert "2 waiting" in text
        assert "not running: r starts it" in text
        assert all(len(line) <= size[0] for line in text.splitlines())

    drive(CockpitApp(project, screen="queue"), script, size=size)


def test_home_leads_to_the_queue_and_shows_what_waits_below_what_runs(
    project: Path, write_run: Write, drive: Drive
) -> None:
    write_run("20260605T101347-nano-care-q7bb", "", events=12)
    queue.move(project, put(project, 1, 2)[1].id, 1)

    async def script(stage: Stage) -> None:
        await stage.shows("○ queued 1")
        await stage.shows("1 running, 2 queued")  # what waits is not live
        text = stage.text()
        assert text.index("● running") < text.index("○ queued 1") < text.index("○ queued 2")
        await stage.press("w")
        await stage.until(lambda: isinstance(stage.app.screen, QueueScreen), "the queue")
        await stage.shows("2 waiting")
        await stage.press("escape")
        assert isinstance(stage.app.screen, Home)

    drive(CockpitApp(project), script)


def test_s12_a_run_is_moved_and_stays_under_the_cursor(project: Path, drive: Drive) -> None:
    first, second, third = put(project, 1, 2, 3)

    async def script(stage: Stage) -> None:
        await stage.shows(tail(third))
        await stage.press("end", "K")
        await stage.until(lambda: order(project) == [first.id, third.id, second.id], "the move up")
        await stage.until(lambda: stage.app.screen.seen.waiting[1].id == third.id, "the screen to see it")
        assert stage.app.screen.list.chosen == third.id
        await stage.press("shift+up")
        await stage.until(lambda: order(project) == [third.id, first.id, second.id], "the move to the front")
        await stage.until(lambda: stage.app.screen.seen.waiting[0].id == third.id, "the screen to see it")
        await stage.press("J")
        await stage.until(lambda: order(project) == [first.id, third.id, second.id], "the move down")

    drive(CockpitApp(project, screen="queue"), script)


def test_removing_asks_first(project: Path, drive: Drive) -> None:
    first, second = put(project, 1, 2)

    async def script(stage: Stage) -> None:
        await stage.shows(tail(second))
        await stage.press("x")
        await stage.shows("out of the queue?")
        await stage.press("n")
        assert order(project) == [first.id, second.id]
        await stage.press("x")
        await stage.shows("out of the queue?")
        await stage.press("y")
        await stage.until(lambda: order(project) == [second.id], "the removal")
        await stage.until(lambda: stage.app.screen.list.chosen == second.id, "the cursor on the next one")

    drive(CockpitApp(project, screen="queue"), script)
    assert not first.path.exists()


def test_pause_is_said_and_taken_back(project: Path, drive: Drive) -> None:
    put(project, 1)

    async def script(stage: Stage) -> None:
        await stage.shows("1 waiting")
        await stage.press("p")
        await stage.shows("paused: p goes on")
        assert queue.paused(project)
        await stage.press("p")
        await stage.shows("not running: r starts it")
        assert not queue.paused(project)

    drive(CockpitApp(project, screen="queue"), script)


def test_w2_a_run_that_is_held_back_says_why(project: Path, drive: Drive) -> None:
    (folder,) = put(project, 1)
    was = read(folder)
    Ticket(place=1, queued_at=was.queued_at, where=was.where, code_hash="0" * 64).save(folder)

    async def script(stage: Stage) -> None:
        await stage.shows("held back")
        await stage.shows("the code has changed since it was sealed")

    drive(CockpitApp(project, screen="queue"), script, size=(80, 24))


def test_r_runs_the_queue_in_the_background_and_says_when_each_would_start(project: Path, drive: Drive) -> None:
    first, second = put(project, 1, 2)
    queue.pause(project, True)  # so that nothing is started here

    async def script(stage: Stage) -> None:
        await stage.shows(tail(second))
        await stage.press("r")
        await stage.until(lambda: drain.drainer(project), "a process that runs the queue")
        await stage.until(lambda: stage.app.screen.seen.drainer is not None, "the screen to see it")
        assert stage.app.screen.check_action("work", ()) is False

    drive(CockpitApp(project, screen="queue"), script)
    found = drain.drainer(project)
    assert found is not None
    process = dict(found.process)
    processes._send(processes.psutil.Process(int(process["pid"])), signal.SIGKILL)
    assert processes.wait_gone(process, 10)
    assert waiting(first)
    assert waiting(second)


def test_the_forecast_is_shown_while_a_process_runs_the_queue(project: Path, drive: Drive) -> None:
    queue.pause(project, False)
    first, second = put(project, 1, 2)
    for folder, seconds in ((first, 90), (second, 180)):
        assert next(m.seconds for m in queue.members(project) if m.id == folder.id) == seconds
    me = {"host": processes.host(), "process": processes.me(), "jobs": 1, "window": "", "since": now()}
    write_json(queue.room(project) / "drainer.json", me)

    async def script(stage: Stage) -> None:
        await stage.shows("at most 1 at once")
        assert lines_with(stage, first).rstrip().endswith("now")
        assert re.search(r"in 1:(30|2\d)$", lines_with(stage, second).rstrip()), "ninety seconds, as it was sealed"

    drive(CockpitApp(project, screen="queue"), script)


def now() -> str:
    return datetime.now(UTC).isoformat()
