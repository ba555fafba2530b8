"""A live run in a few values: where it is, what is left of it, and its curves with every extreme kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.live.feed import Facts, checklist
from cockpit.live.live import POINTS, Curve, Live, _curve
from cockpit.live.signals import left
from cockpit.live.view import RunView, read
from cockpit.widgets.live_run import _series
from engine.contract import events as e
from engine.contract.files import append_line
from engine.contract.rundir import RunDir
from engine.contract.runfile import load_runfile
from tests.screens.conftest import Write

RUN = "20260606T101347-nano-care-q7bb"


def test_a_live_run_is_where_its_newest_event_says(write_run: Write) -> None:
    folder = write_run(RUN, "", events=14)  # in the second round, after two steps
    pulse = Live(folder).look()
    assert (pulse.state, pulse.round, pulse.rounds, pulse.stage) == ("running", 2, 2, "heal")
    assert (pulse.done, pulse.total) == (2, 4)
    assert (pulse.base, pulse.prompted, pulse.healed) == (0.25, 1.0, (0.4,))
    assert (pulse.tau, pulse.reference) == (0.25, "prev")
    assert pulse.kl.rounds == (1, 1, 1, 1, 2, 2)
    assert pulse.kl.at == (1, 2, 3, 4, 5, 6)


@pytest.mark.parametrize("stage", ["heal", "evaluate"])
def test_home_and_monitor_say_the_same_time_left_down_to_the_last_evaluation(finished: RunDir, stage: str) -> None:
    """The evaluation on test, after the last round, is time that is left too."""
    finished.result.unlink()
    lines = finished.events.read_bytes().splitlines(keepends=True)
    within = [n for n, line in enumerate(lines) if f'"stage":"{stage}"'.encode() in line and b'"round":4' in line]
    place = next(n for n in within if b'"total":1080' in lines[n]) if stage == "evaluate" else within[len(within) // 2]
    finished.events.write_bytes(b"".join(lines[: place + 1]))
    pulse = Live(finished).look()
    view = RunView()
    view.add(read(finished.events.read_bytes()))
    facts = Facts(preflight=checklist(finished)[0])
    assert pulse.left == left(view.snapshot(), load_runfile(finished.config).config, facts.estimate)
    assert pulse.left is not None
    assert pulse.left > 1.0
    assert len(pulse.round_seconds) == 3


def test_nothing_is_said_to_be_left_where_neither_a_stage_nor_an_estimate_tells(write_run: Write) -> None:
    folder = write_run(RUN, "", events=6)
    folder.preflight.unlink()
    assert Live(folder).look().left is None


def test_only_new_bytes_are_read_and_a_torn_line_waits_for_its_end(write_run: Write) -> None:
    folder = write_run(RUN, "", events=12)
    live = Live(folder)
    assert live.look().done == 0
    line = e.encode(e.Progress(stage="heal", round=2, elapsed=25.0, done=3, total=4))
    with folder.events.open("ab") as f:
        f.write(line[:20])
    assert live.look().elapsed == 20.0
    with folder.events.open("ab") as f:
        f.write(line[20:] + b"\n")
    assert live.look().elapsed == 25.0
    append_line(
        folder.events, e.encode(e.ControlApplied(stage="heal", round=2, elapsed=26.0, request="pause", by="me"))
    )
    assert live.look().state == "paused"


def test_a_folder_without_events_is_starting(write_run: Write) -> None:
    folder = write_run(RUN, "", events=0)
    assert not Path(folder.events).exists()
    pulse = Live(folder).look()
    assert (pulse.state, pulse.elapsed, pulse.left) == ("starting", None, None)


@given(st.integers(1, 5000), st.integers(0, 2**32 - 1))
def test_a_thinned_curve_keeps_its_extremes_and_stays_small(count: int, seed: int) -> None:
    noise = np.random.default_rng(seed)
    values = noise.normal(size=count)
    values[noise.random(count) < 0.1] = np.nan
    at, rounds = np.arange(1.0, count + 1), np.sort(noise.integers(1, 5, count)).astype(float)
    curve = _curve(at, values, rounds)
    assert len(curve.values) <= POINTS + 2
    assert len(curve.at) == len(curve.values) == len(curve.rounds)
    assert list(curve.at) == sorted(curve.at)
    known = values[np.isfinite(values)]
    if len(known):
        assert np.nanmax(curve.values) == known.max()
        assert np.nanmin(curve.values) == known.min()


def test_events_out_of_order_draw_a_chart_and_no_traceback() -> None:
    points = Curve(at=(1.0, 5.0, 3.0), values=(0.1, 0.2, 0.3), rounds=(1, 1, 1))
    assert len(_series("kl", points)) == 3
