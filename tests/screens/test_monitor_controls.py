"""What is asked of a live run on the monitor: confirmed where it ends the run, refused in words where it is over."""

from __future__ import annotations

import pytest
from textual.widgets import Input

from cockpit.screens.controls import Asked
from cockpit.screens.monitor import Monitor
from cockpit.widgets.confirm import Ask, Confirm
from engine.contract import events as e
from engine.contract.files import append_line
from engine.contract.rundir import RunDir
from tests.screens.conftest import Drive, Stage
from tests.screens.monitors import One, asked, read

# what is asked


def test_a_finished_runs_controls_are_off_and_say_why(finished: RunDir, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        await read(stage)
        for key in ("p", "s", "a", "k", "S", "n"):
            await stage.press(key)
            await stage.shows("has ended as success")
            assert isinstance(stage.app.screen, Monitor)
            stage.app.clear_notifications()
            await stage.pilot.pause(0.05)
        assert "pause" not in stage.text().splitlines()[-1]

    drive(One(finished), script)
    assert not finished.control.exists()


def test_p_pauses_and_unpauses_and_k_asks_for_a_checkpoint(live: RunDir, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        await read(stage)
        await stage.press("p")
        await stage.heard(Asked)
        append_line(live.events, e.encode(e.ControlApplied(request="pause", by="p", round=3, stage="heal")))
        await stage.shows("‖ paused")
        await stage.shows("p unpause")
        await stage.press("p", "k")
        await stage.until(lambda: len(asked(live)) == 3, "three requests")

    drive(One(live), script)
    assert [word for word, _ in asked(live)] == ["pause", "unpause", "checkpoint"]


@pytest.mark.parametrize(("key", "word"), [("s", "stop_after_round"), ("a", "abort")])
def test_ending_a_run_shows_what_is_at_stake_and_asks(live: RunDir, drive: Drive, key: str, word: str) -> None:
    append_line(live.events, e.encode(e.CheckpointSaved(path="rounds/3/state", sha256="0" * 64)))

    async def script(stage: Stage) -> None:
        await read(stage)
        for answer in ("n", "escape"):
            await stage.press(key)
            await stage.until(lambda: isinstance(stage.app.screen, Confirm), "the question")
            text = stage.text()
            for words in ("elapsed", "left", "last checkpoint", "rounds/3/state", "ago"):
                assert words in text
            await stage.press(answer)
            await stage.until(lambda: isinstance(stage.app.screen, Monitor), "the monitor")
        assert not live.control.exists()
        await stage.press(key)
        await stage.until(lambda: isinstance(stage.app.screen, Confirm), "the question")
        await stage.press("y")
        await stage.heard(Asked)

    drive(One(live), script)
    assert asked(live) == [(word, "")]


def test_44_a_knob_is_set_within_its_bounds_or_refused_in_words(live: RunDir, drive: Drive) -> None:
    async def give(stage: Stage, text: str) -> Asked:
        stage.messages.clear()
        await stage.press("S")
        await stage.until(lambda: isinstance(stage.app.screen, Ask), "the field")
        assert "heal.lam" in stage.text()
        stage.app.screen.query_one(Input).value = text
        await stage.press("enter")
        found: Asked = await stage.heard(Asked)
        if not found.why:
            await stage.shows(f"asked to set {text}")
        return found

    async def script(stage: Stage) -> None:
        await read(stage)
        assert "out of bounds" in (await give(stage, "heal.tau=-3")).why
        assert "cannot be set" in (await give(stage, "heal.lr=3")).why
        assert (await give(stage, "heal.tau=0.04")).why == ""

    drive(One(live), script)
    assert asked(live) == [("set", "heal.tau=0.04")]


def test_a_note_is_written_and_an_empty_one_is_not(live: RunDir, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        await read(stage)
        await stage.press("n")
        await stage.until(lambda: isinstance(stage.app.screen, Ask), "the field")
        await stage.press("escape")
        await stage.until(lambda: isinstance(stage.app.screen, Monitor), "the monitor")
        await stage.press("n")
        await stage.until(lambda: isinstance(stage.app.screen, Ask), "the field")
        stage.app.screen.query_one(Input).value = "round 3 stutters"
        await stage.press("enter")
        await stage.heard(Asked)

    drive(One(live), script)
    assert asked(live) == [("note", "round 3 stutters")]
