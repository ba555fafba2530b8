"""Scales keep a limit on a cell's edge and never move a value across it; ticks are inside, in order and readable."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cockpit.widgets.scale import DOTS, Scale, linear, logarithmic, tick_text

amounts = st.floats(-1e6, 1e6, allow_nan=False, allow_subnormal=False).map(lambda v: 0.0 if abs(v) < 1e-6 else v)
positive = st.floats(1e-8, 1e6)
cells = st.integers(1, 40)


def scales_of(a: float, b: float, rows: int, limit: float | None, zero: bool) -> Scale:
    low, high = min(a, b), max(a, b)
    return linear(low, high, rows, limit=limit, zero=zero)


@given(amounts, amounts, st.integers(2, 40), st.none() | amounts, st.booleans())
def test_a_linear_scale_holds_its_ends(a: float, b: float, rows: int, limit: float | None, zero: bool) -> None:
    scale = scales_of(a, b, rows, limit, zero)
    slack = 1e-6 * max(abs(a), abs(b), abs(limit or 0), 1e-6)
    assert scale.low <= min(a, b) + slack
    assert scale.low + scale.per_dot * rows * DOTS >= max(a, b) - slack


@given(amounts, amounts, st.integers(2, 40), amounts, amounts, st.booleans())
def test_no_value_is_drawn_on_the_wrong_side_of_the_limit(
    a: float, b: float, rows: int, limit: float, value: float, zero: bool
) -> None:
    scale = scales_of(a, b, rows, limit, zero)
    edge = scale.limit_row
    assert edge is not None
    assert edge % DOTS == 0
    assert 0 <= edge < rows * DOTS
    assume(edge > 0 or value >= limit)
    assert (int(scale.rows([value])[0]) >= edge) == (value >= limit)


@given(positive, positive, st.integers(2, 40), positive, positive)
def test_no_value_is_drawn_on_the_wrong_side_of_a_limit_on_a_log_scale(
    a: float, b: float, rows: int, limit: float, value: float
) -> None:
    scale = logarithmic(min(a, b), max(a, b), rows, limit=limit)
    edge = scale.limit_row
    assert edge is not None
    assert edge % DOTS == 0
    assume(edge > 0 or value >= limit)
    assert (int(scale.rows([value])[0]) >= edge) == (value >= limit)


@given(positive, positive, cells)
def test_a_log_scale_holds_its_ends(a: float, b: float, rows: int) -> None:
    scale = logarithmic(min(a, b), max(a, b), rows)
    assert scale.value(0) <= min(a, b) * (1 + 1e-6)
    assert scale.value(rows * DOTS) >= max(a, b) * (1 - 1e-6)


@given(amounts, amounts, st.integers(4, 40), st.none() | amounts, st.booleans())
def test_ticks_are_inside_and_increase(a: float, b: float, rows: int, limit: float | None, zero: bool) -> None:
    scale = scales_of(a, b, rows, limit, zero)
    ticks = scale.ticks()
    assert ticks
    assert all(0 <= row < rows * DOTS for _, row, _ in ticks)
    values, at = [v for v, _, _ in ticks], [row for _, row, _ in ticks]
    assert values == sorted(set(values))
    assert all(later - row >= 2 * DOTS for row, later in pairwise(at))


@given(positive, positive, st.integers(4, 40))
def test_ticks_of_a_log_scale_are_inside_and_increase(a: float, b: float, rows: int) -> None:
    scale = logarithmic(min(a, b), max(a, b), rows)
    ticks = scale.ticks()
    assert all(scale.value(0) * (1 - 1e-6) <= v <= scale.value(rows * DOTS) * (1 + 1e-6) for v, _, _ in ticks)
    assert [row for _, row, _ in ticks] == sorted({row for _, row, _ in ticks})


@given(st.lists(amounts, min_size=2, max_size=20), cells)
def test_a_larger_value_is_never_drawn_lower(values: list[float], rows: int) -> None:
    scale = linear(min(values), max(values), rows, zero=False)
    drawn = scale.rows(sorted(values))
    assert (np.diff(drawn) >= 0).all()


def test_the_scale_of_the_mockup() -> None:
    scale = linear(0.02, 3.3, 8, limit=2.0)
    assert scale.per_dot * DOTS == 0.5
    assert scale.limit_row == 16
    assert [text for *_, text in scale.ticks()] == ["0", "1", "2", "3"]


def test_what_is_missing_or_has_no_logarithm_has_no_row() -> None:
    assert linear(0, 1, 4).rows([math.nan, math.inf, 0.5]).tolist()[:2] == [-1, -1]
    assert logarithmic(0.1, 1, 4).rows([0.0, -1.0, 0.5]).tolist()[:2] == [-1, -1]


@pytest.mark.parametrize(
    ("value", "step", "text"),
    [
        (0.05, 0.05, "0.05"),
        (-1.25, 0.25, "−1.25"),
        (2, 1, "2"),
        (0, 0.5, "0.0"),
        (120_000, 40_000, "120k"),
        (1e-6, 1e-6, "1e−6"),
    ],
)
def test_ticks_are_written_with_as_many_places_as_their_step(value: float, step: float, text: str) -> None:
    assert tick_text(value, step) == text
