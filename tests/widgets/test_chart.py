"""The chart as a person uses it: keys and mouse move the cursor and the view, messages tell it, and only changed rows are painted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import numpy as np
import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from cockpit.theme import PALETTES, register
from cockpit.widgets.chart import KEYS, Chart
from cockpit.widgets.linked import Linked
from cockpit.widgets.map import Map
from cockpit.widgets.model import KL_INK, Curve, Limit, Model
from cockpit.widgets.series import Series
from cockpit.widgets.xaxis import Region

ROUNDS = {
    "step": (Region("r1", 0, 50), Region("r2", 50, 100, now=True)),
    "tokens": (Region("r1", 0, 5e4), Region("r2", 5e4, 1e5, now=True)),
}


def series(count: int = 80) -> Series:
    held = Series("KL", ("step", "tokens"))
    steps = np.arange(1, count + 1)
    held.append(3 * np.abs(np.sin(steps / 9)), step=steps, tokens=1000 * steps)
    return held


class Pair(App[None]):
    """Two linked charts and a map, remembering what they told."""

    def __init__(self) -> None:
        super().__init__()
        self.held = series()
        self.told: list[object] = []

    def compose(self) -> ComposeResult:
        model = Model("KL", "nats", (Curve(self.held, "KL", KL_INK),), ROUNDS, Limit(2.0))
        with Linked():
            yield Chart(model, axes=("step", "tokens"), id="one")
            yield Chart(model, axes=("step", "tokens"), id="two")
            yield Map()

    def on_mount(self) -> None:
        register(self)

    def on_chart_cursor_moved(self, message: Chart.CursorMoved) -> None:
        self.told.append((message.control.id, message.x, message.axis))

    def on_chart_view_moved(self, message: Chart.ViewMoved) -> None:
        self.told.append((message.control.id, message.view, message.axis))


Use = Callable[[Pair, Pilot[None], Chart, Chart], Awaitable[None]]


def drive(use: Use, size: tuple[int, int] = (80, 36)) -> None:
    async def run() -> None:
        app = Pair()
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await use(app, pilot, app.query_one("#one", Chart), app.query_one("#two", Chart))

    asyncio.run(run())


def test_the_arrow_keys_move_the_cursor_and_tell_it_and_the_other_chart_follows() -> None:
    async def use(app: Pair, pilot: Pilot[None], one: Chart, two: Chart) -> None:
        one.focus()
        await pilot.press("left")
        assert app.told == [("one", 80.0, "step")]
        await pilot.press("left", "left")
        await pilot.pause()
        places = [x for _, x, _ in app.told]  # type: ignore[misc]
        assert places == sorted(places, reverse=True)
        assert len(set(places)) == 3
        assert set(places) <= set(app.held.x("step").tolist())
        assert two.cursor == one.cursor == places[-1]
        assert {name for name, *_ in app.told} == {"one"}  # type: ignore[misc]
        await pilot.press("right")
        assert one.cursor == places[-2]

    drive(use)


def test_zoom_goes_around_the_cursor_stays_inside_and_the_other_chart_follows() -> None:
    async def use(app: Pair, pilot: Pilot[None], one: Chart, two: Chart) -> None:
        one.focus()
        await pilot.press("left", *["left"] * 10)
        for _ in range(9):
            await pilot.press("plus")
            assert one.view is not None
            assert one.cursor is not None
            assert 0 <= one.view[0] < one.cursor <= one.view[1] <= 100
        assert one.view[1] - one.view[0] == pytest.approx(5.0)
        assert two.view == one.view
        low = one.view[0]
        await pilot.press("shift+left")
        assert one.view[0] < low
        await pilot.press(*["minus"] * 8)
        assert one.view is None
        await pilot.press("plus", "0")
        assert (one.view, one.cursor) == (None, None)

    drive(use)


def test_another_axis_is_taken_by_both_charts_and_drops_cursor_and_zoom() -> None:
    async def use(app: Pair, pilot: Pilot[None], one: Chart, two: Chart) -> None:
        one.focus()
        await pilot.press("left", "plus", "x")
        await pilot.pause()
        assert app.told[-1] == ("one", None, "tokens")
        assert (one.axis, one.cursor, one.view) == (two.axis, two.cursor, two.view) == ("tokens", None, None)

    drive(use)


def test_the_mouse_points_zooms_and_drags() -> None:
    async def use(app: Pair, pilot: Pilot[None], one: Chart, two: Chart) -> None:
        await pilot.hover(one, offset=(20, 4))
        assert one.cursor is not None
        assert abs(one.cursor - 100 * 14 / 60) < 3
        one.action_zoom(0.25)
        view = one.view
        assert view is not None
        await pilot.mouse_down(one, offset=(40, 4))
        await pilot.hover(one, offset=(30, 4))
        await pilot.mouse_up(one, offset=(30, 4))
        assert one.view is not None
        assert one.view[0] > view[0]
        assert one.view[1] - one.view[0] == pytest.approx(view[1] - view[0])

    drive(use)


def test_log_and_smoothing_are_said_in_the_title() -> None:
    async def use(app: Pair, pilot: Pilot[None], one: Chart, two: Chart) -> None:
        one.focus()
        await pilot.press("y", "e")
        await pilot.pause()
        assert "nats, log, smoothed" in one.render_line(0).text
        await pilot.press("y", "e")
        await pilot.pause()
        assert "log" not in one.render_line(0).text

    drive(use)


def test_nothing_is_painted_when_nothing_changed_and_few_rows_when_little_did() -> None:
    async def use(app: Pair, pilot: Pilot[None], one: Chart, two: Chart) -> None:
        before = one.painted_rows
        one.touch()
        await pilot.pause()
        assert one.painted_rows == before
        app.held.append([0.05], step=[81], tokens=[81_000])
        for _ in range(5):
            one.touch()
        await pilot.pause()
        assert 0 < one.painted_rows - before < one.size.height
        assert "31" in one.render_line(one.size.height - 1).text

    drive(use)


def test_every_key_of_the_charts_is_bound_and_explained() -> None:
    bound = set(Chart(id="x")._bindings.key_to_bindings)
    for keys, action, label, help_text in KEYS:
        assert set(keys.split(",")) <= bound
        assert hasattr(Chart, f"action_{action.split('(')[0]}")
        assert label
        assert help_text


def test_the_inks_follow_the_theme() -> None:
    async def use(app: Pair, pilot: Pilot[None], one: Chart, two: Chart) -> None:
        for name, colours in PALETTES.items():
            app.theme = name
            await pilot.pause()
            title = next(iter(one.render_line(0)))
            assert title.style is not None
            assert title.style.color is not None
            assert title.style.color.name == colours["bright"]
            assert title.style.bgcolor is not None
            assert title.style.bgcolor.name == colours["background"]

    drive(use)


def test_an_empty_chart_takes_every_key_without_harm() -> None:
    async def run() -> None:
        class Empty(App[None]):
            def compose(self) -> ComposeResult:
                yield Chart(Model("KL", curves=(Curve(Series("KL"), "KL"),)))

        app = Empty()
        async with app.run_test(size=(60, 10)) as pilot:
            await pilot.press("tab", *(key for keys, *_ in KEYS for key in keys.split(",")))
            await pilot.hover(Chart, offset=(20, 3))
            assert "no steps yet" in "".join(app.query_one(Chart).render_line(y).text for y in range(10))

    asyncio.run(run())
