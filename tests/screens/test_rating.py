"""Blind rating on the screen: two grades a text, saved at once, taken up again, arms only at the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.app import CockpitApp
from cockpit.review import rating
from cockpit.screens.rating import RatingScreen
from engine.contract.rundir import RunDir
from tests.screens.conftest import Drive, Stage


def app(project: Path, run: RunDir, rater: str = "anna") -> CockpitApp:
    return CockpitApp(project, alone=lambda: RatingScreen(project, run, rater=rater))


def arms_told(stage: Stage) -> list[str]:
    return [arm for arm in rating.ARMS if arm in stage.text()]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_a_rater_grades_leaves_comes_back_and_reads_the_arms_at_the_end(
    project: Path, finished: RunDir, drive: Drive, size: tuple[int, int]
) -> None:
    sheet = rating.draw(finished)
    order = sheet.order("anna")
    assert len(order) >= 6

    async def begin(stage: Stage) -> None:
        await stage.shows(f"0 of {len(order)} rated")
        await stage.shows(order[0].text.split()[0])
        assert "▸ coherence" in stage.text()
        assert arms_told(stage) == []
        await stage.press("4")
        assert "▸ trait" in stage.text()
        assert rating.ratings(sheet, "anna") == {}
        await stage.press("2")
        await stage.shows(f"1 of {len(order)} rated")
        assert arms_told(stage) == []
        await stage.press("3")  # a coherence that is lost with the screen: nothing half is saved

    async def go_on(stage: Stage) -> None:
        await stage.shows(f"1 of {len(order)} rated")
        await stage.press("1", "backspace", "5", "3")  # the 1 is taken back
        await stage.shows(f"2 of {len(order)} rated")
        await stage.press("backspace", "2", "2")  # the second text again
        await stage.until(lambda: rating.ratings(sheet, "anna")[order[1].id].trait == 2, "another grade")
        for n in range(2, len(order)):
            assert arms_told(stage) == []
            await stage.press(str(n % 5 + 1), str(n % 2 + 1))
        await stage.shows("coherence (1 to 5)")
        assert set(arms_told(stage)) == {a.subject for a in order}
        await stage.press("backspace", "1", "1")  # too late: the arms are known
        assert len((finished.path / "ratings/anna.jsonl").read_text().splitlines()) == len(order) + 1

    drive(app(project, finished), begin, size=size)
    drive(app(project, finished), go_on, size=size)
    found = rating.ratings(sheet, "anna")
    assert (found[order[0].id].coherence, found[order[0].id].trait) == (4, 2)
    assert (found[order[1].id].coherence, found[order[1].id].trait) == (2, 2)
    assert len(found) == len(order)


def test_the_monitor_of_a_finished_run_leads_to_it(project: Path, finished: RunDir, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        await stage.until(lambda: getattr(stage.app.screen, "scene", None), "the monitor")
        await stage.press("r")
        await stage.shows("Blind rating")
        await stage.shows("rated")
        assert isinstance(stage.app.screen, RatingScreen)
        await stage.press("escape")
        assert not isinstance(stage.app.screen, RatingScreen)

    drive(CockpitApp(project, run=finished.id), script)


def test_a_live_run_is_not_rated_and_says_when_it_can_be(project: Path, live: RunDir, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        await stage.shows("when it has ended")
        await stage.press("1", "1", "backspace", "down", "up")
        assert not (live.path / "ratings").exists()

    drive(app(project, live), script)


def test_what_a_model_wrote_cannot_act_on_the_terminal(project: Path, finished: RunDir, drive: Drive) -> None:
    lines = finished.completions.read_text("utf-8").splitlines()
    evil = [line.replace('"text":"', '"text":"\\u001b[2Jgone [bold red]x[/] ', 1) for line in lines]
    finished.completions.write_text("\n".join(evil) + "\n", "utf-8")

    async def script(stage: Stage) -> None:
        await stage.shows("gone [bold red]x[/]")
        assert "\x1b" not in stage.text()

    drive(app(project, finished), script)


def test_a_long_text_is_scrolled(project: Path, finished: RunDir, drive: Drive) -> None:
    lines = finished.completions.read_text("utf-8").splitlines()
    words = " ".join(f"word{n}" for n in range(600))
    finished.completions.write_text(
        "\n".join(x.replace('"text":"', f'"text":"{words} ', 1) for x in lines) + "\n", "utf-8"
    )

    async def script(stage: Stage) -> None:
        await stage.shows("word0 ")
        assert "more below" in stage.text()
        await stage.press(*["down"] * 5)
        assert "word0 " not in stage.text()
        assert "▸ coherence" in stage.text()
        await stage.press(*["up"] * 9)
        assert "word0 " in stage.text()

    drive(app(project, finished), script, size=(80, 24))
