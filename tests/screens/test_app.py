"""The app remembers what was chosen, draws in ASCII, says when a terminal is too small, and saves pictures; no run ever notices it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from cockpit import state
from cockpit.app import CockpitApp
from cockpit.screens.home import Home, ProjectSeen
from cockpit.screens.too_small import TooSmall
from cockpit.signs import SIGNS, ascii_text
from cockpit.theme import LABELS
from cockpit.widgets.canvas import ASCII_SIGNS
from tests.screens.conftest import Drive, Stage, Write

RUN = "20260604T101347-nano-care-k3f9"


def test_t_goes_through_every_theme_and_the_last_one_is_remembered(
    project: Path, write_run: Write, drive: Drive
) -> None:
    seen: list[str] = []

    write_run(RUN)

    async def script(stage: Stage) -> None:
        for _ in LABELS:
            await stage.shows("-k3f9")
            seen.append(stage.app.theme)
            await stage.press("t")
        assert stage.app.theme == seen[0]
        await stage.press("t")

    drive(CockpitApp(project), script)
    assert seen == list(LABELS)
    assert CockpitApp(project).theme == seen[1]


@pytest.mark.parametrize("damage", ["", "{", '{"theme": 3}', '{"theme": "no such theme"}', "\x00\xff"])
def test_a_damaged_memory_is_a_fresh_start(project: Path, damage: str) -> None:
    state.path().parent.mkdir(parents=True)
    state.path().write_text(damage)
    assert CockpitApp(project).theme == next(iter(LABELS))


def test_a_memory_that_cannot_be_written_stops_nothing(project: Path, drive: Drive, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")

    async def script(stage: Stage) -> None:
        await stage.press("t")
        assert stage.app.theme == list(LABELS)[1]
        await stage.shows("not remembered")

    drive(CockpitApp(project), script)


def test_in_ascii_mode_not_one_sign_on_the_screen_is_anything_else(
    project: Path, write_run: Write, drive: Drive
) -> None:
    write_run(RUN)
    write_run("20260606T101347-nano-care-q7bb", "", events=12)

    async def script(stage: Stage) -> None:
        await stage.heard(ProjectSeen)
        await stage.shows("-q7bb")
        assert not stage.text().isascii()
        await stage.press("u")
        await stage.until(lambda: stage.text().isascii(), "plain ASCII")
        assert "@ running" in stage.text()
        assert "+ success" in stage.text()
        await stage.press("question_mark")
        await stage.shows("On this screen")
        assert stage.text().isascii()
        await stage.press("escape", "u")
        await stage.until(lambda: "● running" in stage.text(), "Unicode again")

    drive(CockpitApp(project), script)


@given(st.text(max_size=60))
def test_ascii_text_is_ascii_and_exactly_as_wide(text: str) -> None:
    text = "".join(c for c in text if c.isprintable() and cell_len(c) > 0)
    assert ascii_text(text).isascii()
    assert cell_len(ascii_text(text)) == cell_len(text)


def test_charts_and_words_agree_on_the_ascii_form_of_the_palettes_signs() -> None:
    signs = "✓✗▸·‖◆◇▲●•▴▾−–"
    assert {s: SIGNS[s] for s in signs} == {s: s.translate(ASCII_SIGNS) for s in signs}


def test_fault_37_a_terminal_that_is_too_small_says_so_and_everything_comes_back(
    project: Path, write_run: Write, drive: Drive
) -> None:
    write_run(RUN)

    async def script(stage: Stage) -> None:
        for width, height in ((40, 12), (79, 24), (80, 23), (10, 3)):
            await stage.shows("-k3f9")
            await stage.pilot.resize_terminal(width, height)
            await stage.until(lambda: isinstance(stage.app.screen, TooSmall), "the message")
            if width >= 40:
                await stage.shows(f"this terminal is {width} x {height}")
                assert "needs 80 x 24" in stage.text()
            await stage.press("f", "question_mark", "t", "escape", "enter", "ctrl+p")
            assert isinstance(stage.app.screen, TooSmall)
            await stage.pilot.resize_terminal(120, 40)
            await stage.until(lambda: isinstance(stage.app.screen, Home), "home")
        await stage.shows("-k3f9")

    drive(CockpitApp(project), script)


def test_a_terminal_that_is_too_small_from_the_start_says_so(project: Path, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        await stage.shows("needs 80 x 24")
        await stage.press("q")

    drive(CockpitApp(project), script, size=(60, 20))


def test_a_picture_of_the_screen_is_saved_and_its_place_told(project: Path, write_run: Write, drive: Drive) -> None:
    write_run(RUN)

    async def script(stage: Stage) -> None:
        await stage.shows("-k3f9")
        await stage.press("P")
        await stage.shows("saved")

    drive(CockpitApp(project), script)
    (picture,) = (project / "runs/.screenshots").iterdir()
    assert "k3f9" in picture.read_text("utf-8")


def test_without_runs_the_picture_goes_into_the_working_folder(
    project: Path, tmp_path: Path, drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    async def script(stage: Stage) -> None:
        await stage.press("P")
        await stage.shows("saved")

    drive(CockpitApp(project), script)
    assert len(list((tmp_path / "here").glob("*-home.svg"))) == 1
    assert not (project / "runs").exists()


def test_y_copies_the_whole_id_through_the_terminal(project: Path, write_run: Write, drive: Drive) -> None:
    write_run(RUN)

    async def script(stage: Stage) -> None:
        await stage.shows("-k3f9")
        await stage.press("y")
        assert stage.app.clipboard == RUN
        await stage.shows(f"copied {RUN}")

    drive(CockpitApp(project), script)


def test_enter_opens_the_monitor_of_the_chosen_run_and_escape_goes_back(
    project: Path, write_run: Write, drive: Drive
) -> None:
    write_run(RUN)

    async def script(stage: Stage) -> None:
        await stage.shows("-k3f9")
        await stage.press("enter")
        await stage.until(lambda: getattr(stage.app.screen, "room", "") == "monitor", "the monitor")
        await stage.shows(RUN)
        await stage.press("escape")
        assert isinstance(stage.app.screen, Home)

    drive(CockpitApp(project), script)


def test_attach_opens_a_runs_monitor_above_home(project: Path, write_run: Write, drive: Drive) -> None:
    write_run(RUN)

    async def script(stage: Stage) -> None:
        await stage.until(lambda: getattr(stage.app.screen, "room", "") == "monitor", "the monitor")
        await stage.press("escape")
        assert isinstance(stage.app.screen, Home)

    drive(CockpitApp(project, run=RUN), script)


def test_looking_at_a_project_changes_nothing_in_it(project: Path, write_run: Write, drive: Drive) -> None:
    write_run(RUN)
    before = {p: p.read_bytes() for p in project.rglob("*") if p.is_file()}

    async def script(stage: Stage) -> None:
        await stage.shows("-k3f9")
        await stage.press("question_mark", "escape", "down", "tab")

    drive(CockpitApp(project), script)
    after = {p: p.read_bytes() for p in project.rglob("*") if p.is_file() and ".index" not in p.parts}
    assert after == before


def test_the_app_loads_no_torch_and_its_first_frame_neither_numpy_nor_pydantic() -> None:
    code = (
        "import sys; import cockpit.app; "
        "heavy = {'torch', 'transformers', 'peft', 'numpy', 'scipy', 'pydantic', 'polars'} & set(sys.modules); "
        "print(sorted(heavy)); "
        "import cockpit.live.overview, cockpit.live.live, cockpit.preflight.begin_smoke; "
        "print(sorted({'torch', 'transformers', 'peft'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=240)
    assert done.stdout.splitlines() == ["[]", "[]"]


def test_piped_or_plain_home_and_attach_stay_text(project: Path) -> None:
    for arguments in ([], ["--plain"]):
        done = subprocess.run(
            [sys.executable, "-m", "cockpit.cli.main", "--project", str(project), *arguments],
            capture_output=True, text=True, timeout=240, check=True,
        )  # fmt: skip
        assert "Next: cockpit fast-dev-run" in done.stdout
        assert "\x1b" not in done.stdout
