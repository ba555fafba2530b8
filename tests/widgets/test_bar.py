"""Bars and sparklines never show a whole for a part, nor a value on the wrong side of its target."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.widgets.bar import column_blocks, interval_bar, track
from cockpit.widgets.sparkline import sparkline

shares = st.floats(0, 1)


@given(shares, st.integers(2, 60))
def test_a_track_is_as_long_as_asked_full_only_at_one_and_empty_only_at_zero(share: float, width: int) -> None:
    done, rest = track(share, width)
    assert len(done) + len(rest) == width
    assert (rest == "") == (share == 1)
    assert (done == "") == (share == 0)


def test_a_track_of_nothing_known_is_empty() -> None:
    assert track(None, 4) == ("", "────")


@given(shares, shares, shares, st.integers(3, 60))
def test_a_value_is_shown_inside_its_target_exactly_when_it_is(value: float, a: float, b: float, width: int) -> None:
    low, high = min(a, b), max(a, b)
    signs = interval_bar(width, 0.0, 1.0, value=value, target=(low, high))
    bare = interval_bar(width, 0.0, 1.0, value=None, target=(low, high))
    assert len(signs) == width
    if "●" in signs:
        assert (bare[signs.index("●")] == "━") == (low <= value <= high)


def test_a_line_without_length_is_refused() -> None:
    with pytest.raises(ValueError, match="has no length"):
        interval_bar(10, 1.0, 1.0, value=None, target=(0.0, 1.0))


@given(st.lists(shares, min_size=1, max_size=40), st.integers(1, 4))
def test_a_bar_is_there_exactly_when_its_value_is_above_zero(values: list[float], cells: int) -> None:
    rows = column_blocks(np.array(values), 1.0, cells)
    assert [c != " " for c in rows[-1]] == [v > 0 for v in values]


def test_a_missing_bar_is_blank() -> None:
    assert column_blocks(np.array([np.nan, 1.0]), 1.0, 2) == [" █", " █"]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300), st.integers(1, 40))
def test_a_sparkline_shows_the_largest_value_at_its_full_height(values: list[float], width: int) -> None:
    drawn = sparkline(values, width)
    assert len(drawn) == min(width, len(values))
    if max(values) > min(values):
        assert "█" in drawn
    assert sparkline(values, width, ascii_only=True).isascii()


def test_a_sparkline_leaves_a_gap_where_nothing_was_measured() -> None:
    assert sparkline([0.0, np.nan, 1.0], 3) == "▁ █"
    assert sparkline([], 5) == ""
    assert sparkline([np.nan, np.nan], 5) == "  "
