"""What a chart shows: the limit's region, rounds apart, gaps, values beside it, and words where there is nothing yet."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.widgets.draw import Drawing, draw
from cockpit.widgets.look import Look
from cockpit.widgets.model import FIRED_INK, KL_INK, Curve, Ink, Limit, Model, Predicted, SeedBand, percent
from cockpit.widgets.series import Series, from_columns
from cockpit.widgets.xaxis import Region, lay

ROUNDS = (Region("r1", 0, 50), Region("r2", 50, 100, now=True))
DOTS = range(0x2801, 0x2900)


def rising(count: int = 80, top: float = 3.0) -> Series:
    return from_columns("KL", np.linspace(0, top, count), {"step": np.arange(1, count + 1)})


def kl(series: Series, **more: object) -> Model:
    return Model("KL to the base", "nats", (Curve(series, "KL", KL_INK),), {"step": ROUNDS}, Limit(2.0), **more)  # type: ignore[arg-type]


def inks(drawing: Drawing, row: int) -> set[str]:
    return {ink for text, ink, *_ in drawing.frame.runs(row) if any(ord(c) in DOTS for c in text)}


def test_every_cell_above_tau_has_the_wash_and_every_cell_below_has_none() -> None:
    drawing = draw(kl(rising()), 72, 10, Look())
    assert drawing.scale is not None
    above = 8 - (drawing.scale.limit_row or 0) // 4
    for row in range(1, 9):
        washed = {ground for *_, ground in drawing.frame.runs(row)} - {"background"}
        assert washed == ({"wash-barrier"} if row - 1 < above else set())


def test_the_curve_has_the_accent_from_tau_upwards_and_is_neutral_below() -> None:
    drawing = draw(kl(rising()), 72, 10, Look())
    assert drawing.scale is not None
    above = 8 - (drawing.scale.limit_row or 0) // 4
    data = {"accent-barrier", "bright", "past", "fill-barrier-past"}
    for row in range(1, 9):
        assert inks(drawing, row) & data <= (
            {"accent-barrier", "fill-barrier-past"} if row - 1 < above else {"bright", "past"}
        )


def test_rounds_are_one_empty_column_apart() -> None:
    drawing = draw(kl(rising()), 72, 10, Look())
    gap = drawing.left + drawing.axis.stretches[1].cell - 1
    assert all(line[gap] == " " for line in drawing.frame.lines()[1:9])


def test_the_values_stand_beside_the_plot_with_the_slack() -> None:
    text = "\n".join(draw(kl(rising()), 72, 10, Look()).frame.lines())
    for words in ("▴ active", "KL    3.00", "τ     2.00", "slack −1.00", "heal step", "KL to the base  nats ──"):
        assert words in text
    assert "· below τ" in "\n".join(draw(kl(rising(top=1.0)), 72, 10, Look()).frame.lines())


def test_the_cursor_shows_the_values_of_its_place() -> None:
    text = "\n".join(draw(kl(rising()), 72, 10, Look(cursor=60.0)).frame.lines())
    assert "at r2 10" in text
    assert f"KL    {3 * 59 / 79:.2f}" in text


def test_a_narrow_chart_says_its_value_in_the_title() -> None:
    lines = draw(kl(rising()), 40, 10, Look()).frame.lines()
    assert "KL 3.00" in lines[0]
    assert all(len(line) == 40 for line in lines)


def test_an_empty_chart_says_so_calmly() -> None:
    model = Model("KL", "nats", (Curve(Series("KL"), "KL"),))
    lines = draw(model, 60, 8, Look()).frame.lines()
    assert sum("no steps yet" in line for line in lines) == 1
    assert not any(ord(c) in DOTS for line in lines for c in line)


def test_a_single_spike_among_a_hundred_thousand_points_is_drawn() -> None:
    held = np.full(100_000, 0.1)
    held[54_321] = 3.9
    series = from_columns("KL", held, {"step": np.arange(1, 100_001)})
    drawing = draw(Model("KL", curves=(Curve(series, "KL", Ink("bright")),)), 120, 12, Look())
    assert drawing.scale is not None
    row = 10 - int(drawing.scale.rows([3.9])[0]) // 4
    assert "bright" in inks(drawing, row)


def test_smoothing_draws_over_raw_values_that_stay_visible() -> None:
    rng = np.random.default_rng(1)
    series = from_columns("KL", 2 + rng.normal(0, 0.6, 200), {"step": np.arange(1, 201)})
    model = Model("KL", curves=(Curve(series, "KL", Ink("bright")),))
    seen = {ink for row in range(1, 11) for ink in inks(draw(model, 80, 12, Look(smooth=True)), row)}
    assert {"axis", "bright"} <= seen
    assert "axis" not in {ink for row in range(1, 11) for ink in inks(draw(model, 80, 12, Look()), row)}


def test_a_log_scale_counts_what_it_cannot_show() -> None:
    series = from_columns("KL", [0.0, 0.01, 0.1, 1.0], {"step": [1, 2, 3, 4]})
    text = "\n".join(draw(Model("KL", curves=(Curve(series, "KL"),)), 72, 10, Look(log=True)).frame.lines())
    assert "1 ≤ 0" in text
    assert "0.01" in text


def test_several_series_have_signs_besides_colours() -> None:
    steps = {"step": np.arange(1, 101)}
    curves = tuple(
        Curve(from_columns(n, np.full(100, v), steps), n) for n, v in (("trait", 0.9), ("benign", 0.5), ("broken", 0.1))
    )
    model = Model("rates", curves=curves)
    text = "\n".join(draw(model, 90, 12, Look()).frame.lines())
    for sign, name in (("+", "benign"), ("×", "broken")):
        assert f"{sign} {name}" in text
        assert text.count(sign) > 1
    plain = "\n".join(draw(model, 90, 12, Look(ascii_only=True)).frame.lines())
    assert plain.isascii()


@settings(max_examples=40)
@given(st.integers(0, 1000), st.integers(50, 140), st.integers(6, 30), st.booleans())
def test_ascii_draws_data_in_the_same_cells_as_braille(seed: int, width: int, height: int, log: bool) -> None:
    rng = np.random.default_rng(seed)
    series = from_columns("KL", rng.lognormal(size=120), {"step": np.arange(1, 121)})
    model = Model("KL", "nats", (Curve(series, "KL", Ink("bad")),), {"step": ROUNDS})
    braille, plain = (draw(model, width, height, Look(log=log, ascii_only=a)) for a in (False, True))
    for y in range(1, height - 1):
        cells = [
            [c != " " for text, ink, *_ in drawing.frame.runs(y) for c in (text if ink == "bad" else " " * len(text))]
            for drawing in (braille, plain)
        ]
        assert cells[0] == cells[1]
    assert all(line.isascii() for line in plain.frame.lines())


def test_the_spread_over_seeds_and_the_prediction_are_drawn_and_named() -> None:
    steps = {"step": np.arange(1, 101)}
    low, high = (from_columns("seeds", np.full(100, v), steps) for v in (0.4, 0.8))
    curve = Curve(from_columns("trait", np.full(100, 0.6), steps), "trait")
    for state, words in (("met", "✓ met"), ("missed", "✗ missed"), ("pending", "· pending")):
        predicted = Predicted(0.9, None, state)  # type: ignore[arg-type]
        drawing = draw(
            Model("trait", curves=(curve,), bands=(SeedBand(low, high),), predicted=predicted), 90, 14, Look()
        )
        text = "\n".join(drawing.frame.lines())
        assert words in text
        assert ": seeds" in text
        assert any(predicted.role in inks(drawing, row) for row in range(1, 13))


def test_bars_show_zero_as_a_hairline_and_anything_above_as_a_bar() -> None:
    series = from_columns("fired", [0.0] * 50 + [0.001] * 25 + [1.0] * 25, {"step": np.arange(1, 101)})
    model = Model(
        curves=(Curve(series, "fired", FIRED_INK, percent),),
        regions={"step": ROUNDS},
        kind="bars",
        top=1.0,
        x_labels=False,
    )
    drawing = draw(model, 72, 2, Look())
    bottom = drawing.frame.runs(1)
    assert {"rule", "fill-barrier"} <= {ink for text, ink, *_ in bottom if "▁" in text}
    assert "█" in drawing.frame.lines()[0]
    assert "100 %" in drawing.frame.lines()[1]


def test_a_number_under_the_axis_is_never_cut() -> None:
    for cursor in range(1, 101, 3):
        words = draw(kl(rising(100)), 72, 10, Look(cursor=float(cursor))).frame.lines()[9].split()
        assert set(words) <= {"r1", "r2", "50", "heal", "step", str((cursor - 1) % 50 + 1)}
        assert str((cursor - 1) % 50 + 1) in words


@pytest.mark.parametrize(("width", "height"), [(1, 1), (7, 3), (10, 2), (44, 4), (200, 60)])
def test_any_size_gives_a_frame_of_that_size(width: int, height: int) -> None:
    for look in (Look(), Look(log=True, smooth=True, cursor=30.0), Look(view=(10.0, 12.0))):
        assert draw(kl(rising()), width, height, look).frame.glyphs.shape == (height, width)


@given(st.lists(st.floats(0.5, 1e4), min_size=1, max_size=12), st.integers(1, 200))
def test_stretches_fill_the_width_in_order_and_columns_go_back_to_their_place(lengths: list[float], cells: int) -> None:
    ends = np.cumsum([0.0, *lengths]).tolist()
    axis = lay([Region(f"r{n}", a, b) for n, (a, b) in enumerate(pairwise(ends))], cells)
    assert axis.stretches[-1].cell + axis.stretches[-1].cells == cells
    for one, other in pairwise(axis.stretches):
        assert one.cell + one.cells <= other.cell
    for s in axis.stretches:
        for cell in range(s.cell, s.cell + s.cells):
            x = axis.x_at(cell)
            assert x is not None
            column = axis.column(x)
            assert column is not None
            assert column // 2 == cell


def test_a_curve_that_the_scale_makes_no_room_for_is_drawn_to_the_top_and_stretches_nothing() -> None:
    main, beside = rising(top=3.0), from_columns("base", np.linspace(0, 30, 80), {"step": np.arange(1, 81)})
    alone = draw(kl(main), 72, 20, Look())
    both = draw(
        Model("KL", "nats", (Curve(main, "KL", KL_INK), Curve(beside, "base", Ink("axis"), stretches=False)),
              {"step": ROUNDS}, Limit(2.0)), 72, 20, Look(),
    )  # fmt: skip
    assert alone.scale is not None
    assert both.scale == alone.scale
    rows = [row for row in range(1, 19) if "axis" in inks(both, row)]
    assert rows[0] == 1, "it leaves at the top, not where the other curve ends"
    full = alone.scale.value(18 * 4)
    last = max(x for row in rows for x, c in enumerate(both.frame.lines()[row]) if ord(c) in DOTS and row == 1)
    steps = 80 * full / 30
    column = both.axis.column(steps)
    assert column is not None
    assert abs(last - both.left - column // 2) <= 1


def test_nothing_is_marked_beyond_what_a_value_can_reach() -> None:
    rate = from_columns("trait", [0.2, 0.9], {"step": [0.0, 1.0]})
    free, bound = (
        draw(Model("Trait", "", (Curve(rate, "trait"),), limit=Limit(1.0, wash=False), most=most), 60, 9, Look())
        for most in (None, 1.0)
    )
    marks = [[line[: d.left].strip() for line in d.frame.lines()[1:] if line[: d.left].strip()] for d in (free, bound)]
    assert any(float(mark) > 1 for mark in marks[0])
    assert marks[1] == [mark for mark in marks[0] if float(mark) <= 1]
