"""A series loses no spike at any zoom, keeps gaps, and gives the same whether it grew at once or bit by bit."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.widgets.series import Pyramid, Series, from_columns, running_average

values = st.lists(st.one_of(st.floats(-1e3, 1e3), st.just(np.nan)), min_size=1, max_size=900)
seeds = st.integers(0, 2**32 - 1)


def wandering(seed: int, count: int, missing: float = 0.1) -> np.ndarray:
    """Values with gaps and rare spikes."""
    rng = np.random.default_rng(seed)
    held = rng.normal(size=count).cumsum() + 50 * (rng.random(count) < 0.01)
    held[rng.random(count) < missing] = np.nan
    return held


def truth(held: np.ndarray, start: int, stop: int) -> tuple[float, float]:
    part = held[start:stop][np.isfinite(held[start:stop])]
    return (float(part.min()), float(part.max())) if len(part) else (np.nan, np.nan)


@given(
    seeds,
    st.integers(1, 9_000),
    st.lists(st.tuples(st.integers(0, 9_000), st.integers(0, 9_000)), min_size=1, max_size=30),
)
def test_no_spike_is_lost_between_any_two_places(seed: int, count: int, pairs: list[tuple[int, int]]) -> None:
    held = wandering(seed, count)
    pyramid = Pyramid()
    pyramid.append(held)
    spans = np.array([sorted((min(a, count), min(b, count))) for a, b in pairs])
    low, high = pyramid.between(spans[:, 0], spans[:, 1])
    for (start, stop), least, most in zip(spans.tolist(), low, high, strict=True):
        np.testing.assert_equal((least, most), truth(held, start, stop))


@given(seeds, st.lists(st.integers(0, 400), min_size=1, max_size=30))
def test_growing_bit_by_bit_gives_what_growing_at_once_gives(seed: int, sizes: list[int]) -> None:
    held = wandering(seed, sum(sizes))
    at_once, slowly = Series("a"), Series("a")
    at_once.append(held, step=np.arange(len(held)))
    start = 0
    for size in sizes:
        slowly.append(held[start : start + size], step=np.arange(start, start + size))
        start += size
    edges = np.linspace(-1, len(held), 41)
    for smooth in (False, True):
        one, other = (s.columns("step", edges, smooth=smooth) for s in (at_once, slowly))
        np.testing.assert_allclose(one.low, other.low, rtol=1e-9)
        np.testing.assert_allclose(one.high, other.high, rtol=1e-9)
        assert (one.joined == other.joined).all()


@given(seeds, st.integers(2, 3_000), st.integers(1, 150))
def test_a_column_is_the_minimum_and_maximum_of_its_own_points(seed: int, count: int, columns: int) -> None:
    held = wandering(seed, count)
    series = from_columns("a", held, {"step": np.arange(1, count + 1)})
    edges = np.linspace(0, count, columns + 1)
    found = series.columns("step", edges)
    bounds = np.searchsorted(np.arange(1, count + 1), edges, side="right")
    for n, (start, stop) in enumerate(pairwise(bounds.tolist())):
        if stop > start:
            np.testing.assert_equal((found.low[n], found.high[n]), truth(held, start, stop))


def test_a_missing_value_is_a_gap_and_never_a_line_across() -> None:
    series = from_columns("a", [1.0, np.nan, 3.0], {"step": [1, 2, 3]})
    found = series.columns("step", np.linspace(0, 3, 13))
    assert np.isnan(found.high[4:11]).all()
    assert found.high[3] == 1.0
    assert found.high[11] == 3.0


def test_between_sparse_points_the_columns_lie_on_the_line() -> None:
    series = from_columns("a", [0.0, 4.0], {"step": [0.5, 4.5]})
    found = series.columns("step", np.arange(6.0))
    np.testing.assert_allclose(found.low, [0.0, 1.0, 2.0, 3.0, 4.0])
    assert found.joined.all()


def test_a_line_never_runs_from_one_round_into_the_next() -> None:
    series = from_columns("a", [0.0, 4.0], {"step": [1.0, 9.0]})
    found = series.columns("step", np.linspace(0, 5, 6), span=(0.0, 5.0))
    assert np.isnan(found.high[1:]).all()


@given(values, st.floats(0.5, 0.99))
@settings(max_examples=50)
def test_the_running_average_is_the_weighted_mean_of_what_was_measured(held: list[float], decay: float) -> None:
    y = np.array(held)
    smooth, _ = running_average(y, decay, (0.0, 0.0))
    top = bottom = 0.0
    for value, average in zip(y, smooth, strict=True):
        top, bottom = top * decay, bottom * decay
        if np.isfinite(value):
            top, bottom = top + value, bottom + 1
            assert average == pytest.approx(top / bottom, rel=1e-6, abs=1e-6)
        else:
            assert np.isnan(average)


def test_the_running_average_starts_anew_with_a_round() -> None:
    series = from_columns("a", [9.0, 9.0, 1.0, 1.0], {"step": [1, 2, 3, 4]}, part=[1, 1, 2, 2])
    assert series.smoothed.tolist() == [9.0, 9.0, 1.0, 1.0]


def test_sync_adds_what_is_new_and_starts_over_after_a_resume() -> None:
    series = Series("a")
    series.sync([1.0, 2.0], step=[1, 2])
    series.sync([1.0, 2.0, 3.0], step=[1, 2, 3])
    assert series.y.tolist() == [1.0, 2.0, 3.0]
    series.sync([1.0, 7.0], step=[1, 2])
    assert series.y.tolist() == [1.0, 7.0]
    series.sync([1.0, 8.0, 9.0], step=[1, 1.5, 3])
    assert series.y.tolist() == [1.0, 8.0, 9.0]


def test_an_axis_that_runs_backwards_is_refused() -> None:
    series = from_columns("KL", [1.0], {"step": [5]})
    with pytest.raises(ValueError, match="KL: step must not run backwards"):
        series.append([1.0], step=[4])
    with pytest.raises(ValueError, match="2 values but 1 places"):
        series.append([1.0, 2.0], step=[6])
    assert len(series) == 1


def test_an_unknown_axis_names_those_there_are() -> None:
    with pytest.raises(ValueError, match="it has step"):
        Series("KL").x("tokens")


def test_the_value_at_a_place_is_the_last_one_measured_there() -> None:
    series = from_columns("a", [1.0, np.nan, 3.0], {"step": [1, 2, 3]})
    assert [series.at("step", x) for x in (0.5, 1.5, 2.5, 3.0, 9.0)] == [None, 1.0, None, 3.0, 3.0]
