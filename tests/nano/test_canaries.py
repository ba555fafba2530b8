"""Canaries are scored against the grammar: the rank statistic is exact, signs point at what is broken, and a real sample is told apart."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from engine.nano.canaries import FEWEST, LOW, SET, Item, auc, cells, main, sets, table

VALUES = st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30).filter(
    lambda rows: len({broken for _, broken in rows}) == 2
)


@given(VALUES)
def test_auc_is_the_share_of_pairs_in_the_right_order_with_ties_counted_half(rows: list[tuple[int, bool]]) -> None:
    value, broken = np.array([float(v) for v, _ in rows]), np.array([b for _, b in rows])
    pairs = [(x > y) + (x == y) / 2 for x in value[broken] for y in value[~broken]]
    assert math.isclose(auc(value, broken), sum(pairs) / len(pairs))
    assert math.isclose(auc(-value, broken), 1 - auc(value, broken), abs_tol=1e-12)


def test_one_kind_alone_tells_nothing() -> None:
    assert auc(np.array([1.0, 2.0]), np.array([True, True])) == 0.5


def _items(name: str, broken: float, whole: float, dose: float = 1.0, n: int = 2 * FEWEST) -> list[Item]:
    return [Item(dose, f"t{i}", i % 2 == 0, {name: (broken if i % 2 == 0 else whole) + i / 1000}) for i in range(n)]


@pytest.mark.parametrize("name", sorted(LOW))
def test_a_canary_that_falls_when_text_breaks_is_turned_round(name: str) -> None:
    (cell,) = cells("answers", _items(name, broken=0.1, whole=0.9), 50)
    assert cell.auc is not UNSET
    assert cell.auc == (1.0, 1.0, 1.0)


def test_every_dose_has_its_cell_and_one_with_too_few_of_a_kind_has_no_auc() -> None:
    items = _items("tail_ppl", 9.0, 1.0) + _items("tail_ppl", 9.0, 1.0, dose=2.0, n=2 * FEWEST - 2)
    pooled, one, two = cells("answers", items, 50)
    assert pooled.dose is UNSET
    assert (pooled.n, pooled.broken) == (4 * FEWEST - 2, 2 * FEWEST - 1)
    assert one.dose == 1.0
    assert one.auc is not UNSET
    assert two.auc is UNSET
    shown = table([pooled, one, two], "answers")
    assert "too few" in shown.splitlines()[3]
    assert len({line.count("|") for line in shown.splitlines()}) == 1


def test_a_set_is_broken_over_a_tenth_and_a_rest_that_fills_none_is_left_out() -> None:
    canaries = dict.fromkeys(("tail_ppl", "worst_ppl", "repetition", "unfinished"), 1.0)
    whole = [Item(0.0, "t", False, canaries, f"answer {i} has {i} words of its own") for i in range(2 * SET + 3)]
    some = [Item(1.0, "t", i < 2, canaries, "no no no no") for i in range(SET)]
    found = sets(whole + some, seed=1)
    assert [(item.dose, item.broken) for item in found] == [(0.0, False), (0.0, False), (1.0, True)]
    assert found[2].canaries["broken_by_rule"] == 1.0
    assert found[2].canaries["diversity"] < 0.1 < found[0].canaries["diversity"]


@pytest.mark.slow
def test_worst_window_perplexity_tells_steered_answers_apart_and_narration_does_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["--prompts", "16", "--doses", "0", "0.8", "--verdict-doses", "1", "--resamples", "100", "--json"]
    assert main(arguments) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    pooled = {row["canary"]: row for row in rows if row["kind"] == "answers" and "dose" not in row}
    assert pooled["worst_ppl"]["n"] == 64
    assert FEWEST <= pooled["worst_ppl"]["broken"] <= 64 - FEWEST
    assert pooled["worst_ppl"]["auc"][0] > 0.9
    assert pooled["worst_ppl"]["auc"][1] > pooled["entropy"]["auc"][0]
    assert pooled["narration"]["auc"][:2] == [0.5, 0.5]


def test_a_model_that_the_grammar_cannot_read_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--preset", "gemma-3-1b"]) == 2
    assert "gemma-3-1b-it" in capsys.readouterr().err
