"""What a run's events tell is the same however they arrive, never changes under a reader, and says what the numbers mean."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.live import signals
from cockpit.live.columns import Columns
from cockpit.live.view import COUNTS, VALUES, RunView, Snapshot, read
from cockpit.report.lines import Narrator
from engine.contract import events as e
from engine.contract.runfile import load_runfile
from tests.makings import RECORDED

LINES = (RECORDED / "events.jsonl").read_bytes().splitlines(keepends=True)
EVENTS = [e.decode(line) for line in LINES]
CONFIG = load_runfile(RECORDED / "config.json").config


def viewed(events: list[Any]) -> Snapshot:
    view = RunView()
    view.add(events)
    return view.snapshot()


def same(a: Snapshot, b: Snapshot) -> bool:
    for field in fields(a):
        ours, theirs = getattr(a, field.name), getattr(b, field.name)
        if field.name in ("steps", "probes", "script"):
            if ours.keys() != theirs.keys() or any(
                not np.array_equal(ours[k], theirs[k], equal_nan=True) for k in ours
            ):
                return False
        elif ours != theirs:
            return False
    return True


def step(round_: int, number: int, **more: Any) -> e.HealStep:
    values = {"loss": 1.0, "nll": 1.0, "grad_norm": 1.0, "lr": 1e-3, "update_ratio": 1e-3, "tokens_per_second": 9.0}
    return e.HealStep(stage="heal", round=round_, step=number, epoch=1, tokens=10, **(values | more))


@given(st.lists(st.integers(0, len(LINES)), max_size=12))
@settings(deadline=None, max_examples=30)
def test_events_in_any_batches_give_the_same_view(cuts: list[int]) -> None:
    view = RunView()
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(LINES)], strict=True):
        view.add(read(b"".join(LINES[start:end])))
        view.snapshot()
    assert same(view.snapshot(), viewed(EVENTS))


def test_every_measured_number_of_a_step_is_in_its_column() -> None:
    shown = viewed(EVENTS)
    steps = [event for event in EVENTS if isinstance(event, e.HealStep)]
    for name in VALUES:
        wanted = [float("nan") if (v := getattr(s, name)) is msgspec.UNSET else v for s in steps]
        np.testing.assert_array_equal(shown.steps[name], np.array(wanted, np.float32))
    assert shown.steps["tokens"][-1] == sum(s.tokens for s in steps)
    assert shown.events == len(EVENTS)


def test_what_was_not_measured_is_missing_and_never_zero() -> None:
    shown = viewed([step(1, 1), step(1, 2, kl=0.2, tau=0.1)])
    assert np.isnan(shown.steps["kl"]).tolist() == [True, False]
    assert np.isnan(shown.steps["util"]).all()


def test_a_snapshot_does_not_change_when_the_run_goes_on() -> None:
    view = RunView()
    view.add(EVENTS[:200])
    before = view.snapshot()
    held = {name: column.copy() for name, column in before.steps.items()}
    view.add(EVENTS[200:])
    view.add([resumed(1, "heal", 3, holds=150)])
    assert all(np.array_equal(before.steps[name], held[name], equal_nan=True) for name in held)
    with pytest.raises(ValueError, match="read-only"):
        before.steps["kl"][0] = 1.0


def resumed(round_: int, stage: Any, step: int, *, holds: int) -> e.RunResumed:
    return e.RunResumed(from_attempt=1, from_round=round_, from_stage=stage, from_step=step, holds=holds, attempt=2)


def heal_step(round_: int, number: int) -> int:
    """The line of a recorded step, from 1."""
    return 1 + next(
        n for n, x in enumerate(EVENTS) if isinstance(x, e.HealStep) and (x.round, x.step) == (round_, number)
    )


@given(st.integers(1, 47), st.integers(1, 4), st.integers(0, 80), st.lists(st.integers(0, 400), max_size=4))
@settings(deadline=None, max_examples=25)
def test_19_a_resumed_run_looks_like_one_that_was_never_interrupted(
    at: int, round_: int, lost: int, cuts: list[int]
) -> None:
    """Whatever was done behind the lines that hold is done again: each step, epoch, alert and evaluation is there once."""
    holds = heal_step(round_, at)
    again = [msgspec.structs.replace(x, attempt=2) for x in EVENTS[holds:]]
    torn = b'{"event":"heal_step","st'
    told = [*LINES[: holds + lost], torn + b"\n", e.encode(resumed(round_, "heal", at, holds=holds))]
    told += [e.encode(x) for x in again]
    view = RunView()
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(told)], strict=True):
        view.add(read(b"".join(told[start:end])))
        view.snapshot()
    shown, whole = view.snapshot(), viewed(EVENTS)
    assert shown.damaged == 1
    for name in ("round", "step", "epoch", "tokens", *VALUES):
        np.testing.assert_array_equal(shown.steps[name], whole.steps[name])
    assert _probed(shown) == _probed(whole)
    for kind in ("evaluated", "epochs", "kept", "doses", "baked", "alerts", "guards"):
        assert [(x.round, x.stage, type(x)) for x in getattr(shown, kind)] == [
            (x.round, x.stage, type(x)) for x in getattr(whole, kind)
        ], kind
    assert [(s.round, s.stage) for s in shown.stages] == [(s.round, s.stage) for s in whole.stages]


def _probed(shown: Snapshot) -> list[tuple[float, float]]:
    return list(zip(shown.probes["round"].tolist(), shown.probes["step"].tolist(), strict=True))


def test_19_a_resumed_run_shows_what_the_contract_says_still_stands(tmp_path: Path) -> None:
    """The same list of records as every other reader gets, with a second resume that lies behind the first."""
    first, second = resumed(3, "extract", 0, holds=230), resumed(2, "heal", 20, holds=heal_step(2, 20))
    told = [*LINES[:300], e.encode(first), *LINES[230:260], e.encode(second), *LINES[second.holds : 200]]
    (tmp_path / "events.jsonl").write_bytes(b"".join(told))
    standing = e.standing_events(tmp_path / "events.jsonl")
    shown = viewed(read(b"".join(told)))
    for kind, held in ((e.Evaluated, shown.evaluated), (e.Kept, shown.kept), (e.EpochFinished, shown.epochs)):
        assert list(held) == [x for x in standing if isinstance(x, kind)]
    assert len(shown.steps["step"]) == sum(isinstance(x, e.HealStep) for x in standing)
    assert len(shown.stages) == sum(isinstance(x, e.StageFinished) for x in standing)


def test_19_what_a_person_said_stands_though_the_work_around_it_is_done_again() -> None:
    said = [e.Note(text="it bends"), e.ControlApplied(request="set heal.tau", by="p", previous="0.05", value="0.04")]
    shown = viewed([*EVENTS[:250], *said, resumed(2, "heal", 20, holds=heal_step(2, 20))])
    assert [note.text for note in shown.notes] == ["it bends"]
    assert shown.touched
    assert [c.request for c in shown.controls] == ["set heal.tau"]


def test_19_a_resumed_run_stands_at_once_where_it_goes_on() -> None:
    """Before its first new step: the stage, how much of it is done, and a clock that does not run back."""
    holds = heal_step(2, 20)
    shown = viewed([*EVENTS[: holds + 30], resumed(2, "heal", 20, holds=holds)])
    assert (shown.round, shown.stage, shown.running, shown.done, shown.total) == (2, "heal", True, 20, 48)
    assert shown.elapsed == pytest.approx(EVENTS[holds - 1].elapsed)
    assert shown.finished is None


@given(
    st.lists(st.binary(max_size=40).filter(lambda b: b"\n" not in b and b"\r" not in b and b.strip()), max_size=6),
    st.integers(0, 100),
)
@settings(deadline=None, max_examples=40)
def test_34_garbage_between_events_is_counted_and_hides_none(garbage: list[bytes], at: int) -> None:
    mixed = [*LINES[:at], *(g + b"\n" for g in garbage), *LINES[at:120]]
    found = read(b"".join(mixed))
    assert found.count(None) == len(garbage)
    assert [n for n, event in enumerate(found) if event is None] == list(range(at, at + len(garbage)))


def test_the_log_is_what_a_terminal_would_have_shown() -> None:
    narrator = Narrator()
    told = [line for event in EVENTS if (line := narrator.line(event)) is not None]
    assert [line.text for line in viewed(EVENTS).lines] == told


def test_42_a_long_run_costs_little_memory_a_step() -> None:
    columns = Columns(COUNTS, VALUES)
    assert sum(column.dtype.itemsize for column in columns.view().values()) <= 128


def test_an_alert_stands_until_it_is_cleared() -> None:
    def alert(name: str, state: str, at: str) -> e.Alert:
        return e.Alert(signature=name, state=state, evidence="0 % for 40 steps", at=at)  # type: ignore[arg-type]

    said = [alert("inert", "raised", "1"), alert("spike", "raised", "2"), alert("inert", "cleared", "3")]
    assert [a.signature for a in viewed(list(said)).standing()] == ["spike"]
    assert [a.signature for a in viewed(list(said[:2])).standing()] == ["spike", "inert"]


def test_a_set_knob_marks_the_run_as_touched_and_pause_holds_until_unpause() -> None:
    def applied(word: str) -> e.ControlApplied:
        return e.ControlApplied(request=word, by="p")

    assert viewed([applied("set heal.tau")]).touched
    assert not viewed([applied("pause"), applied("checkpoint")]).touched
    assert viewed([applied("pause"), applied("checkpoint")]).paused
    assert not viewed([applied("pause"), applied("unpause")]).paused


@given(st.lists(st.sampled_from([0.0, 0.25, 1.0]), min_size=1, max_size=60), st.data())
@settings(deadline=None, max_examples=50)
def test_the_barrier_at_a_step_knows_its_round_up_to_there(fired: list[float], data: st.DataObject) -> None:
    earlier = [step(1, n + 1, fired=1.0, kl=0.2, tau=0.1) for n in range(3)]
    shown = viewed(
        [*earlier, *(step(2, n + 1, fired=f, kl=0.2, tau=0.1, g_nll=2.0, g_bar=1.0) for n, f in enumerate(fired))]
    )
    row = data.draw(st.integers(3, 2 + len(fired)))
    found = signals.barrier(shown, row)
    upto = fired[: row - 2]
    runs = "".join("1" if f > 0 else " " for f in upto).split()
    assert found is not None
    assert found.streak == max((len(run) for run in runs), default=0)
    assert found.first == next((n + 1 for n, f in enumerate(upto) if f > 0), None)
    assert found.fired_round == pytest.approx(sum(upto) / len(upto))
    assert found.slack == pytest.approx(-0.1, abs=1e-6)
    assert found.pressure == pytest.approx(0.5)


def test_w1_the_three_gates_are_answered_from_what_was_measured() -> None:
    shown = viewed(EVENTS)
    for round_ in range(1, 5):
        filtered = signals.filtered(shown, round_)
        assert filtered is not None
        assert filtered.kept + filtered.dropped + filtered.surplus > 200
        assert [gate.state for gate in signals.gates(shown, CONFIG, round_)] == ["met", "met", "met"]
    floor = CONFIG.model_copy(update={"evaluate": CONFIG.evaluate.model_copy(update={"tail_ppl_ceiling": 1.1})})
    assert [gate.state for gate in signals.gates(shown, floor, 4)] == ["met", "missed", "missed"]
    needs = CONFIG.model_copy(update={"keep": CONFIG.keep.model_copy(update={"min_kept": 97})})
    assert signals.gates(shown, needs, 4)[0].state == "missed"


def test_w1_a_gate_without_evidence_is_pending_and_never_met() -> None:
    assert {gate.state for gate in signals.gates(viewed(EVENTS[:10]), CONFIG, 1)} == {"pending"}


def test_the_time_left_shrinks_to_nothing_and_is_right_within_a_third() -> None:
    whole = EVENTS[-1].elapsed
    view, found = RunView(), []
    for number, event in enumerate(EVENTS):
        view.add([event])
        if number % 20 == 0 and event.round > 1 and event.stage != "":
            left = signals.left(view.snapshot(), CONFIG, {})
            assert left is not None
            if event.elapsed < 190:
                assert left == pytest.approx(whole - event.elapsed, rel=0.34)
            found.append(left)
    assert found[0] > found[len(found) // 2] > found[-1]
    assert signals.left(view.snapshot(), CONFIG, {}) == 0.0


def test_without_any_measurement_nobody_guesses_the_time_left() -> None:
    assert signals.left(viewed(EVENTS[:1]), CONFIG, {}) is None
