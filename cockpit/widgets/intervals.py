"""Differences as intervals on a line with zero: what is inside the noise is dim and hollow, and says so."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby

from cockpit.compare.comparison import HIGHER, LOWER, Difference, named
from cockpit.widgets.pane import Row
from journal.text import RATES, interval, number

NAME, LINE = 11, 25
"""Cells of a metric's name, and of the line that its interval is drawn on."""
_VALUE = 7
_LEAST = {"rate": 0.05, "nats": 0.1, "ppl": 1.0}
"""Half-widths below which a line is not stretched: what is nothing must not look like much."""
_STEPS = (1.0, 2.0, 5.0, 10.0)


def told_rows(found: Sequence[Difference], width: int) -> Iterator[Row]:
    """A row each: name, which way is better, the interval, the value, and its ends in words."""
    scales = _scales(found)
    cells = LINE if width >= 90 else LINE // 2
    for one in found:
        noise = bool(one.noise)
        row = _started(one, width, 2)
        at = 2 + NAME + 4
        _draw(row, at, one, scales[_family(one.metric)], cells)
        at += cells + 2
        row.right(
            at + 8, number(one.metric, one.value, sign=True), "dim" if noise else "bright", "" if noise else "bold"
        )
        if one.low is not None and one.high is not None:
            row.put(at + 10, interval(one.metric, (one.low, one.high), sign=True), "axis")
            if noise:
                row.put(at + 29, "○ within noise", "dim")
        else:
            row.put(at + 10, "no interval was measured", "dim")
        yield row


def drawn_rows(found: Sequence[Difference], width: int) -> Iterator[Row]:
    """The same where there is less room: name, interval and value, and under each kind of number the ends of its line."""
    scales = {kind: _round_up(scale) for kind, scale in _scales(found).items()}
    at = NAME + 2
    cells = width - at - _VALUE
    for number_of, (kind, group) in enumerate(groupby(sorted(found, key=_order), key=lambda one: _family(one.metric))):
        metric = ""
        for one in group:
            metric = one.metric
            noise = bool(one.noise)
            row = _started(one, width, 0)
            _draw(row, at, one, scales[kind], cells)
            yield row.right(
                width, number(metric, one.value, sign=True), "dim" if noise else "bright", "" if noise else "bold"
            )
        ends = (number(metric, -scales[kind], sign=True), number(metric, scales[kind], sign=True))
        scale = Row(width).put(0, "○ = noise" if number_of == 0 else "", "dim").put(at, ends[0], "dim")
        yield scale.put(at + (cells - 1) // 2, "0", "dim").right(at + cells, ends[1], "dim")


def _started(one: Difference, width: int, at: int) -> Row:
    row = Row(width).put(at, named(one.metric), "dim" if one.noise else "text", within=NAME)
    better = "▴" if one.metric in HIGHER else "▾" if one.metric in LOWER else ""
    return row.put(at + NAME + (1 if at else 0), better, "axis")


def _draw(row: Row, at: int, one: Difference, scale: float, cells: int) -> None:
    """The interval as a line, its value on it, and the zero."""
    if one.low is None or one.high is None:
        return

    def cell(value: float) -> int:
        return round((max(-scale, min(scale, value)) / scale + 1) / 2 * (cells - 1))

    low, high, zero, value = cell(one.low), cell(one.high), cell(0.0), cell(one.value)
    if not one.noise:  # a cell is coarse: what does not reach zero must not look as if it did
        low, value, high = (max(x, zero + 1) if one.value > 0 else min(x, zero - 1) for x in (low, value, high))
    for place in range(cells):
        if place == value:
            row.put(at + place, "○" if one.noise else "●", "dim" if one.noise else "bright")
        elif place == zero:
            row.put(at + place, "┼" if low <= place <= high else "│", "axis")
        elif low <= place <= high:
            row.put(at + place, "─", "axis" if one.noise else "text")


def _scales(found: Sequence[Difference]) -> dict[str, float]:
    """The half-width of the line for each kind of number."""
    scales: dict[str, float] = {}
    for one in found:
        ends = [abs(end) for end in (one.low, one.high, one.value) if end is not None]
        kind = _family(one.metric)
        scales[kind] = max(scales.get(kind, _LEAST[kind]), *ends)
    return scales


def _round_up(scale: float) -> float:
    """The next of 1, 2, 5, 10, in whatever power of ten."""
    unit = 10.0 ** math.floor(math.log10(scale))
    return unit * next((step for step in _STEPS if step * unit >= scale * (1 - 1e-9)), 10.0)


def _family(metric: str) -> str:
    return "rate" if metric in RATES else "ppl" if metric.startswith("tail_ppl") else "nats"


def _order(one: Difference) -> int:
    return ("rate", "nats", "ppl").index(_family(one.metric))
