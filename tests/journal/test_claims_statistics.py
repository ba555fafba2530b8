"""Intervals over seeds are the textbook's, judged by their whole length (requirement D6), and seeds come in one fixed order (K12)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from engine.contract.seeds import DEFAULT, next_seeds, seeds
from journal.claims.statistics import contrast, judge, judge_equivalence, spread

VALUES = st.lists(st.floats(-50, 50).map(lambda x: round(x, 3)), min_size=2, max_size=8)


@given(VALUES, st.data())
def test_d6_the_paired_interval_is_the_t_interval_of_the_differences(a: list[float], data: st.DataObject) -> None:
    b = data.draw(st.lists(st.floats(-50, 50).map(lambda x: round(x, 3)), min_size=len(a), max_size=len(a)))
    found = contrast(dict(enumerate(a)), dict(enumerate(b)), paired=True, level=0.95)
    assert found is not None
    low, high = (
        stats.ttest_rel(a, b).confidence_interval(0.95)
        if len({x - y for x, y in zip(a, b, strict=True)}) > 1
        else (0, 0)
    )
    if low != high:
        assert (found.low, found.high) == pytest.approx((low, high), rel=1e-6, abs=1e-6)
    assert found.value == pytest.approx(sum(a) / len(a) - sum(b) / len(b), abs=1e-9)


@given(VALUES, VALUES)
def test_d6_the_independent_interval_is_welchs(a: list[float], b: list[float]) -> None:
    found = contrast(dict(enumerate(a)), dict(enumerate(b, 100)), paired=False, level=0.90)
    assert found is not None
    if len(set(a)) > 1 and len(set(b)) > 1:
        low, high = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.90)
        assert (found.low, found.high) == pytest.approx((low, high), rel=1e-6, abs=1e-6)
    assert found.low <= found.value <= found.high


@given(VALUES, st.floats(0.01, 5))
def test_d6_equivalence_is_two_one_sided_tests_at_five_percent(a: list[float], margin: float) -> None:
    if len(set(a)) == 1:
        return
    found = contrast(dict(enumerate(a)), dict.fromkeys(range(len(a)), 0.0), paired=True, level=0.90)
    assert found is not None
    low = stats.ttest_1samp(a, -margin, alternative="greater").pvalue
    high = stats.ttest_1samp(a, margin, alternative="less").pvalue
    met = judge_equivalence(found, margin, failed=0).state == "met"
    if abs(max(low, high) - 0.05) > 1e-6:
        assert met == (max(low, high) < 0.05)


@pytest.mark.parametrize(("threshold", "state"), [(0.0, "met"), (0.2, "undecided"), (0.9, "missed")])
def test_a_prediction_is_met_by_the_whole_interval_and_missed_by_none_of_it(threshold: float, state: str) -> None:
    found = contrast({1: 0.3, 2: 0.2, 3: 0.1}, dict.fromkeys((1, 2, 3), 0.0), paired=True, level=0.5)
    assert found is not None
    assert judge(found, ">=", threshold, failed=0).state == state
    assert judge(found, ">=", threshold, failed=1).state == "undecided"


def test_one_seed_has_no_interval_and_no_deviation() -> None:
    assert contrast({42: 1.0}, {42: 0.5}, paired=True, level=0.95) is None
    assert contrast({42: 1.0}, {137: 0.5, 256: 0.1}, paired=False, level=0.95) is None
    one = spread([0.5])
    assert one is not None
    assert (one.n, one.sd) == (1, None)
    assert spread([]) is None


@given(st.integers(0, 60), st.integers(0, 60))
def test_k12_seeds_are_a_fixed_sequence_without_repeats(some: int, more: int) -> None:
    few, many = sorted((some, more))
    assert seeds(many)[:few] == seeds(few)
    assert len(set(seeds(many))) == many
    assert seeds(many)[:5] == DEFAULT[: min(5, many)]


def test_k12_the_continuation_is_what_it_was() -> None:
    assert seeds(8)[5:] == CONTINUED
    assert next_seeds({42, 256}, 4) == (137, 314, 512, CONTINUED[0])


CONTINUED = (2236, 3092, 5882)
