"""Help explains every key and every sign on one page that can be read at 80 columns."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cockpit.app import CockpitApp
from cockpit.screens.help import SIGNS, Help, groups
from cockpit.screens.home import Home
from cockpit.widgets.chart import KEYS
from tests.screens.conftest import Drive, Stage


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
def test_help_opens_with_a_question_mark_and_closes_with_escape(
    project: Path, drive: Drive, size: tuple[int, int]
) -> None:
    async def script(stage: Stage) -> None:
        await stage.press("question_mark")
        await stage.until(lambda: isinstance(stage.app.screen, Help), "help")
        await stage.shows("On this screen, home")
        assert re.search(r"  f +fast-dev-run +Run the whole loop", stage.text())
        assert all(len(line) <= size[0] for line in stage.text().splitlines())
        await stage.press("escape")
        assert isinstance(stage.app.screen, Home)

    drive(CockpitApp(project), script, size=size)


def test_the_signs_stand_at_the_end_of_help_and_can_be_scrolled_to(project: Path, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        await stage.press("question_mark")
        await stage.shows("On this screen")
        await stage.press("end")
        await stage.shows(SIGNS[-1][1])

    drive(CockpitApp(project), script, size=(80, 24))


def test_the_help_of_the_monitor_tells_what_a_focused_chart_listens_to() -> None:
    told = {title: actions for title, _, actions in groups("monitor")}
    assert {a.key for a in told["On a chart"]} == {key for key, *_ in KEYS}


def test_the_same_key_opens_and_closes_help(project: Path, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        for depth in (2, 1, 2, 1):
            await stage.press("question_mark")
            assert len(stage.app.screen_stack) == depth

    drive(CockpitApp(project), script)
