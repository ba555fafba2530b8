"""Home tells where a project stands: its runs, live ones first, the journal's tail, the machine, and what to do next."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.app import CockpitApp
from cockpit.live.glance import Overview
from cockpit.live.next_step import next_step
from cockpit.live.overview import Watcher
from cockpit.screens.home import MachineSeen, ProjectSeen, Resumed, SmokeRefused
from cockpit.screens.home_places import places
from cockpit.widgets.journal_tail import JournalTail
from cockpit.widgets.runs_list import RunsList
from journal.book import Book
from journal.review import say
from tests.screens.conftest import Drive, Stage, Write

OLD, NEW, LIVE = "20260604T101347-nano-care-k3f9", "20260605T101347-nano-care-p2aa", "20260606T101347-nano-care-q7bb"
SMOKE = "20260603T101347-smoke-nano-care-z9z9"
SIZES = [(80, 24), (120, 40), (200, 60)]


@pytest.mark.parametrize("size", SIZES)
def test_an_empty_project_says_how_to_start_the_first_run_in_one_key(
    project: Path, drive: Drive, size: tuple[int, int]
) -> None:
    async def script(stage: Stage) -> None:
        seen = (await stage.heard(ProjectSeen)).seen
        assert seen.next.action == "fast_dev_run"
        await stage.shows("Press f")
        assert "No runs here yet" in stage.text()
        assert "f fast-dev-run" in stage.text().splitlines()[-1]

    drive(CockpitApp(project), script, size=size)


@pytest.mark.parametrize("size", SIZES)
def test_runs_stand_live_first_then_newest_first(
    project: Path, write_run: Write, drive: Drive, size: tuple[int, int]
) -> None:
    write_run(OLD)
    write_run(LIVE, "", events=12)
    write_run(NEW, "nan")

    async def script(stage: Stage) -> None:
        seen = (await stage.heard(ProjectSeen)).seen
        assert [row.id for row in seen.runs] == [LIVE, NEW, OLD]
        assert [row.state for row in seen.runs] == ["running", "nan", "success"]
        assert seen.runs[0].pulse.round == 2
        await stage.shows("-k3f9")
        lines = stage.text().splitlines()
        rows = [line for line in lines if line[1:3].strip() in ("●", "✗", "✓") or line[2:4].strip() in ("●", "✗", "✓")]
        text = "\n".join(rows)
        assert text.index("-q7bb") < text.index("-p2aa") < text.index("-k3f9")
        await stage.shows("round 2 of 2")

    drive(CockpitApp(project), script, size=size)


def test_the_numbers_of_a_run_are_those_of_its_entry(project: Path, write_run: Write) -> None:
    write_run(OLD)
    (row,) = Watcher(project).look().runs
    assert (row.base, row.trait, row.tail_ppl, row.seconds) == (0.25, 0.8, 1.2, 30.0)
    assert (row.preset, row.seed) == ("nano-care", 42)
    assert row.question.startswith("Four rounds")


def test_w2_the_next_step_goes_from_the_first_run_to_the_gate_to_a_new_run(project: Path, write_run: Write) -> None:
    watcher = Watcher(project)
    assert watcher.look().next.action == "fast_dev_run"
    write_run(SMOKE, smoke=True)
    green = Watcher(project).look()
    assert green.gate == SMOKE
    assert green.next.action == "new_run"
    assert "first run" in green.next.text


def test_w2_a_failed_fast_dev_run_leaves_the_gate_shut(project: Path, write_run: Write) -> None:
    write_run(SMOKE, "failed", smoke=True)
    seen = Watcher(project).look()
    assert seen.gate == ""
    assert seen.next.action == "fast_dev_run"


def test_k10_an_entry_that_nobody_reviewed_comes_before_the_next_question(project: Path, write_run: Write) -> None:
    write_run(SMOKE, smoke=True)
    write_run(OLD)
    watcher = Watcher(project)
    seen = watcher.look()
    assert (seen.to_review, seen.next.action, seen.next.of) == (1, "journal", OLD)
    say(Book(project), OLD, "me", "reviewed", state="reviewed")
    seen = watcher.look()
    assert (seen.to_review, seen.next.action) == (0, "new_run")


def test_a_paused_run_comes_before_everything(project: Path, write_run: Write) -> None:
    write_run(OLD)
    folder = write_run(LIVE, "", events=12)
    from engine.contract.events import ControlApplied, encode
    from engine.contract.files import append_line

    watcher = Watcher(project)
    assert watcher.look().live[0].state == "running"
    append_line(folder.events, encode(ControlApplied(stage="heal", round=2, elapsed=23.0, request="pause", by="me")))
    seen = watcher.look()
    assert seen.live[0].state == "paused"
    assert (seen.next.action, seen.next.of) == ("open", LIVE)


def test_an_interrupted_run_is_offered_to_go_on_and_a_refusal_stays_on_home(
    project: Path, write_run: Write, drive: Drive
) -> None:
    """S10: the newest run was killed; what resume refuses is said in its own words."""
    write_run(OLD)
    killed = write_run(NEW, "killed")
    killed.provenance.write_text('{"code_hash": "0123456789"}')
    seen = Watcher(project).look()
    assert (seen.next.action, seen.next.of) == ("resume", NEW)
    assert seen.next.command == "cockpit resume p2aa"

    async def script(stage: Stage) -> None:
        await stage.heard(ProjectSeen)
        await stage.press("R")
        refused = await stage.heard(Resumed)
        assert refused.run == NEW
        assert "began with code" in refused.why_not
        assert stage.app.screen.room == "home"

    drive(CockpitApp(project), script)


def test_k10_a_run_whose_processes_are_gone_is_closed_while_one_looks(project: Path, write_run: Write) -> None:
    folder = write_run(LIVE, "", events=12)
    process = folder.process
    process.write_text(process.read_text().replace('"ticks"', '"was"').replace('"pid"', '"no"'))
    seen = Watcher(project).look()
    assert seen.closed == (LIVE,)
    assert seen.runs[0].status == "killed"
    assert folder.result.exists()


def test_a_run_folder_that_vanishes_or_is_damaged_hides_no_other(project: Path, write_run: Write) -> None:
    folder = write_run(LIVE, "", events=12)
    write_run(OLD)
    broken = write_run(NEW)
    watcher = Watcher(project)
    assert len(watcher.look().runs) == 3
    shutil.rmtree(folder.path)
    broken.result.write_text("{")
    broken.process.write_text("[]")
    again = Watcher(project)
    assert {row.id: row.state for row in again.look().runs} == {NEW: "unreadable", OLD: "success"}
    assert [row.id for row in watcher.look().runs if row.id != NEW] == [OLD]


def test_fault_34_damaged_events_of_a_live_run_are_passed_over(project: Path, write_run: Write) -> None:
    folder = write_run(LIVE, "", events=12)
    with folder.events.open("ab") as f:
        f.write(b'\xff\xfe garbage\n{"event": "heal_st')
    (row,) = Watcher(project).look().runs
    assert row.pulse is not None
    assert row.pulse.round == 2


def test_fault_26_hostile_words_in_an_entry_reach_no_terminal(project: Path, write_run: Write, drive: Drive) -> None:
    folder = write_run(OLD)
    record = folder.preflight.read_text().replace(
        '"hypothesis": "', '"hypothesis": "\\u001b]52;c;aGk=\\u0007[/bold][@click=app.quit]evil[/] \\u202e'
    )
    folder.preflight.write_text(record)
    shutil.rmtree(project / "runs" / ".index", ignore_errors=True)
    (project / "RESEARCH_JOURNAL.md").unlink()
    from journal.record import load_record
    from journal.write import close_entry

    close_entry(Book(project), load_record(folder))

    async def script(stage: Stage) -> None:
        await stage.shows("evil")
        text = stage.text()
        assert not {"\x1b", "\u202e", "\x07"} & set(text)
        assert "[/bold][@click" in text

    drive(CockpitApp(project), script, size=(200, 60))


def test_fault_39_a_project_that_cannot_be_written_is_shown_and_a_run_refused_in_words(
    project: Path, drive: Drive
) -> None:
    (project / "runs").write_text("a file where the folder should be")

    async def script(stage: Stage) -> None:
        await stage.heard(ProjectSeen)
        await stage.press("f")
        assert "is not a folder" in (await stage.heard(SmokeRefused)).why
        await stage.shows("was not started")

    drive(CockpitApp(project), script)


def test_the_journal_tail_marks_what_nobody_reviewed(project: Path, write_run: Write, drive: Drive) -> None:
    write_run(OLD)
    write_run(NEW)
    say(Book(project), OLD, "me", "reviewed", state="reviewed")

    async def script(stage: Stage) -> None:
        await stage.heard(ProjectSeen)
        await stage.shows("1 to review")
        seen = stage.app.screen.query_one(JournalTail).seen
        assert seen is not None
        assert [(x.key, x.unreviewed) for x in seen.entries] == [(NEW, True), (OLD, False)]
        assert stage.text().count("•") == 2  # one entry, and the legend

    drive(CockpitApp(project), script)


def test_the_machine_is_looked_at_and_told(project: Path, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        machine = (await stage.heard(MachineSeen)).machine
        assert machine.total > 0
        await stage.shows("memory")
        assert f"of {machine.total / 1e9:.1f} GB" in stage.text()

    drive(CockpitApp(project), script)


def test_keys_and_mouse_choose_the_same_rows(project: Path, write_run: Write, drive: Drive) -> None:
    for name in (OLD, NEW, SMOKE):
        write_run(name)

    async def script(stage: Stage) -> None:
        await stage.heard(ProjectSeen)
        await stage.shows("-k3f9")
        runs = stage.app.screen.query_one(RunsList)
        assert runs.chosen == NEW
        await stage.press("down")
        assert runs.chosen == OLD
        await stage.press("end")
        assert runs.chosen == SMOKE
        await stage.press("home")
        assert runs.chosen == NEW
        await stage.pilot.click(RunsList, offset=(20, 3))
        assert runs.chosen == OLD
        await stage.press("tab")
        assert stage.app.screen.query_one(JournalTail).has_focus
        await stage.press("down")
        assert stage.app.screen.query_one(JournalTail).cursor == 1
        assert runs.chosen == OLD

    drive(CockpitApp(project), script)


def test_a_double_click_on_a_row_asks_for_its_run(project: Path, write_run: Write, drive: Drive) -> None:
    write_run(OLD)
    write_run(NEW)

    async def script(stage: Stage) -> None:
        await stage.shows("-k3f9")
        await stage.pilot.click(RunsList, offset=(20, 3), times=2)
        assert (await stage.heard(RunsList.RunOpened)).run == OLD

    drive(CockpitApp(project), script)


def test_what_is_chosen_stays_chosen_when_a_run_arrives(project: Path, write_run: Write, drive: Drive) -> None:
    write_run(OLD)

    async def script(stage: Stage) -> None:
        await stage.heard(ProjectSeen)
        runs = stage.app.screen.query_one(RunsList)
        await stage.until(lambda: runs.chosen == OLD, "the first choice")
        write_run(NEW)
        await stage.until(lambda: runs.seen is not None and len(runs.seen.runs) == 2, "the second run")
        assert runs.chosen == OLD

    drive(CockpitApp(project), script)


def test_the_filter_shows_failed_runs_alone(project: Path, write_run: Write, drive: Drive) -> None:
    write_run(OLD)
    write_run(NEW, "nan")

    async def script(stage: Stage) -> None:
        await stage.heard(ProjectSeen)
        runs = stage.app.screen.query_one(RunsList)
        await stage.until(lambda: runs.rows, "rows")
        assert runs.filters() == ["all", "care", "failed"]
        await stage.press("slash", "slash")
        assert [row.id for row in runs.rows] == [NEW]
        await stage.press("slash")
        assert len(runs.rows) == 2

    drive(CockpitApp(project), script)


def test_every_next_step_has_a_key_and_a_command() -> None:
    step = next_step(Overview())
    assert step.text
    assert step.command.startswith("cockpit ")


@given(st.integers(80, 400), st.integers(24, 200), st.booleans())
def test_panes_never_overlap_and_never_leave_the_screen(width: int, height: int, live: bool) -> None:
    found = places(width, height, live=live)
    assert {"title", "next", "runs", "journal", "machine"} <= found.keys()
    assert ("live" in found) == live
    regions = list(found.values())
    for region in regions:
        assert min(region.x, region.y) >= 0
        assert min(region.width, region.height) > 0
        assert region.right <= width
        assert region.bottom <= height - 1  # the key bar has the last row
    for i, one in enumerate(regions):
        assert not any(one.overlaps(other) for other in regions[i + 1 :])
    assert found["runs"].height >= 5


@pytest.mark.parametrize("size", SIZES)
def test_runs_of_one_question_are_told_apart_by_seed_and_method(
    project: Path, write_run: Write, drive: Drive, size: tuple[int, int]
) -> None:
    write_run(OLD)
    write_run(NEW)

    async def script(stage: Stage) -> None:
        await stage.heard(ProjectSeen)
        await stage.shows("the same, seed 42, mean_diff")
        rows = [line for line in stage.text().splitlines() if "-p2aa" in line or "-k3f9" in line]
        assert "Four rounds" in rows[0], "the chosen run tells its question"
        assert "the same" in rows[1]
        await stage.press("down")
        await stage.until(lambda: stage.text().count("the same") == 0, "both questions")

    drive(CockpitApp(project), script, size=size)


def test_an_entry_has_two_lines_where_the_journal_is_narrow_and_high(
    project: Path, write_run: Write, drive: Drive
) -> None:
    write_run(OLD)
    write_run(NEW)

    async def script(stage: Stage) -> None:
        await stage.heard(ProjectSeen)
        await stage.until(lambda: stage.text().count("tail ppl 1.2, facts") == 2, "both titles go on")
        tail = stage.app.screen.query_one(JournalTail)
        await stage.pilot.click(JournalTail, offset=(14, 4))  # the second line of the second entry
        assert tail.cursor == 1
        await stage.press("tab", "down", "down")
        assert tail.cursor <= 1

    drive(CockpitApp(project), script, size=(200, 60))
