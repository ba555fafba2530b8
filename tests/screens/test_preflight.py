"""The checklist's screen is judged by the same checks as the command line, and starts a run only when none blocks.

The model is really read, once for all of these tests (some ten seconds), then each takes one to three; one test really launches."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cockpit.app import CockpitApp
from cockpit.preflight import draft_file
from cockpit.preflight.desk import Desk
from cockpit.runs import evidence, processes
from cockpit.screens.monitor import Monitor
from cockpit.screens.preflight import Launched, Preflight
from cockpit.widgets.checklist_state import ACK
from cockpit.widgets.launch_gate import reasons
from engine.contract.rundir import all_runs
from tests.screens.conftest import Drive, Stage
from tests.screens.preflights import EARLIER, Seal, checked, checklist, on_disk, opened, screen, types


@pytest.mark.slow
def test_a_second_launch_with_one_setting_changed_takes_twelve_keys_besides_the_hypothesis(
    project: Path, sealed: Seal, drive: Drive
) -> None:
    sealed()
    keys = 0

    async def script(stage: Stage) -> None:
        nonlocal keys

        async def press(*names: str) -> None:
            nonlocal keys
            keys += len(names)
            await stage.press(*names)

        await press("n")
        await checked(stage)
        await press("c", "t", "a", "u", "equals_sign", "full_stop", "1", "enter")
        await checked(stage)
        assert "heal.tau=0.1" in on_disk(stage)["set"]
        assert on_disk(stage)["question"]["hypothesis"] == "", "a changed config asks for its own hypothesis (K6)"
        await press("a")
        assert checklist(stage).typing
        await types(stage, "at twice the slack the barrier fires on fewer samples")
        await press("enter", "L")
        told: Launched = await stage.heard(Launched)
        await stage.until(lambda: isinstance(stage.app.screen, Monitor), "the monitor")
        assert stage.app.screen.run.id == told.run  # type: ignore[attr-defined]

    try:
        drive(CockpitApp(project), script)
    finally:
        for run in all_runs(project):
            for who in ("supervisor", "worker"):
                if pid := evidence.process(run).get(who, {}).get("pid"):
                    processes.terminate(pid)
    assert keys <= 12
    run = all_runs(project)[-1]
    record = json.loads(run.preflight.read_text())
    assert record["config"]["heal.tau"] == 0.1
    assert record["answers"]["question"]["hypothesis"].startswith("at twice the slack")
    assert record["evidence"]["unchanged"]["since"] == EARLIER
    assert draft_file.newest(project) is None, "what was launched is no draft any more"


def test_k6_with_nothing_answered_the_launch_is_closed_and_says_why(project: Path, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        shown = await opened(stage)
        assert shown.check is not None
        against = [number for number, _, _ in reasons(shown.check)]
        assert against == [*map(str, range(1, 9)), ""], "eight items and the fast-dev-run"
        assert "0 of 8 answered" in stage.text()
        await stage.press("L")
        await stage.shows("Launch is closed")
        assert not shown._launching

    drive(CockpitApp(project), script)
    assert all_runs(project) == []


def test_facts_of_the_model_are_filled_in_and_shown_beside_each_item(project: Path, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        shown = await opened(stage)
        assert shown.check is not None
        exact = f"{shown.check.known.facts.parameters:,}"
        assert on_disk(stage)["architecture"]["model_class"] == "LlamaForCausalLM"
        for key, words in zip(
            "12345678",
            ("vocabulary", exact, "rank 8", "trains with", "nano-care", "NLL", "Nearest", "rules hit"),
            strict=True,
        ):
            await stage.press(key)
            assert f"Evidence for {key}" in stage.text()
            assert words in stage.text(), (key, stage.text())

    drive(CockpitApp(project), script)


def test_reading_the_model_leaves_the_screen_alive_and_says_so(
    project: Path, drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Desk, "start", lambda desk: None)  # as long as reading takes, nothing has been found

    async def script(stage: Stage) -> None:
        stage.app.open("preflight")  # type: ignore[attr-defined]
        await stage.shows("reading the model…")
        assert "Known bugs" in stage.text()
        await stage.press("down", "a", "space", "w", "f", "tab", "8", "L")
        await stage.shows("reading the model…")
        await stage.press("escape")
        await stage.until(lambda: not isinstance(stage.app.screen, Preflight), "home")

    drive(CockpitApp(project), script)


def test_what_is_unchanged_is_one_line_acknowledged_by_one_key(project: Path, sealed: Seal, drive: Drive) -> None:
    sealed()

    async def script(stage: Stage) -> None:
        shown = await opened(stage)
        await stage.shows("unchanged since -k3f9")
        assert checklist(stage).cursor == ACK
        assert "Tokenization" not in stage.text()
        assert any("acknowledged" in words for _, words, _ in reasons(shown.check))  # type: ignore[arg-type]
        await stage.press("a")
        await checked(stage)
        assert on_disk(stage)["acknowledged"] == "k3f9"
        assert not any("acknowledged" in words for _, words, _ in reasons(screen(stage).check))  # type: ignore[arg-type]

    drive(CockpitApp(project), script)


def test_only_what_differs_is_open_again(project: Path, sealed: Seal, drive: Drive) -> None:
    sealed()

    async def script(stage: Stage) -> None:
        await opened(stage)
        before = on_disk(stage)
        await stage.press("c")
        await types(stage, "heal.alpha=32")
        await stage.press("enter")
        await checked(stage)
        after = on_disk(stage)
        assert after["init"]["distribution"] == "", "K3 was answered on another alpha"
        assert after["init"]["initial_b"] == before["init"]["initial_b"]
        assert after["question"]["hypothesis"] == ""
        for same in ("tokenization", "architecture", "direction", "metric", "math"):
            assert after[same] == before[same]
        await stage.press("3")
        await stage.shows("heal.alpha is 32.0, was 16.0")
        await stage.shows("It was: A is Kaiming uniform")

    drive(CockpitApp(project), script)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "plain_signs"), [((80, 24), "1"), ((120, 40), "0"), ((200, 60), "1")])
def test_everything_fits_and_hostile_text_is_only_text(
    project: Path, sealed: Seal, drive: Drive, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], plain_signs: str
) -> None:
    monkeypatch.setenv("COCKPIT_ASCII", plain_signs)
    sealed(operating_kl=0.06)
    hostile = "[bold red]no[/] \x1b[31mred\x1b[0m \u202eevil 字字字 " + "long " * 60

    async def script(stage: Stage) -> None:
        shown = await opened(stage)
        for where in ("question.hypothesis", "math.optimised", "prior.learnt", "metric.tokenizer", "prior.comparator"):
            shown.text = draft_file.put(shown.text, where, hostile)
        shown._change(shown.text)
        await checked(stage)
        for key in ("enter", *"12345678", "c", "escape", "e", "e"):
            await stage.press(key)
            text = stage.text()
            assert all(len(line) <= size[0] for line in text.splitlines())
            assert "\x1b" not in text
            assert "\u202e" not in text
            if plain_signs == "1":
                assert text.isascii()
        await stage.press("6")
        await stage.press(*["down"] * 8)
        assert "[bold red]no[/] red" in stage.text()
        if plain_signs == "1":
            assert "is >= " in stage.text(), "at least is not above"

    drive(CockpitApp(project), script, size=size)


def test_a_click_goes_to_an_item_and_a_second_one_types(project: Path, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        await opened(stage)
        for typing in (False, True):
            row = next(
                y
                for y, line in enumerate(stage.text().splitlines())
                if "Which come near" in line or "Known bugs" in line
            )
            if typing:
                row = next(
                    y for y, line in enumerate(stage.text().splitlines()) if "Which come near this run, and" in line
                )
            await stage.pilot.click(offset=(12, row))
            await stage.pilot.pause()
            assert checklist(stage).cursor == "known_bugs.answer"
            assert checklist(stage).typing is typing

    drive(CockpitApp(project), script)
