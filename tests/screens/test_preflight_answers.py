"""Answers, settings, the comparator and known bugs on the checklist's screen: what is wrong is said where it is typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.app import CockpitApp
from cockpit.widgets.config_form import ConfigForm
from cockpit.widgets.confirm import Ask
from cockpit.widgets.launch_gate import reasons
from tests.screens.conftest import Drive, Stage
from tests.screens.preflights import EARLIER, Seal, checked, checklist, on_disk, opened, screen, types


def test_what_is_wrong_with_an_answer_is_said_where_it_is_typed(project: Path, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        await opened(stage)
        checklist(stage).go("prediction.threshold")
        await stage.press("enter")
        await types(stage, "many")
        await stage.press("enter")
        await stage.shows("'many' is not a number")
        assert checklist(stage).typing
        await stage.press(*["backspace"] * 4)
        await types(stage, ".9")
        await stage.press("enter")
        await checked(stage)
        assert on_disk(stage)["prediction"]["threshold"] == 0.9
        checklist(stage).go("direction.direction")
        await stage.press("enter")
        await types(stage, "sideways")
        await stage.press("enter")
        await stage.shows("is none of forward, reverse, mixed, none")
        await stage.press("escape", "space")
        await checked(stage)
        assert on_disk(stage)["direction"]["direction"] == "forward"
        await stage.shows("direction.direction says forward, the run trains")

    drive(CockpitApp(project), script)


@pytest.mark.slow
def test_a_setting_out_of_bounds_or_unknown_is_refused_in_the_form(project: Path, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        await opened(stage)
        await stage.press("c")
        await types(stage, "tau=200")
        await stage.shows("at least 0, at most 100")
        await stage.press("enter")
        await stage.shows("heal.tau = 200.0: input should be less than")
        assert on_disk(stage)["set"] == []
        await stage.press("escape")
        await types(stage, "preset=nano-cake")
        await stage.press("enter")
        await stage.shows("did you mean")
        await stage.press("escape", "escape")
        assert not stage.app.screen.query_one(ConfigForm).display
        await stage.press("c")
        await types(stage, "preset=nano-love")
        await stage.press("enter")
        await checked(stage)
        assert on_disk(stage)["preset"] == "nano-love"
        assert screen(stage).check is not None

    drive(CockpitApp(project), script)


def test_a_setting_as_the_preset_has_it_is_no_change(project: Path, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        await opened(stage)
        for value, count in ((".2", 1), (".05", 0)):
            await stage.press("c")
            await types(stage, f"tau={value}")
            await stage.press("enter")
            await checked(stage)
            assert len(on_disk(stage)["set"]) == count
        assert "as shipped" in stage.text()

    drive(CockpitApp(project), script)


def test_k7_space_chooses_the_comparator_which_builds_the_difference_table(
    project: Path, sealed: Seal, drive: Drive
) -> None:
    sealed()

    async def script(stage: Stage) -> None:
        await opened(stage)
        await stage.press("c")
        await types(stage, "tau=.1")
        await stage.press("enter")
        await checked(stage)
        await stage.press("7")
        assert "-k3f9" in stage.text()
        assert "equal; tau 0.05" in stage.text()
        await stage.press("space")
        await checked(stage)
        assert on_disk(stage)["prior"]["comparator"] == EARLIER
        await stage.shows("Against -k3f9")
        row = next(line for line in stage.text().splitlines() if "→" in line)
        assert "heal.tau" in row
        assert row.split("heal.tau")[1].split()[:3] == ["0.05", "→", "0.1"]
        await stage.press("space")
        await checked(stage)
        assert on_disk(stage)["prior"]["comparator"] == "none"

    drive(CockpitApp(project), script)


@pytest.mark.slow
def test_k8_a_known_bug_is_fixed_waived_with_a_reason_or_what_the_run_tests(
    project: Path, sealed: Seal, drive: Drive
) -> None:
    sealed(operating_kl=0.06)

    async def script(stage: Stage) -> None:
        await opened(stage)
        await stage.press("c")
        await types(stage, "tau=.1")
        await stage.press("enter")
        await checked(stage)
        assert ("8", True) in [(n, bad) for n, _, bad in reasons(screen(stage).check)]  # type: ignore[arg-type]
        checklist(stage).go("bug:KB20")
        await stage.shows("is above the operating KL")
        await stage.press("v")
        await checked(stage)
        assert on_disk(stage)["axes"] == ["heal.tau", "steer.method"]
        assert screen(stage)._hit()["state"] == "tested"  # type: ignore[index]
        await stage.press("v")
        await checked(stage)
        assert on_disk(stage)["axes"] == ["steer.method"]
        await stage.press("w")
        await stage.until(lambda: isinstance(stage.app.screen, Ask), "the question for a reason")
        await types(stage, "a tiny run measures no operating KL")
        await stage.press("enter")
        await checked(stage)
        assert {w["rule"] for w in on_disk(stage)["waivers"]} == {"W2", "KB12", "KB20"}
        assert screen(stage)._hit()["state"] == "waived"  # type: ignore[index]
        await stage.press("w")
        await checked(stage)
        assert {w["rule"] for w in on_disk(stage)["waivers"]} == {"W2", "KB12"}
        await stage.press("f")
        await stage.shows("heal.tau = ")
        assert "heal.tau below" in stage.text()
        await types(stage, ".04")
        await stage.press("enter")
        await checked(stage)
        assert not any(b["rule"] == "KB20" for b in screen(stage).check.bugs)  # type: ignore[union-attr]

    drive(CockpitApp(project), script)
