"""The checklist's screen under test: an earlier run that was answered for, and what is typed into its fields."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from typing import Any

from cockpit.screens.preflight import Preflight
from cockpit.widgets.checklist import Checklist
from engine.contract.rundir import RunDir
from tests.screens.conftest import Stage

EARLIER = "20260601T000000-nano-care-k3f9"
TINY = [
    "steer.contexts=16", "steer.probes=4", "steer.bisections=0", "steer.survival=0.0", "steer.dose_high=0.75",
    "generate.completions=12", "generate.prompts=6", "generate.max_new_tokens=24",
    "keep.enabled=false", "keep.min_kept=2", "keep.max_kept=8", "heal.epochs=1", "heal.batch_size=4",
    "evaluate.prompts=4", "evaluate.test_prompts=4", "evaluate.vignettes=28", "evaluate.facts=4", "evaluate.bootstrap=100",
    "evaluate.max_new_tokens=24", "evaluate.probes=0", "evaluate.coherence_floor=0.0", "run.rounds=1",
]  # fmt: skip
Seal = Callable[..., RunDir]


def screen(stage: Stage) -> Preflight:
    found = stage.app.screen
    assert isinstance(found, Preflight)
    return found


async def checked(stage: Stage) -> Preflight:
    """Once everything that stands in the draft is checked."""
    await stage.until(
        lambda: isinstance(stage.app.screen, Preflight) and screen(stage)._asked is None, "a check", seconds=120
    )
    await stage.pilot.pause()
    return screen(stage)


async def opened(stage: Stage) -> Preflight:
    stage.app.open("preflight")  # type: ignore[attr-defined]
    return await checked(stage)


def checklist(stage: Stage) -> Checklist:
    return stage.app.screen.query_one(Checklist)


async def types(stage: Stage, text: str) -> None:
    names = {" ": "space", ".": "full_stop", "=": "equals_sign", "_": "underscore", "-": "minus", ",": "comma"}
    await stage.press(*(names.get(c, c) for c in text))


def on_disk(stage: Stage) -> dict[str, Any]:
    return tomllib.loads(screen(stage).desk.path.read_text("utf-8"))
