"""What an entry tells in numbers, drawn: its differences with their intervals, and a claim's metric over the rounds, a line a seed."""

from __future__ import annotations

from collections.abc import Iterator

from cockpit.review.differences import Course, course, differences
from cockpit.widgets.intervals import NAME, drawn_rows
from cockpit.widgets.pane import Row, heading
from journal.text import plain

TRAIT = ("trait", "care", "authority")
"""Metrics in the trait's colour; the others are the coherence's."""


def chart_rows(text: str, width: int) -> Iterator[Row]:
    """Nothing when the entry tells neither."""
    told, over = differences(text), course(text)
    if told is not None:
        yield heading(width, plain(told.title, 40), told.how)
        yield from drawn_rows(told.found, width)
    if over is not None:
        if told is not None:
            yield Row(width)
        yield from _course(over, width)


def _course(over: Course, width: int) -> Iterator[Row]:
    """The seeds beside each other, as many as fit in a row."""
    yield heading(width, f"{plain(over.metric, 20)} by round", f"seeds {', '.join(seed for seed, _ in over.seeds)}")
    role = "accent-trait" if over.metric in TRAIT else "accent-coherence"
    row = Row(width).put(0, plain(over.arm, 40), "text", within=NAME)
    row.end = NAME
    for _, blocks in over.seeds:
        if row.end + 2 + len(blocks) > width:
            yield row
            row = Row(width)
            row.end = NAME
        row.put(row.end + 2, blocks, role)
    yield row
    rounds = max(len(blocks) for _, blocks in over.seeds)
    yield Row(width).put(NAME + 2, f"{over.low} to {over.high}, rounds 1 to {rounds}", "dim")
