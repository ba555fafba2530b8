"""The monitor shows a run as its files tell it, at any size, and asks things of a live one; driven over a recorded run."""

from __future__ import annotations

import json
import shutil
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App
from textual.widgets import Input

from cockpit.app import CockpitApp
from cockpit.runs import processes
from cockpit.screens.completions import Completions, PageRead
from cockpit.screens.config import ConfigScreen
from cockpit.screens.controls import Asked
from cockpit.screens.log import Log
from cockpit.screens.monitor import EventsArrived, MachineSeen, Monitor, TextsRead
from cockpit.screens.too_small import TooSmall
from cockpit.theme import register
from cockpit.widgets.board import plan
from cockpit.widgets.chart import Chart
from cockpit.widgets.confirm import Ask, Confirm
from cockpit.widgets.log import LogPane
from cockpit.widgets.pane import Pane, Row
from engine.contract import events as e
from engine.contract.control import Mailbox
from engine.contract.files import append_line, write_json
from engine.contract.rundir import RunDir, runs_folder
from tests.screens.conftest import Drive, Stage

RECORDED = Path(__file__).parents[1] / "data/runs/20261121T082221-nano-care-gqqg"
SIZES = [(80, 24), (120, 40), (200, 60)]
LINES = (RECORDED / "events.jsonl").read_bytes().splitlines(keepends=True)


class One(App[None]):
    """An app of one monitor."""

    def __init__(self, run: RunDir) -> None:
        super().__init__()
        self.run_shown = run

    def on_mount(self) -> None:
        register(self)
        self.push_screen(Monitor(self.run_shown.path.parent.parent, self.run_shown))


@pytest.fixture
def finished(project: Path) -> RunDir:
    folder = RunDir(runs_folder(project) / RECORDED.name)
    shutil.copytree(RECORDED, folder.path)
    return folder


@pytest.fixture
def live(finished: RunDir) -> RunDir:
    """In the heal of round 3, with this process as its worker."""
    finished.result.unlink()
    place = next(n for n, line in enumerate(LINES) if b'"round":3' in line and b'"step":20,' in line)
    finished.events.write_bytes(b"".join(LINES[: place + 1]))
    me = {"host": processes.host(), "boot_id": processes.boot_id(), "attempt": 1, "worker": processes.me()}
    write_json(finished.process, me | {"supervisor": processes.me()})
    return finished


async def read(stage: Stage) -> Monitor:
    """Wait until the run was read and drawn."""
    await stage.heard(EventsArrived)
    monitor = stage.app.screen
    assert isinstance(monitor, Monitor)
    await stage.until(lambda: monitor.scene and monitor.scene.update.caught_up, "the whole run")
    await stage.heard(TextsRead)
    await stage.heard(MachineSeen)
    await stage.pilot.pause(0.05)
    return monitor


def asked(run: RunDir) -> list[tuple[str, str]]:
    return [(r.request, r.text or (f"{r.knob}={r.value}" if r.knob else "")) for r in Mailbox(run.control).read()]


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


# what is asked


def test_a_finished_runs_controls_are_off_and_say_why(finished: RunDir, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        await read(stage)
        for key in ("p", "s", "a", "k", "S", "n"):
            await stage.press(key)
            await stage.shows("has ended as success")
            assert isinstance(stage.app.screen, Monitor)
            stage.app.clear_notifications()
            await stage.pilot.pause(0.05)
        assert "pause" not in stage.text().splitlines()[-1]

    drive(One(finished), script)
    assert not finished.control.exists()


def test_p_pauses_and_unpauses_and_k_asks_for_a_checkpoint(live: RunDir, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        await read(stage)
        await stage.press("p")
        await stage.heard(Asked)
        append_line(live.events, e.encode(e.ControlApplied(request="pause", by="p", round=3, stage="heal")))
        await stage.shows("‖ paused")
        await stage.press("p", "k")
        await stage.until(lambda: len(asked(live)) == 3, "three requests")

    drive(One(live), script)
    assert [word for word, _ in asked(live)] == ["pause", "unpause", "checkpoint"]


@pytest.mark.parametrize(("key", "word"), [("s", "stop_after_round"), ("a", "abort")])
def test_ending_a_run_shows_what_is_at_stake_and_asks(live: RunDir, drive: Drive, key: str, word: str) -> None:
    append_line(live.events, e.encode(e.CheckpointSaved(path="rounds/3/state", sha256="0" * 64)))

    async def script(stage: Stage) -> None:
        await read(stage)
        for answer in ("n", "escape"):
            await stage.press(key)
            await stage.until(lambda: isinstance(stage.app.screen, Confirm), "the question")
            text = stage.text()
            for words in ("elapsed", "left", "last checkpoint", "rounds/3/state", "ago"):
                assert words in text
            await stage.press(answer)
            await stage.until(lambda: isinstance(stage.app.screen, Monitor), "the monitor")
        assert not live.control.exists()
        await stage.press(key)
        await stage.until(lambda: isinstance(stage.app.screen, Confirm), "the question")
        await stage.press("y")
        await stage.heard(Asked)

    drive(One(live), script)
    assert asked(live) == [(word, "")]


def test_44_a_knob_is_set_within_its_bounds_or_refused_in_words(live: RunDir, drive: Drive) -> None:
    async def give(stage: Stage, text: str) -> Asked:
        stage.messages.clear()
        await stage.press("S")
        await stage.until(lambda: isinstance(stage.app.screen, Ask), "the field")
        assert "heal.lam" in stage.text()
        stage.app.screen.query_one(Input).value = text
        await stage.press("enter")
        found: Asked = await stage.heard(Asked)
        return found

    async def script(stage: Stage) -> None:
        await read(stage)
        assert "out of bounds" in (await give(stage, "heal.tau=-3")).why
        assert "cannot be set" in (await give(stage, "heal.lr=3")).why
        assert (await give(stage, "heal.tau=0.04")).why == ""

    drive(One(live), script)
    assert asked(live) == [("set", "heal.tau=0.04")]


def test_a_note_is_written_and_an_empty_one_is_not(live: RunDir, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        await read(stage)
        await stage.press("n")
        await stage.until(lambda: isinstance(stage.app.screen, Ask), "the field")
        await stage.press("escape")
        await stage.until(lambda: isinstance(stage.app.screen, Monitor), "the monitor")
        await stage.press("n")
        await stage.until(lambda: isinstance(stage.app.screen, Ask), "the field")
        stage.app.screen.query_one(Input).value = "round 3 stutters"
        await stage.press("enter")
        await stage.heard(Asked)

    drive(One(live), script)
    assert asked(live) == [("note", "round 3 stutters")]


# completions, log, config


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


HOSTILE = [
    "\x1b]52;c;aGVsbG8=\x07\x1b[2Jclean",
    "[/bold][red]markup[/red] [node_modules] $accent",
    "‮reversed‬ \x9b31m c1 \x00 nul",
    "wide 漢字 and 👩‍🚀 and e\u0301 combined",
    "",
    "x" * 5000,
]


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
        await stage.press("pagedown", "pagedown")
        await stage.shows("run.seed")

    drive(CockpitApp(finished.path.parent.parent, run=finished.id), script)


# what may go wrong


def damage_nothing(run: RunDir) -> None:
    shutil.rmtree(run.path)
    run.path.mkdir()


def damage_gone(run: RunDir) -> None:
    shutil.rmtree(run.path)


def damage_all(run: RunDir) -> None:
    for path in (run.config, run.preflight, run.events, run.completions, run.result):
        path.write_bytes(b'\xff\xfe{"event":\n[]\n{}\nnull\n')


def damage_shapes(run: RunDir) -> None:
    for path in (run.config, run.preflight, run.result):
        path.write_bytes(b'{"config": 3, "answers": [], "evidence": "x", "status": 7, "process": []}')
    run.process.write_bytes(b"[]")


@pytest.mark.parametrize(
    ("damage", "size"),
    [
        (damage_nothing, (80, 24)),
        (damage_gone, (120, 40)),
        (damage_all, (80, 24)),
        (damage_shapes, (200, 60)),
    ],
)
def test_33_34_a_damaged_or_empty_run_is_told_calmly(
    finished: RunDir, drive: Drive, size: tuple[int, int], damage: Any
) -> None:
    damage(finished)

    async def script(stage: Stage) -> None:
        await stage.heard(EventsArrived)
        await stage.until(lambda: isinstance(stage.app.screen, Monitor) and stage.app.screen.scene, "a scene")
        await stage.pilot.pause(0.2)
        assert "! " in stage.text() or "✗ " in stage.text()
        for key in ("m", "slash", "p", "left", "c", "escape", "l", "escape", "g", "escape"):
            await stage.press(key)

    drive(CockpitApp(finished.path.parent.parent, run=finished.id), script, size=size)


def disorder(run: RunDir) -> None:
    """Whole events in an order that nobody writes: steps, rounds and clocks that run back, a resume from nowhere."""
    lines = run.events.read_bytes().splitlines(keepends=True)
    resumed = e.RunResumed(from_attempt=1, from_round=2, from_stage="heal", from_step=30, attempt=2)
    lost = e.RunResumed(from_attempt=7, from_round=9, from_stage="bake", from_step=0, attempt=8)
    run.events.write_bytes(
        b"".join([*reversed(lines), e.encode(resumed), *lines[::3], e.encode(lost), *lines[100:200]])
    )
    run.result.unlink()


@pytest.mark.parametrize("size", [(80, 24), (200, 60)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_34_events_in_an_order_that_nobody_writes_are_drawn_calmly(
    finished: RunDir, drive: Drive, size: tuple[int, int]
) -> None:
    disorder(finished)

    async def script(stage: Stage) -> None:
        await read(stage)
        for key in ("m", "b", "m", "m", "left", "x", "y", "slash", "plus"):
            await stage.press(key)
        assert "KL to the previous student" in stage.text()

    drive(One(finished), script, size=size)


def test_37_a_terminal_that_shrinks_and_grows_shows_the_run_again(finished: RunDir, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        await read(stage)
        before = stage.text().splitlines()[2:30]
        await stage.pilot.resize_terminal(40, 12)
        await stage.until(lambda: isinstance(stage.app.screen, TooSmall), "the calm message")
        await stage.pilot.resize_terminal(120, 40)
        await stage.until(lambda: isinstance(stage.app.screen, Monitor), "the monitor")
        await stage.until(lambda: stage.text().splitlines()[2:30] == before, "the same picture")

    drive(CockpitApp(finished.path.parent.parent, run=finished.id), script)


@pytest.mark.parametrize("size", SIZES[1:2], ids=lambda s: f"{s[0]}x{s[1]}")
def test_in_ascii_mode_nothing_but_ascii_is_drawn(
    finished: RunDir, drive: Drive, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COCKPIT_ASCII", "1")

    async def script(stage: Stage) -> None:
        await read(stage)
        for key in ("m", "c"):
            for pane in stage.app.screen.walk_children():
                for y in range(pane.size.height):
                    for segment in pane.render_lines(pane.size.region)[y] if pane.size.area else ():
                        assert segment.text.isascii(), segment.text
            await stage.press(key)
            await stage.pilot.pause(0.2)

    drive(CockpitApp(finished.path.parent.parent, run=finished.id), script, size=size)


def test_a_run_that_ends_while_it_is_watched_turns_into_a_finished_one(live: RunDir, drive: Drive) -> None:
    done = len(live.events.read_bytes().splitlines())

    async def script(stage: Stage) -> None:
        await read(stage)
        assert "pause" in stage.text().splitlines()[-1]
        with live.events.open("ab") as f:
            f.write(b"".join(LINES[done:]))
        shutil.copy(RECORDED / "result.json", live.result)
        await stage.shows("✓ success")
        await stage.shows("✓ met")
        await stage.until(lambda: "pause" not in stage.text().splitlines()[-1], "the controls to go")

    drive(One(live), script)


def test_a_foreign_scripts_run_shows_its_loss(project: Path, drive: Drive) -> None:
    folder = RunDir(runs_folder(project) / "20260604T101347-train-k3f9")
    folder.path.mkdir(parents=True)
    hashes = dict.fromkeys(("script_sha256", "argv_hash", "code_hash", "preflight_hash"), "0" * 64)
    append_line(folder.events, e.encode(e.ScriptStarted(run=folder.id, script="train.py", **hashes)))
    for number in range(1, 40):
        append_line(
            folder.events, e.encode(e.ScriptStep(step=number, elapsed=float(number), loss=4.0 / number, tokens=100))
        )
    write_json(folder.process, {"host": processes.host(), "boot_id": processes.boot_id(), "worker": processes.me()})

    async def script(stage: Stage) -> None:
        await stage.heard(EventsArrived)
        await stage.shows("SCRIPT  step 39")
        assert "Loss" in stage.text()
        for key in ("m", "m", "m", "b", "left", "slash"):
            await stage.press(key)

    drive(One(folder), script, size=(80, 24))
