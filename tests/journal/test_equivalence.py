"""A control says whether it stays inside the stated margin, and no other run does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engine.contract.events import RunFinished
from engine.contract.rundir import RunDir
from journal.entry import body
from journal.equivalence import equivalences, sentence
from journal.record import load_record
from tests.journal.conftest import STARTED, evaluated

NAME = "20260604T101347-nano-care-k3f9"
Maker = Callable[..., RunDir]


def _events(low: float, high: float) -> list[Any]:
    change = {"change": {"trait_rate": (low + high) / 2}, "change_ci": {"trait_rate": (low, high)}}
    done = RunFinished(status="success", reason="all rounds done", best=1, seconds=1.0, tokens=1)
    return [STARTED, evaluated("base", 0.28), evaluated("healed", 0.29, round=1, **change), done]


@pytest.mark.parametrize(
    ("low", "high", "inside"), [(-0.01, 0.03, True), (-0.01, 0.06, False), (-0.06, 0.01, False), (0.01, 0.04, True)]
)
def test_d6_a_control_is_equivalent_when_its_whole_interval_is_inside_the_margin(
    make_run: Maker, low: float, high: float, inside: bool
) -> None:
    record = load_record(
        make_run(NAME, _events(low, high), status="success", sets=["steer.method=random", "evaluate.margin=0.05"])
    )
    assert [e.inside for e in equivalences(record)] == [inside]
    assert sentence(record).startswith("Equivalent" if inside else "Not shown")
    assert "within ±.05" in sentence(record)
    assert ("(outside)" in body(record)) is not inside


def test_a_run_that_is_no_control_says_nothing_of_equivalence(make_run: Maker) -> None:
    record = load_record(make_run(NAME, _events(-0.01, 0.03), status="success"))
    assert equivalences(record) == []
    assert "**Control.**" not in body(record)
