"""Alerts of a run that goes on: raised once, cleared with hysteresis, the same verdicts as afterwards, at a cost that does not grow."""

from __future__ import annotations

import sys

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contract import events as e
from engine.contract.resolve import resolve
from engine.diagnosis.live import Alerts, Latch, Window
from tests.diagnosis.conftest import Story, healthy
from tests.makings import RECORDED

CONFIG = resolve("nano-care")


def alerts(events: list[e.Event], vocabulary: int = 2304) -> list[e.Alert]:
    fed = Alerts(CONFIG, vocabulary)
    return [alert for event in events for alert in fed.feed(event)]


def long(story: Story, times: int = 4) -> list[e.Event]:
    """The story's steps, repeated with numbers that go on."""
    steps = story.steps * times
    return [msgspec.structs.replace(s, step=n) for n, s in enumerate(steps, start=1)]


def test_a_healthy_run_and_the_recorded_one_raise_nothing() -> None:
    assert alerts([*long(healthy()), *healthy().epochs]) == []
    assert alerts(list(e.read_events(RECORDED / "events.jsonl"))) == []


@pytest.mark.parametrize(
    ("signature", "values"),
    [
        ("inert barrier", {"fired": 0.0, "kl": 0.01}),
        ("exploding gradients", {"grad_norm": 900.0}),
        ("vanishing gradients", {"grad_norm": 1e-7}),
        ("learning rate too high", {"update_ratio": 0.5}),
        ("learning rate too low", {"update_ratio": 1e-6}),
        ("loss exactly 0", {"loss": 0.0, "nll": 0.0}),
        ("placeholder data", {"loss": 1.0, "grad_norm": 1.0}),
        ("over-tight barrier", {"g_bar": 0.1}),
        ("stuck near ln V", {"nll": 7.4}),
    ],
)
def test_a_fault_is_raised_once_cleared_once_and_can_be_raised_again(signature: str, values: dict[str, float]) -> None:
    good = healthy().steps
    bad = [msgspec.structs.replace(s, **values) for s in good]
    said = [a for a in alerts([*good, *bad, *good, *bad]) if a.signature == signature]
    assert [a.state for a in said] == ["raised", "cleared", "raised"]
    assert all(a.evidence and a.round == 1 and a.stage == "heal" for a in said)


def test_a_spike_is_raised_at_its_step() -> None:
    story = healthy()
    story.step(40, loss=30.0, nll=30.0)
    (raised, *rest) = alerts(list(story.steps))
    assert (raised.signature, raised.state, rest) == ("spike", "raised", [])
    assert "step 40" in raised.evidence


def test_A3_validation_that_rises_is_raised_and_cleared_when_it_falls() -> None:
    story = healthy()
    story.vals(0.30, 0.28, 0.45, 0.50, 0.29, 0.28)
    assert [(a.signature, a.state) for a in alerts(list(story.epochs))] == [
        ("validation rises", "raised"),
        ("validation rises", "cleared"),
    ]


def test_probes_that_break_are_read_against_the_base() -> None:
    story = healthy()
    probe = e.CoherenceProbed(
        stage="heal", round=1, step=4, mass=0.99, prefill_nll=0.0, valid_json=1.0, tail_ppl=900.0, seconds=0.1
    )
    assert alerts([probe, probe]) == []  # nothing is known of the base yet
    assert [a.signature for a in alerts([*story.evaluated, probe, probe])] == ["mode collapse"]


def test_a_baked_student_whose_answers_break_is_told_while_tail_and_mass_still_look_well() -> None:
    base, *_ = (v for v in healthy().evaluated if v.subject == "base" and v.split == "val")
    still = base.metrics["broken"]

    def healed(round_: int, broken: float) -> e.Evaluated:
        return msgspec.structs.replace(base, subject="healed", round=round_, metrics=base.metrics | {"broken": broken})

    rounds = [healed(1, still + 0.05), healed(2, still + 0.2), healed(3, still + 0.4), healed(4, still)]
    found = alerts([base, *rounds])
    assert [(a.signature, a.state, a.round) for a in found] == [
        ("broken answers", "raised", 2),
        ("broken answers", "cleared", 4),
    ]
    assert f"{still + 0.2:.0%} of the healed answers are broken" in found[0].evidence


def test_few_kept_completions_are_told_before_the_run_starves() -> None:
    few = e.Kept(stage="keep", round=1, kept={"trait": CONFIG.keep.min_kept}, dropped={})
    assert [a.signature for a in alerts([few])] == ["starved filter"]


def test_a_resumed_run_is_judged_from_where_it_goes_on() -> None:
    story = healthy()
    again = e.RunResumed(attempt=2, from_attempt=1, from_round=1, from_stage="heal", from_step=0, holds=3)
    high = [msgspec.structs.replace(s, loss=s.loss + 30) for s in story.steps]
    assert alerts([*story.steps, again, *high]) == []


def test_the_alerts_are_events_that_can_be_written() -> None:
    for alert in alerts(long(healthy()) + [msgspec.structs.replace(s, grad_norm=900.0) for s in healthy().steps]):
        assert e.decode(e.encode(alert)) == alert


def test_what_is_held_does_not_grow_with_the_run() -> None:
    fed = Alerts(CONFIG)

    def size() -> int:
        return sum(sys.getsizeof(v) for v in vars(fed).values()) + sys.getsizeof(fed._losses._held)

    for event in long(healthy(), 5):
        fed.feed(event)
    before = size()
    for event in long(healthy(), 40):
        fed.feed(event)
    assert size() <= before + 200


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=200), st.integers(1, 4), st.integers(1, 6))
def test_a_latch_alternates_and_needs_as_many_values_as_it_says(values: list[float], arm: int, hold: int) -> None:
    latch = Latch(2.0, 1.0, arm, hold)
    states = [latch.see(v) for v in values]
    turns = [s for s in states if s]
    assert turns == ["raised", "cleared"] * (len(turns) // 2) + ["raised"] * (len(turns) % 2)
    for n, state in enumerate(states):
        if state == "raised":
            assert all(v >= 2.0 for v in values[n + 1 - arm : n + 1])
        elif state == "cleared":
            assert all(v < 1.0 for v in values[n + 1 - hold : n + 1])


@given(st.lists(st.floats(0, 100), min_size=2, max_size=60), st.integers(2, 20))
def test_a_windows_sigma_is_that_of_its_last_values(values: list[float], size: int) -> None:
    window = Window(size)
    for value in values:
        window.add(value)
    held = values[-size:]
    mean = sum(held) / len(held)
    assert window.mean == pytest.approx(mean, abs=1e-6)
    spread = (sum((v - mean) ** 2 for v in held) / len(held)) ** 0.5
    if spread > 1e-2 * abs(mean) + 1e-3:
        assert window.sigma(mean + 3 * spread) == pytest.approx(3.0, rel=1e-3)
