"""The monitor shows a run as its files tell it, at any size; driven over a recorded run."""

from __future__ import annotations

import json
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from cockpit.widgets.board import plan
from cockpit.widgets.chart import Chart
from cockpit.widgets.pane import Pane, Row
from engine.contract import events as e
from engine.contract.files import append_line
from engine.contract.rundir import RunDir
from tests.screens.conftest import Drive, Stage
from tests.screens.monitors import LINES, SIZES, One, read

# where things lie


@given(st.integers(80, 260), st.integers(24, 90))
@settings(deadline=None, max_examples=300)
def test_every_pane_lies_inside_the_screen_and_on_no_other_at_any_size(width: int, height: int) -> None:
    places = plan(width, height)
    for name, place in places.items():
        assert place.x >= 0, name
        assert place.right <= width, name
        assert place.y >= 0, name
        assert place.bottom <= height - 1, name
        assert place.area > 0, name
    for (one, a), (other, b) in combinations(places.items(), 2):
        assert not a.overlaps(b), f"{one} lies on {other}"
    assert places.keys() >= {"title", "strip", "kl", "fired", "coherence", "completions", "machine", "alerts"}
    assert places["kl"].height >= 9
    assert places["completions"].height >= 3


def test_the_grid_is_the_palettes() -> None:
    wide = plan(120, 40)
    assert (wide["kl"].x, wide["kl"].right) == (2, 74)
    assert (wide["map"].x, wide["map"].right) == (78, 118)
    assert (wide["barrier"].x, wide["coherence"].x, wide["prediction"].x) == (2, 40, 78)
    widest = plan(200, 60)
    assert [widest[name].x for name in ("barrier", "coherence", "prediction", "completions")] == [2, 52, 102, 152]
    assert widest["completions"].bottom == widest["machine"].y - 1


@given(st.text(max_size=40), st.integers(0, 30), st.integers(1, 40))
def test_26_whatever_is_put_in_a_row_stays_inside_it(words: str, column: int, width: int) -> None:
    for part in Row(width).put(column, words).parts:
        assert part.column + cell_len(part.words) <= width


# what is shown


@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
def test_a_finished_run_is_read_and_shown_at_every_size(finished: RunDir, drive: Drive, size: tuple[int, int]) -> None:
    async def script(stage: Stage) -> None:
        await read(stage)
        text = stage.text()
        for words in (
            "gqqg",
            "seed 42",
            "success",
            "KL to the previous student",
            "rmse",
            "tail ppl",
            "96 kept, 52 dropped",
        ):
            assert words in text
        assert "elapsed 4:31" in text
        for pane in stage.app.screen.query(Pane):
            if pane.size.area and pane.display:
                for y in range(pane.size.height):
                    assert pane.render_line(y).cell_length == pane.size.width
        if size[0] >= 120:
            for words in (
                "U1 can we filter?",
                "U3 still moving?",
                "Care × Authority",
                "✓ met",
                "confidence .80",
                "≥ .90",
            ):
                assert words in text
        if size[0] >= 200:
            assert "r4 healed" in text
            assert "over rounds" in text

    drive(One(finished), script, size=size)


@pytest.mark.parametrize(
    "size", [(80, 24), (100, 24), (120, 30), (90, 60), (140, 45), (160, 40), (240, 70)], ids=lambda s: f"{s[0]}x{s[1]}"
)
def test_every_canary_is_shown_whole_at_sizes_between(finished: RunDir, drive: Drive, size: tuple[int, int]) -> None:
    async def script(stage: Stage) -> None:
        await read(stage)
        pane = stage.app.screen.query_one("#coherence", Pane)
        shown = " ".join(part.words for y in range(pane.size.height) for part in pane.laid(y))
        for words in ("mass", "json", "facts", "tail ppl", "1.000", "1.4"):
            assert words in shown

    drive(One(finished), script, size=size)


def test_a_live_run_shows_its_stage_what_is_left_and_its_worker(live: RunDir, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        monitor = await read(stage)
        await stage.shows("running")
        await stage.shows("tok/s")
        text = stage.text()
        for words in (
            "ROUND 3 of 4",
            "step 20/48",
            "epoch 3 of 6",
            "steered",
            "pending",
            "tok/s",
            "▸ U2 can we heal?",
            "left",
        ):
            assert words in text
        rest = [line for line in LINES if b'"round":3' in line and b'"step":21,' in line]
        append_line(live.events, rest[0])
        await stage.shows("step 21/48")
        assert monitor.scene is not None
        assert monitor.scene.left is not None

    drive(One(live), script, size=(120, 40))


def test_a_quiet_run_says_how_long_it_has_been_quiet(live: RunDir, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        await read(stage)
        await stage.shows("last event")  # the recorded moments are long past
        assert " ago" in stage.text()

    drive(One(live), script)


def test_a_smoke_run_is_watermarked_in_italics(finished: RunDir, drive: Drive) -> None:
    stored = json.loads(finished.config.read_bytes())
    from engine.contract.runfile import load_runfile

    run = load_runfile(finished.config)
    config = run.config.model_copy(update={"run": run.config.run.model_copy(update={"smoke": True})})
    from engine.contract.runfile import RunFile

    known = {name: stored[name] for name in ("preset", "changes", "axes", "trait_hash", "model_hash")}
    RunFile(config=config, **known).save(finished.config)

    async def script(stage: Stage) -> None:
        await read(stage)
        strips = stage.app.screen._compositor.render_strips()
        marked = [s for s in strips[0] if "smoke" in s.text]
        assert marked
        assert marked[0].style is not None
        assert marked[0].style.italic

    drive(One(finished), script)


def test_the_cursor_of_the_charts_moves_every_pane(finished: RunDir, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        monitor = await read(stage)
        assert isinstance(stage.app.focused, Chart)
        await stage.press(*["left"] * 20)
        moved = await stage.heard(Chart.CursorMoved)
        assert moved.x is not None
        assert monitor.scene is not None
        row = monitor.scene.row
        assert row is not None
        steps = monitor.scene.view.steps
        assert monitor.scene.round == int(steps["round"][row]) < 4
        await stage.shows(f"at step {int(steps['step'][row])}")
        assert {chart.cursor for chart in stage.app.screen.query(Chart)} == {moved.x}
        await stage.shows(f"{96} kept, {[0, 54, 38, 41, 52][monitor.scene.round]} dropped")
        await stage.press("0")
        await stage.until(lambda: monitor.scene and monitor.scene.row is None, "the cursor to go")

    drive(One(finished), script)


def test_b_draws_each_coherence_probe_under_kl(finished: RunDir, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        await read(stage)
        for name in ("mass", "valid json", "prefill nll", "tail ppl"):
            await stage.press("b")
            await stage.until(lambda name=name: name in _beside(stage), name)

    def _beside(stage: Stage) -> str:
        return "".join(line[60:76] for line in stage.text().splitlines()[20:23])

    drive(One(finished), script)


def test_m_turns_the_map_the_rounds_and_back(finished: RunDir, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        await read(stage)
        assert "Care × Authority" not in stage.text()
        await stage.press("m")
        await stage.shows("Care × Authority")
        await stage.press("m")
        await stage.shows("r4 healed")
        await stage.press("m")
        await stage.shows("KL to the previous student")

    drive(One(finished), script, size=(80, 24))


def test_alerts_and_guards_stand_with_a_sign_and_a_word(live: RunDir, drive: Drive) -> None:
    append_line(
        live.events,
        e.encode(e.Alert(signature="inert barrier", state="raised", evidence="fired 0 % for 40 steps", round=3)),
    )
    guard = e.GuardTripped(guard="A5", value="nan", limit="finite", regime="finetune", action="stopped", round=3)
    append_line(live.events, e.encode(guard))

    async def script(stage: Stage) -> None:
        await read(stage)
        await stage.shows("✗ guard A5: nan against finite")
        assert "+1" in stage.text()

    drive(One(live), script)
