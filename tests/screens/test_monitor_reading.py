"""The monitor's completions, log and config: everything that the run wrote can be found and read, and none of it acts."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.widget import Widget

from cockpit.app import CockpitApp
from cockpit.live.texts import Text
from cockpit.screens.completions import Completions, PageRead
from cockpit.screens.config import ConfigScreen
from cockpit.screens.log import Log
from cockpit.screens.monitor import Monitor
from cockpit.widgets.chart import Chart
from cockpit.widgets.completions import line
from cockpit.widgets.log import LogPane
from engine.contract import events as e
from engine.contract.files import append_line
from engine.contract.rundir import RunDir
from journal import text as words
from tests.screens.conftest import Drive, Stage
from tests.screens.monitors import SIZES, One, read

HOSTILE = [
    "\x1b]52;c;aGVsbG8=\x07\x1b[2Jclean",
    "[/bold][red]markup[/red] [node_modules] $accent",
    "‮reversed‬ \x9b31m c1 \x00 nul",
    "wide 漢字 and 👩‍🚀 and e\u0301 combined",
    "",
    "x" * 5000,
]


def test_every_completion_is_found_by_fate_reason_dose_round_and_subject(finished: RunDir, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        await read(stage)
        await stage.press("c")
        await stage.heard(PageRead)
        screen = stage.app.screen
        assert isinstance(screen, Completions)
        index = screen.index
        assert index is not None
        assert len(screen._rows) == len(index.where(round=4))
        await stage.press("k")
        assert all(index.columns["kept"][screen._rows] == 1)
        await stage.press("k", "r")
        reasons = set(index.counts("reason", screen._rows))
        assert len(reasons) == 1
        await stage.press("x")
        assert len(screen._rows) == len(index)
        await stage.press("s", "s", "s")
        assert set(index.counts("subject", screen._rows)) == {index.names["subject"][2]}
        await stage.press("x", "o", "down", "down")
        assert set(index.columns["round"][screen._rows].tolist()) == {0.0}
        chosen = index.item(int(screen._rows[2]))
        await stage.press("p")
        assert {index.item(int(row)) for row in screen._rows} == {chosen}
        assert len({int(r) for r in index.columns["round"][screen._rows]}) >= 4
        await stage.shows("one prompt through the run")
        await stage.press("escape")
        assert isinstance(stage.app.screen, Monitor)

    drive(CockpitApp(finished.path.parent.parent, run=finished.id), script)


def test_slash_and_a_click_choose_which_completions_are_shown(finished: RunDir, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        monitor = await read(stage)
        await stage.press("slash")
        await stage.until(lambda: "✗" not in "".join(stage.text().splitlines()[32:36]), "only kept ones")
        row = next(y for y, line in enumerate(stage.text().splitlines()) if "dropped  probes" in line)
        column = stage.text().splitlines()[row].rindex("dropped")
        await stage.pilot.click(offset=(column + 1, row))
        await stage.until(lambda: "✓" not in "".join(stage.text().splitlines()[32:36]), "only dropped ones")
        assert monitor.chosen == "dropped"
        await stage.press("slash")
        await stage.shows("prompted")
        assert "r4" in "".join(stage.text().splitlines()[32:36])

    drive(One(finished), script)


@pytest.mark.parametrize("size", SIZES[:2], ids=lambda s: f"{s[0]}x{s[1]}")
def test_26_hostile_completions_act_on_nothing(live: RunDir, drive: Drive, size: tuple[int, int]) -> None:
    live.completions.write_bytes(b"")
    for number, text in enumerate(HOSTILE):
        kept, why = number % 2 == 0, text if number % 2 else ""
        row = {"id": f"r3-{number}", "round": 3, "subject": "steered", "probe": "train", "prompt": text, "dose": 0.5}
        row |= {"text": text, "scores": {"tail_ppl": None}, "label": text, "kept": kept, "reason": why}
        append_line(live.completions, json.dumps(row).encode())

    async def script(stage: Stage) -> None:
        await read(stage)
        for keys in ((), ("c",)):
            await stage.press(*keys)
            await stage.pilot.pause(0.3)
            strips = stage.app.screen._compositor.render_strips()
            text = "".join(segment.text for strip in strips for segment in strip)
            assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or c in "‮‬" for c in text)
            assert all(sum(cell_len(segment.text) for segment in strip) == size[0] for strip in strips)
        assert "clean" in text
        assert "[node_modules]" in text

    drive(CockpitApp(live.path.parent.parent, run=live.id), script, size=size)


def test_the_log_follows_the_end_until_somebody_scrolls_and_is_searched(live: RunDir, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        await read(stage)
        await stage.press("l")
        await stage.until(lambda: isinstance(stage.app.screen, Log), "the log")
        await stage.shows("follows the end")
        append_line(live.events, e.encode(e.Note(text="the first new line", round=3)))
        await stage.shows("the first new line")
        await stage.press("pageup")
        append_line(live.events, e.encode(e.Note(text="the second new line", round=3)))
        pane = stage.app.screen.query_one(LogPane)
        await stage.until(lambda: any("second" in line.text for line in pane.lines), "the second line")
        await stage.pilot.pause(0.1)
        assert "the second new line" not in stage.text()
        await stage.press("end")
        await stage.shows("the second new line")
        await stage.press("slash", *"FIRST new")
        await stage.until(lambda: len(pane.found) == 1, "one line")
        assert "the first new line" in stage.text()
        await stage.press("escape")
        await stage.until(lambda: len(pane.found) > 50, "all lines")
        await stage.press("escape")
        assert isinstance(stage.app.screen, Monitor)

    drive(CockpitApp(live.path.parent.parent, run=live.id), script)


def test_g_shows_the_runs_own_config_and_what_differs(finished: RunDir, drive: Drive) -> None:
    from engine.contract.runfile import RunFile, load_runfile

    run = load_runfile(finished.config)
    heal = run.config.heal.model_copy(update={"tau": 0.0625})
    changed = {name: getattr(run, name) for name in ("preset", "axes", "trait_hash", "model_hash")}
    RunFile(config=run.config.model_copy(update={"heal": heal}), changes={"heal.tau": 0.0625}, **changed).save(
        finished.config
    )

    async def script(stage: Stage) -> None:
        await read(stage)
        await stage.press("g")
        await stage.until(lambda: isinstance(stage.app.screen, ConfigScreen), "the config")
        await stage.shows("preset nano-care")
        line = next(line for line in stage.text().splitlines() if line.strip().startswith("heal.tau"))
        assert line.split()[:2] == ["heal.tau", "0.0625"]
        assert len(line.split()) == 3
        await stage.press(*["pagedown"] * 4)
        await stage.shows("run.seed")

    drive(CockpitApp(finished.path.parent.parent, run=finished.id), script)


@pytest.mark.parametrize("size", [(120, 40), (200, 60)], ids=["120x40", "200x60"])
def test_tab_stops_at_no_chart_that_has_no_place_and_y_reads_a_line_on_a_log_scale(
    size: tuple[int, int], finished: RunDir, drive: Drive
) -> None:
    async def script(stage: Stage) -> None:
        await read(stage)
        kl = stage.app.focused
        assert isinstance(kl, Chart)
        assert kl.id == "kl"
        await stage.press("y")
        assert kl.log_scale
        stops: list[Widget] = []
        while not stops or stops[-1] is not kl:
            await stage.press("tab")
            assert stage.app.focused is not None
            stops.append(stage.app.focused)
            assert stops[-1].size.area > 0, stops[-1]
        assert len(stops) == (3 if size == (120, 40) else 6)

    drive(CockpitApp(finished.path.parent.parent, run=finished.id), script, size=size)


@given(st.none() | st.floats(1, 1e12), st.sampled_from([10, 12]), st.integers(78, 120))
def test_the_columns_of_a_completion_never_run_into_each_other(ppl: float | None, name_width: int, width: int) -> None:
    text = Text("r1-x", 1, "steered", "train", 0.75, "", False, "tail_ppl", ppl, "why?", "because")
    parts = sorted(line(text, width, name_width).parts)
    assert all(left.column + cell_len(left.words) < right.column for left, right in pairwise(parts))


def test_a_completion_that_its_worst_stretch_dropped_shows_that_perplexity(finished: RunDir, drive: Drive) -> None:
    """1.4 beside the words worst ppl would explain nothing."""
    row = next(
        r for r in map(json.loads, finished.completions.open()) if r["reason"] == "worst_ppl" and r["round"] == 4
    )
    worst = words.number("tail_ppl", row["scores"]["worst_ppl"])
    assert worst != words.number("tail_ppl", row["scores"]["tail_ppl"])

    async def script(stage: Stage) -> None:
        await read(stage)
        await stage.press("c", "r")
        await stage.until(lambda: "reason worst ppl" in stage.text(), "the reason")
        await stage.shows(f"worst {worst}")
        await stage.until(
            lambda: any("✗ worst ppl" in part and f" {worst} ppl" in part for part in stage.text().splitlines()), worst
        )

    drive(CockpitApp(finished.path.parent.parent, run=finished.id), script)
