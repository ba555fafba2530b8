"""How long a run of 200,000 events takes to open in the monitor, what it holds in memory, and what a quiet viewer costs."""

from __future__ import annotations

import asyncio
import resource
import time
from pathlib import Path

import msgspec
import pytest
from textual.app import App

from cockpit.live.feed import Feed
from cockpit.screens.monitor import Monitor
from cockpit.theme import register
from engine.contract import events as e
from engine.contract.rundir import RunDir, runs_folder
from tests.makings import RECORDED

EVENTS = 200_000


class One(App[None]):
    def on_mount(self) -> None:
        register(self)


@pytest.fixture
def long_run(tmp_path: Path) -> RunDir:
    """The recorded run with its heal steps repeated until there are 200,000 events."""
    folder = RunDir(runs_folder(tmp_path) / RECORDED.name)
    folder.path.mkdir(parents=True)
    for path in RECORDED.iterdir():
        (folder.path / path.name).write_bytes(path.read_bytes())
    events = [e.decode(line) for line in folder.events.read_bytes().splitlines()]
    steps = {r: [x for x in events if isinstance(x, e.HealStep) and x.round == r] for r in range(1, 5)}
    each = (EVENTS - len(events)) // 4
    with folder.events.open("wb") as f:
        for event in events:
            f.write(e.encode(event))
            if isinstance(event, e.HealStep) and event.step == len(steps[event.round]):
                for number in range(each):
                    again = steps[event.round][number % len(steps[event.round])]
                    f.write(
                        e.encode(msgspec.structs.replace(again, step=event.step + 1 + number, elapsed=event.elapsed))
                    )
    return folder


@pytest.mark.bench
def test_a_run_of_200_000_events_opens(long_run: RunDir) -> None:
    project = long_run.path.parent.parent
    began = time.perf_counter()
    update = Feed(project, long_run, lambda _: None).read_all()
    alone = time.perf_counter() - began

    async def session() -> tuple[float, list[float], float]:
        app = One()
        lags: list[float] = []

        async def probe() -> None:
            while True:
                at = time.perf_counter()
                await asyncio.sleep(0.005)
                lags.append(time.perf_counter() - at - 0.005)

        async with app.run_test(size=(120, 40)):
            task = asyncio.create_task(probe())
            start = time.perf_counter()
            monitor = Monitor(project, long_run)
            app.push_screen(monitor)
            while monitor.scene is None or not monitor.scene.update.caught_up:
                await asyncio.sleep(0.005)
            opened = time.perf_counter() - start
            await asyncio.sleep(1.0)
            cpu = time.process_time()
            await asyncio.sleep(3.0)
            quiet = (time.process_time() - cpu) / 3.0
            task.cancel()
        return opened, sorted(lags), quiet

    opened, lags, quiet = asyncio.run(session())
    size = long_run.events.stat().st_size
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"\n{update.view.events:,} events, {size / 1e6:.0f} MB: read alone {alone:.2f} s, opened in the monitor {opened:.2f} s"
    )
    print(
        f"loop lag p50 {1e3 * lags[len(lags) // 2]:.1f}, p95 {1e3 * lags[len(lags) * 95 // 100]:.1f}, max {1e3 * lags[-1]:.0f} ms"
    )
    print(
        f"peak memory {held:.0f} MB, {size / 2**20 / held:.2f} of the file; a quiet viewer takes {100 * quiet:.1f} % of one core"
    )
    assert update.view.events >= EVENTS - 4
