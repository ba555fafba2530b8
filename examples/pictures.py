"""Draw the pictures of the README from the example project: `python examples/pictures.py`, or `just pictures`.

The app runs without a terminal over a copy of the project, so that looking at it changes nothing; each screen is saved as SVG.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from pathlib import Path

from cockpit.app import CockpitApp

HERE = Path(__file__).parent
OUT = HERE / "pictures"
RECORDED = HERE.parent / "tests/data/runs"
SIZE = (120, 40)
SETTLE = 2.5  # seconds until every thread has told its screen what it found


async def draw(project: Path, name: str, run: str = "", keys: str = "") -> None:
    """Open the app, on a run's monitor when one is named, press `keys`, and save what stands there."""
    app = CockpitApp(project, run=run) if run else CockpitApp(project)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause(SETTLE)
        for key in keys.split():
            await pilot.press(key)
            await pilot.pause(SETTLE)
        (OUT / f"{name}.svg").write_text(app.export_screenshot(title=f"cockpit, {name}"), "utf-8")


async def main() -> None:
    """All pictures."""
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = folder  # nobody's remembered theme
        project = Path(folder) / "project"
        shutil.copytree(HERE / "project", project)
        await draw(project, "home")
        await draw(project, "journal", keys="j")
        long = Path(folder) / "four-rounds"  # a run whose completions are kept too
        shutil.copytree(RECORDED, long / "runs")
        await draw(long, "monitor", run=next((long / "runs").iterdir()).name)


if __name__ == "__main__":
    asyncio.run(main())
