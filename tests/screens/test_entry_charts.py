"""What an entry tells in numbers is drawn from its own words: differences with their intervals, a claim's course a line a seed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.compare.comparison import METRICS, Difference
from cockpit.review.differences import course, differences
from cockpit.review.reading import Shelf
from cockpit.widgets.entry_charts import chart_rows
from cockpit.widgets.entry_text import Form, lay
from cockpit.widgets.entry_view import entry_rows
from cockpit.widgets.intervals import drawn_rows, told_rows
from cockpit.widgets.pane import Row
from engine.contract import events as e
from engine.contract.rundir import RunDir
from journal.text import LABELS, MAIN, interval, number

EXAMPLE = Path(__file__).parents[2] / "examples/project"
RUN, CLAIM, REFUSED = "20261121T101309-nano-care-ip64", "20261121T101457-claim-47s5", "20261121T102548-claim-qja6"
COURSE = "own, trait on val by round, ▁ .26 to █ .57:   42 ▁▄▆█   137 ▁▅▇█   256 ▁▃▅▇"


def text_of(rows: list[Row]) -> list[str]:
    """The rows as a terminal shows them."""
    shown = []
    for row in rows:
        line = [" "] * row.width
        for part in row.parts:
            line[part.column : part.column + len(part.words)] = part.words
        shown.append("".join(line).rstrip())
    return shown


def words(key: str) -> str:
    opened = Shelf(EXAMPLE).open(key)
    assert opened is not None
    return opened.text


def test_the_drawn_differences_of_a_recorded_run_are_those_that_its_events_tell() -> None:
    told = differences(words(RUN))
    assert told is not None
    assert (told.title, told.how) == ("healed − base", "95 %, paired")
    healed = [
        x
        for x in e.read_events(RunDir(EXAMPLE / "runs" / RUN).events)
        if isinstance(x, e.Evaluated) and x.split == "test" and x.subject == "healed"
    ][-1]
    assert {one.metric for one in told.found} == {m for m in healed.change_ci if m in MAIN}
    for one in told.found:
        assert one.value == pytest.approx(healed.change[one.metric], abs=0.0051)
        assert (one.low, one.high) == pytest.approx(healed.change_ci[one.metric], abs=0.0051)


def test_a_claim_draws_its_contrast_and_the_secondary_ones_and_a_refused_one_nothing() -> None:
    told = differences(words(CLAIM))
    assert told is not None
    assert (told.title, told.how) == ("healed − base", "95 %, t over 5 seeds")
    assert told.found[0] == Difference("trait_rate", 0.31, 0.29, 0.33, False)
    assert [one.metric for one in told.found] == [m for m in METRICS if m in {one.metric for one in told.found}]
    assert len(told.found) > 4
    assert differences(words(REFUSED)) is None
    assert list(chart_rows(words(REFUSED), 38)) == []


def test_a_difference_inside_the_noise_is_hollow_and_one_outside_is_not() -> None:
    found = (Difference("trait_rate", 0.3, 0.2, 0.4, False), Difference("broken", 0.01, -0.1, 0.1, True))
    trait, broken, scale = text_of(list(drawn_rows(found, 38)))
    assert "●" in trait
    assert "○" not in trait
    assert "○" in broken
    assert "●" not in broken
    assert "○ = noise" in scale


@given(
    st.lists(
        st.tuples(st.sampled_from([*LABELS]), st.floats(-9, 9), st.floats(0, 3)).map(
            lambda x: Difference(x[0], x[1], x[1] - x[2], x[1] + x[2], abs(x[1]) <= x[2])
        ),
        min_size=1,
        max_size=9,
    ),
    st.integers(34, 160),
)
def test_every_difference_is_drawn_within_its_width_with_its_value_beside_it(
    found: list[Difference], width: int
) -> None:
    for rows in (list(drawn_rows(found, width)), list(told_rows(found, max(width, 50)))):
        lines = text_of(rows)
        assert all(len(line) <= rows[0].width for line in lines)
        assert sum(
            "●" in line or "○" in line.replace("○ = noise", "").replace("○ within", "") for line in lines
        ) == len(found)
    for one in found:
        assert any(number(one.metric, one.value, sign=True) in line for line in text_of(list(drawn_rows(found, width))))


@given(st.floats(0.001, 9), st.floats(0.001, 9), st.booleans(), st.integers(34, 160))
def test_what_does_not_reach_zero_never_looks_as_if_it_did(near: float, wide: float, below: bool, width: int) -> None:
    """A cell is coarse; the other row makes the scale so wide that the small difference falls into the cell of zero."""
    low, high = (-near - wide, -near) if below else (near, near + wide)
    small = Difference("trait_rate", (low + high) / 2, low, high, False)
    large = Difference("broken", 0.0, -99.0, 99.0, True)
    for rows in (list(drawn_rows((small, large), width)), list(told_rows((small, large), max(width, 50)))):
        first = text_of(rows)[0]
        assert "│" in first
        assert "┼" not in first
        assert (first.index("●") < first.index("│")) is below


@given(st.sampled_from([*LABELS]), st.floats(-5, 5), st.floats(0, 2))
def test_what_a_table_says_of_a_difference_is_read_back(metric: str, value: float, half: float) -> None:
    span = interval(metric, (value - half, value + half), sign=True)
    cell = f"{number(metric, value, sign=True)} {span}"
    told = differences(f"| test | {LABELS[metric]} |\n|---|---:|\n| healed − base, paired | {cell} |")
    assert told is not None
    assert told.found[0].metric == metric
    assert told.found[0].value == pytest.approx(value, abs=0.06)


def test_a_claims_course_is_drawn_a_line_a_seed_and_not_told_twice() -> None:
    found = course(
        f"**Verdict.** met.\n\nhealed − base, trait: +.31 [+.29, +.33] (95% t, paired by seed, 3 seeds).  \n{COURSE}\n"
    )
    assert found is not None
    assert [seed for seed, _ in found.seeds] == ["42", "137", "256"]
    assert (found.low, found.high) == (".26", ".57")
    lines = text_of(list(chart_rows(COURSE, 38)))
    assert "seeds 42, 137, 256" in lines[0]
    assert sum(lines[1].count(blocks) for _, blocks in found.seeds) == 3
    assert "rounds 1 to 4" in lines[-1]


@pytest.mark.parametrize("width", [78, 98, 114])
@pytest.mark.parametrize("key", [RUN, CLAIM, REFUSED])
def test_every_word_of_an_entry_is_still_there_beside_its_charts(key: str, width: int) -> None:
    opened = Shelf(EXAMPLE).open(key)
    assert opened is not None
    lines = text_of(list(entry_rows(opened, Form(width, opened=True))))
    assert max(map(len, lines)) <= width
    alone = text_of(lay(opened.text.split("\n", 1)[1].strip("\n"), Form(60, opened=True)))
    assert set(" ".join(alone).split()) <= set(" ".join(lines).split())
    assert ("95 %" in "\n".join(lines)) == (key != REFUSED)
