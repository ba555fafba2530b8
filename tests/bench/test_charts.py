"""How long the event loop is held up by six live charts of two series with 100,000 points each, and how long one drawing takes."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest
from textual.app import App, ComposeResult
from textual.containers import Grid

from cockpit.theme import register
from cockpit.widgets.chart import Chart
from cockpit.widgets.draw import draw
from cockpit.widgets.look import Look
from cockpit.widgets.model import KL_INK, Curve, Ink, Limit, Model
from cockpit.widgets.series import Series
from cockpit.widgets.xaxis import Region

pytestmark = pytest.mark.bench

POINTS, NEW, SECONDS, RATE = 100_000, 100, 6.0, 5.0
BUDGET_MS = 50.0


def noisy(seed: int, start: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """A wandering positive curve with spikes; a load, not a measurement of anything."""
    rng = np.random.default_rng((seed, start))
    steps = np.arange(start + 1, start + count + 1, dtype=float)
    return np.abs(np.sin(steps / 9_000) + rng.normal(0, 0.2, count)) + (rng.random(count) < 1e-4), steps


def filled(seed: int) -> Series:
    series = Series(f"series {seed}")
    values, steps = noisy(seed, 0, POINTS)
    series.append(values, step=steps)
    return series


class Live(App[None]):
    """Six charts in a grid."""

    CSS = "Grid { grid-size: 2 3; grid-gutter: 1 4; }"

    def __init__(self) -> None:
        super().__init__()
        end = POINTS + NEW * SECONDS * RATE
        regions = {"step": tuple(Region(f"r{r + 1}", r * end / 4, (r + 1) * end / 4, now=r == 3) for r in range(4))}
        self.series = [filled(n) for n in range(12)]
        self.models = [
            Model(
                f"chart {n}",
                "nats",
                (Curve(self.series[2 * n], "KL", KL_INK), Curve(self.series[2 * n + 1], "base", Ink("dim"))),
                regions,
                Limit(1.0),
            )
            for n in range(6)
        ]

    def compose(self) -> ComposeResult:
        with Grid():
            for model in self.models:
                yield Chart(model)

    def on_mount(self) -> None:
        register(self)

    def feed(self, start: int) -> None:
        """New points for all series, one touch a chart."""
        for seed, series in enumerate(self.series):
            values, steps = noisy(seed, start, NEW)
            series.append(values, step=steps)
        for chart in self.query(Chart):
            chart.touch()


async def lag_of(size: tuple[int, int]) -> np.ndarray:
    """Milliseconds by which a 5 ms sleep was late, through some seconds of updates."""
    app = Live()
    late: list[float] = []
    async with app.run_test(size=size) as pilot:
        await pilot.pause()

        async def probe() -> None:
            while True:
                before = time.perf_counter()
                await asyncio.sleep(0.005)
                late.append((time.perf_counter() - before - 0.005) * 1e3)

        probing = asyncio.create_task(probe())
        for update in range(int(SECONDS * RATE)):
            app.feed(POINTS + update * NEW)
            await asyncio.sleep(1 / RATE)
        probing.cancel()
    return np.array(late)


@pytest.mark.parametrize("size", [(120, 40), (200, 60)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_six_live_charts_hold_the_event_loop_under_50_ms(size: tuple[int, int]) -> None:
    late = asyncio.run(lag_of(size))
    p50, p95 = np.percentile(late, [50, 95])
    print(f"\nevent loop lag at {size[0]}x{size[1]}: p50 {p50:.1f} ms, p95 {p95:.1f} ms, max {late.max():.1f} ms")
    assert p95 < BUDGET_MS


def test_a_drawing_costs_about_the_same_for_any_number_of_points() -> None:
    sizes = (1_000, 100_000, 3_000_000)
    held = {points: [Series("a"), Series("b")] for points in sizes}
    for points, pair in held.items():
        for seed, one in enumerate(pair):
            values, steps = noisy(seed, 0, points)
            one.append(values, step=steps)
    took: dict[int, list[float]] = {points: [] for points in sizes}
    for update in range(60):
        for points, pair in held.items():
            model = Model("chart", "nats", tuple(Curve(one, one.name, KL_INK) for one in pair), limit=Limit(1.0))
            values, steps = noisy(9, points + update * NEW, NEW)
            before = time.perf_counter()
            for one in pair:
                one.append(values, step=steps)
            draw(model, 98, 19, Look(smooth=True))
            took[points].append((time.perf_counter() - before) * 1e3)
    print(f"\nappend 2 x {NEW} points and draw, smoothed, 98 x 19 cells")
    for points, each in took.items():
        p50, p95 = np.percentile(each, [50, 95])
        print(f"  2 x {points:>9,} points: p50 {p50:.2f} ms, p95 {p95:.2f} ms, max {max(each):.2f} ms")
    ratio = float(np.median(took[3_000_000]) / np.median(took[1_000]))
    print(f"  three thousand times the points take {ratio:.1f} times as long")
    assert ratio < 5
