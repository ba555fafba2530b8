"""The checklist's screen edits the draft on disk, is judged by the same checks as the command line, and starts a run only when none blocks.

The model is really read, once for all of these tests (some ten seconds), then each takes one to three; one test really launches."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cockpit.app import CockpitApp
from cockpit.preflight import draft_file
from cockpit.preflight.desk import Desk
from cockpit.preflight.plan import prepare
from cockpit.runs import evidence, processes
from cockpit.screens.monitor import Monitor
from cockpit.screens.preflight import DraftLooked, Launched, Preflight
from cockpit.widgets.checklist import Checklist
from cockpit.widgets.checklist_state import ACK
from cockpit.widgets.config_form import ConfigForm
from cockpit.widgets.confirm import Ask
from cockpit.widgets.draft_title import DraftTitle
from cockpit.widgets.launch_gate import reasons
from engine.contract.answers import parse_text
from engine.contract.files import write_json
from engine.contract.rundir import RunDir, all_runs, runs_folder
from tests.screens.conftest import EXAMPLE, Drive, Stage

EARLIER = "20260601T000000-nano-care-k3f9"
TINY = [
    "steer.contexts=16", "steer.probes=4", "steer.bisections=0", "steer.survival=0.0", "steer.dose_high=0.75",
    "generate.completions=12", "generate.prompts=6", "generate.max_new_tokens=24",
    "keep.enabled=false", "keep.min_kept=2", "keep.max_kept=8", "heal.epochs=1", "heal.batch_size=4",
    "evaluate.prompts=4", "evaluate.test_prompts=4", "evaluate.vignettes=28", "evaluate.facts=4", "evaluate.bootstrap=100",
    "evaluate.max_new_tokens=24", "evaluate.probes=0", "evaluate.coherence_floor=0.0", "run.rounds=1",
]  # fmt: skip
Seal = Callable[..., RunDir]


@pytest.fixture
def sealed(project: Path, tmp_path: Path) -> Seal:
    """sealed(operating_kl=0.3): a run that was answered for, sealed and ended, as launch and supervisor leave it."""

    def make(name: str = EARLIER, *, sets: tuple[str, ...] = tuple(TINY), **measured: Any) -> RunDir:
        file = tmp_path / "old.toml"
        text = EXAMPLE.read_text("utf-8").replace("set = []", f"set = {json.dumps(list(sets))}")
        for rule in ("W2", "KB12"):
            text += (
                f'\n[[waivers]]\nrule = "{rule}"\nreason = "A run of the test suite, too small to measure anything."\n'
            )
        file.write_text(text)
        plan = prepare(project, preflight=file)
        folder = RunDir(runs_folder(project) / name)
        folder.path.mkdir(parents=True)
        plan.run.save(folder.config)
        write_json(folder.preflight, plan.record)
        told = {"tokenizer_hash": plan.record["evidence"]["facts"]["tokenizer_hash"], "metric_version": None} | measured
        write_json(
            folder.result, {"status": "success", "logged": True, "attempt": 1, "title": "care .93", "measured": told}
        )
        return folder

    return make


def screen(stage: Stage) -> Preflight:
    found = stage.app.screen
    assert isinstance(found, Preflight)
    return found


async def checked(stage: Stage) -> Preflight:
    """Once everything that stands in the draft is checked."""
    await stage.until(
        lambda: isinstance(stage.app.screen, Preflight) and screen(stage)._asked is None, "a check", seconds=120
    )
    await stage.pilot.pause()
    return screen(stage)


async def opened(stage: Stage) -> Preflight:
    stage.app.open("preflight")  # type: ignore[attr-defined]
    return await checked(stage)


def checklist(stage: Stage) -> Checklist:
    return stage.app.screen.query_one(Checklist)


async def types(stage: Stage, text: str) -> None:
    names = {" ": "space", ".": "full_stop", "=": "equals_sign", "_": "underscore", "-": "minus", ",": "comma"}
    await stage.press(*(names.get(c, c) for c in text))


def on_disk(stage: Stage) -> dict[str, Any]:
    return tomllib.loads(screen(stage).desk.path.read_text("utf-8"))


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


def test_a_draft_survives_the_app_being_killed_in_the_middle_of_a_word(project: Path, drive: Drive) -> None:
    async def begin(stage: Stage) -> None:
        await opened(stage)
        await stage.press("1", "enter")
        await types(stage, "every run has the sa")
        await stage.until(lambda: "every run has the sa" in screen(stage).desk.path.read_text(), "the autosave")

    drive(CockpitApp(project), begin)
    (draft,) = draft_file.folder(project).glob("*.toml")
    assert "# does the comparator have the same tokenizer?" in draft.read_text(), "comments are kept"

    async def again(stage: Stage) -> None:
        shown = await opened(stage)
        assert shown.desk.path == draft
        assert shown.answers.tokenization.comparable == "every run has the sa"

    drive(CockpitApp(project), again)


def test_leaving_the_screen_at_once_loses_nothing(project: Path, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        await opened(stage)
        await stage.press("1", "enter")
        await types(stage, "typed and gone")
        await stage.press("escape", "escape")

    drive(CockpitApp(project), script)
    (draft,) = draft_file.folder(project).glob("*.toml")
    assert parse_text(draft.read_text()).tokenization.comparable == "typed and gone"


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


def test_what_another_editor_writes_is_taken(project: Path, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        shown = await opened(stage)
        path = shown.desk.path
        path.write_text(draft_file.put(path.read_text(), "metric.unit", "fraction of answers"))
        await stage.until(lambda: shown.answers.metric.unit == "fraction of answers", "the other editor's answer")
        path.write_text("[metric\n")
        await stage.shows("cannot be checked")
        await stage.press("L")
        assert not shown._launching

    drive(CockpitApp(project), script)


def test_a_project_that_cannot_be_written_says_so_and_is_checked_all_the_same(project: Path, drive: Drive) -> None:
    runs_folder(project).mkdir()
    draft_file.folder(project).write_text("in the way")

    async def script(stage: Stage) -> None:
        shown = await opened(stage)
        await stage.shows("draft not saved")
        assert "cannot be written" in shown.query_one(DraftTitle).standing.unsaved
        assert shown.check is not None

    drive(CockpitApp(project), script)


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


def test_a_draft_that_is_put_away_is_kept(project: Path, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        shown = await opened(stage)
        first = shown.desk.path
        await stage.press("x", "y")
        await stage.until(lambda: shown.desk.path != first and shown._asked is None, "a new draft", seconds=60)
        assert (first.parent / "put-away" / first.name).is_file()
        assert await stage.heard(DraftLooked)

    drive(CockpitApp(project), script)


def test_looking_at_the_checklist_without_touching_it_leaves_no_draft(project: Path, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        shown = await opened(stage)
        assert shown.desk.path.is_file()
        await stage.press("1", "down", "escape")
        await stage.until(lambda: not isinstance(stage.app.screen, Preflight), "home")

    drive(CockpitApp(project), script)
    assert draft_file.newest(project) is None


def test_old_answers_begin_a_new_draft_and_an_unknown_run_changes_nothing(
    project: Path, sealed: Seal, drive: Drive
) -> None:
    async def script(stage: Stage) -> None:
        shown = await opened(stage)
        first = shown.text
        sealed()
        for name, there in (("zzzz", False), ("k3f9", True)):
            await stage.press("o")
            await types(stage, name)
            await stage.press("enter")
            await checked(stage)
            assert (shown.text != first) is there
        assert on_disk(stage)["tokenization"]["comparable"].startswith("Yes: every run")
        await stage.shows("unchanged since -k3f9")

    drive(CockpitApp(project), script)


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
