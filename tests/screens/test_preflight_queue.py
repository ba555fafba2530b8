"""A run that is sealed on the checklist's screen may wait its turn in the queue, and is offered to when its GPU is taken."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from cockpit.app import CockpitApp
from cockpit.preflight import draft_file
from cockpit.runs import engine, evidence, lease, queue
from cockpit.runs.ticket import waiting
from cockpit.screens.preflight import LaunchRefused, Preflight, Queued
from cockpit.screens.queue import QueueScreen
from engine.contract.hashes import code_hash
from engine.contract.resolve import resolve
from engine.contract.rundir import all_runs
from tests.screens.conftest import Drive, Stage
from tests.screens.preflights import TINY, Seal, checked, opened, screen, types


@pytest.fixture
def on_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known of the model, as a machine with a GPU keeps it."""
    base = resolve("nano-care", sets=TINY)
    facts = engine.inspect(base)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = engine._cache_file(base)
    path.parent.mkdir(parents=True)
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(facts, cuda=True)))


async def answered(stage: Stage) -> Preflight:
    """The checklist of a second run, whose only change is its tau."""
    await opened(stage)
    await stage.press("c")
    await types(stage, "tau=.1")
    await stage.press("enter")
    await checked(stage)
    await stage.press("a")
    await types(stage, "at twice the slack the barrier fires on fewer samples")
    await stage.press("enter")
    shown = await checked(stage)
    await stage.shows("Launch is open: L starts the run, W queues it")
    return shown


@pytest.mark.slow
def test_W_seals_the_run_and_lets_it_wait_in_the_queue(project: Path, sealed: Seal, drive: Drive) -> None:
    sealed()

    async def script(stage: Stage) -> None:
        await answered(stage)
        await stage.press("W")
        told: Queued = await stage.heard(Queued)
        assert (told.place, told.worked) == (1, False)
        await stage.until(lambda: isinstance(stage.app.screen, QueueScreen), "the queue")
        await stage.shows(f"-{told.run[-4:]} is queued at place 1")
        await stage.shows("○ queued 1")
        await stage.shows("not running: r starts it")

    drive(CockpitApp(project), script)
    run = all_runs(project)[-1]
    assert waiting(run)
    assert not evidence.process(run), "nothing was started"
    record = json.loads(run.preflight.read_text())
    assert record["config"]["heal.tau"] == 0.1
    (member,) = queue.members(project)
    assert (member.place, member.held) == (1, "")
    assert member.ticket.code_hash == code_hash()
    assert draft_file.newest(project) is None, "what is queued is no draft any more"


def test_with_nothing_answered_the_queue_is_as_closed_as_the_launch(project: Path, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        await opened(stage)
        await stage.press("W")
        await stage.shows("Launch is closed")
        assert not screen(stage)._launching

    drive(CockpitApp(project), script)
    assert all_runs(project) == []


@pytest.mark.slow
@pytest.mark.usefixtures("on_a_gpu")
def test_fault29_a_launch_onto_a_busy_gpu_offers_the_queue_and_W_takes_it(
    project: Path, sealed: Seal, drive: Drive
) -> None:
    holder = sealed()
    lease.take(lease.gpus(), holder)

    async def script(stage: Stage) -> None:
        await answered(stage)
        await stage.press("L")
        refused: LaunchRefused = await stage.heard(LaunchRefused)
        assert refused.why.startswith("the GPU is held by 20260601T000000-nano-care-k3f9 of steering-care (process ")
        assert refused.why.endswith(": W queues it, and it starts when its turn comes")
        assert "--queue" not in refused.why
        assert len(all_runs(project)) == 1, "no folder of a run that was not started"
        await checked(stage)
        await stage.press("W")
        assert (await stage.heard(Queued)).place == 1
        await stage.until(lambda: isinstance(stage.app.screen, QueueScreen), "the queue")
        await stage.shows("○ queued 1")

    drive(CockpitApp(project), script)
    assert waiting(all_runs(project)[-1])
