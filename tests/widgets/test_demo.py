"""The demo draws only what a run recorded: without a file it says what to name, and it invents nothing."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from cockpit.widgets.chart import Chart
from cockpit.widgets.demo import Demo, main, models, read


def test_without_an_argument_it_says_what_to_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "name the events.jsonl of a run" in capsys.readouterr().err
    assert main(["no/such/file"]) == 2
    assert "cannot read no/such/file" in capsys.readouterr().err


def test_a_file_with_a_torn_last_line_is_read_up_to_it(tmp_path: Path) -> None:
    step = {"event": "heal_step", "round": 1, "step": 1, "tokens": 10, "elapsed": 1.0, "kl": 0.1, "tau": 0.2}
    path = tmp_path / "events.jsonl"
    path.write_text(json.dumps(step) + "\n" + json.dumps(step)[:20])
    kl, *_ = models(read(path))
    assert kl.curves[0].series.y.tolist() == [0.1]


def test_a_run_without_a_step_shows_empty_charts(tmp_path: Path) -> None:
    async def run() -> None:
        app = Demo([])
        async with app.run_test(size=(120, 24)) as pilot:
            await pilot.press("t")
            assert "no steps yet" in "".join(app.query(Chart).first().render_line(y).text for y in range(9))

    asyncio.run(run())
