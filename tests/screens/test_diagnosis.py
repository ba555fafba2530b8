"""The diagnosis screen: opened from the monitor and the journal, the same words as the command, never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.app import CockpitApp
from cockpit.screens.diagnosis import DiagnosisScreen
from tests.screens.conftest import Drive, Stage, Write

RUN = "20260604T101347-nano-care-k3f9"


def test_d_on_the_monitor_opens_the_diagnosis_and_escape_closes_it(
    project: Path, write_run: Write, drive: Drive
) -> None:
    write_run(RUN)

    async def script(stage: Stage) -> None:
        await stage.shows("-k3f9")
        await stage.until(lambda: getattr(stage.app.screen, "scene", None), "the monitor")
        await stage.press("d")
        await stage.shows("based on")
        assert isinstance(stage.app.screen, DiagnosisScreen)
        assert stage.app.screen.diagnosis is not None
        assert stage.app.screen.diagnosis.root_cause in stage.text()
        await stage.press("escape")
        assert not isinstance(stage.app.screen, DiagnosisScreen)

    drive(CockpitApp(project, run=RUN), script)


def test_D_on_the_journal_opens_the_diagnosis_of_the_chosen_entry(
    project: Path, write_run: Write, drive: Drive
) -> None:
    write_run(RUN)

    async def script(stage: Stage) -> None:
        await stage.press("j")
        await stage.shows("1 entry")
        await stage.press("D")
        await stage.shows("based on")
        assert isinstance(stage.app.screen, DiagnosisScreen)

    drive(CockpitApp(project), script)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_fault33_an_empty_folder_says_what_it_needs(size: tuple[int, int], project: Path, drive: Drive) -> None:
    (project / "runs" / RUN).mkdir(parents=True)

    async def script(stage: Stage) -> None:
        assert stage.app.open("diagnosis", run=RUN)  # type: ignore[attr-defined]
        await stage.shows("insufficient")
        await stage.shows("needs")

    drive(CockpitApp(project), script, size=size)


def test_a_run_that_goes_on_is_provisional_and_read_again(project: Path, write_run: Write, drive: Drive) -> None:
    write_run(RUN, "", events=6)

    async def script(stage: Stage) -> None:
        assert stage.app.open("diagnosis", run=RUN)  # type: ignore[attr-defined]
        await stage.shows("PROVISIONAL")
        before = stage.app.screen.diagnosis  # type: ignore[attr-defined]
        await stage.press("r")
        await stage.until(lambda: stage.app.screen.diagnosis is not before, "another look")  # type: ignore[attr-defined]

    drive(CockpitApp(project), script)


def test_a_folder_that_is_gone_is_said_in_words(project: Path, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        assert stage.app.open("diagnosis", run=RUN)  # type: ignore[attr-defined]
        await stage.shows("cannot be read")

    drive(CockpitApp(project), script)
