"""The checklist's draft is on disk at once, survives whatever ends the app, and is never lost or made unasked."""

from __future__ import annotations

from pathlib import Path

from cockpit.app import CockpitApp
from cockpit.preflight import draft_file
from cockpit.screens.preflight import DraftLooked, Preflight
from cockpit.widgets.draft_title import DraftTitle
from engine.contract.answers import parse_text
from engine.contract.rundir import runs_folder
from tests.screens.conftest import Drive, Stage
from tests.screens.preflights import Seal, checked, on_disk, opened, screen, types


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
        assert draft_file.newest(project) == shown.desk.path
        assert list(draft_file.folder(project).glob("*.toml")) == [shown.desk.path], "no untouched draft is left behind"
        assert on_disk(stage)["tokenization"]["comparable"].startswith("Yes: every run")
        await stage.shows("unchanged since -k3f9")

    drive(CockpitApp(project), script)
