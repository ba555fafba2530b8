"""Seconds and peak memory of every stage, read from the events of a real one-round run of each shipped nano preset."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from engine.contract.events import CoherenceProbed, HealStep, RunFinished, StageFinished
from engine.contract.resolve import resolve
from engine.contract.rundir import RunDir
from engine.contract.runfile import RunFile
from engine.contract.traits import load_trait
from engine.controls import Controls
from engine.heal.step import Live
from engine.loop import steer_heal_bake
from engine.model.facts import inspect

pytestmark = pytest.mark.bench


@pytest.mark.parametrize("preset", ["nano-care", "nano-love"])
def test_stages(preset: str, tmp_path: Path) -> None:
    config = resolve(preset, sets=["run.rounds=1"])
    hashes = {"trait_hash": load_trait(config.trait.name).hash, "model_hash": inspect(config).model_hash}
    run = RunFile(config=config, preset=preset, changes={}, axes=[], **hashes)
    controls = Controls(None, Live(config.heal.tau, config.heal.lam))
    events = list(steer_heal_bake(run, RunDir(tmp_path), controls, "bench"))
    finished = events[-1]
    assert isinstance(finished, RunFinished)
    print(f"\n{preset}, one round, seed {config.run.seed}, {os.cpu_count()} cores {platform.machine()}")
    print(f"  {'stage':<10} {'round':>5} {'seconds':>8} {'share':>6} {'peak MB':>8}")
    for e in events:
        if isinstance(e, StageFinished):
            share = e.seconds / finished.seconds
            print(f"  {e.stage:<10} {e.round:>5} {e.seconds:>8.2f} {share:>6.0%} {e.peak_memory_mb:>8.0f}")
    steps = [e for e in events if isinstance(e, HealStep)]
    probes = sum(e.seconds for e in events if isinstance(e, CoherenceProbed))
    heal = sum(e.seconds for e in events if isinstance(e, StageFinished) and e.stage == "heal")
    rate = sum(e.tokens for e in steps) / sum(e.tokens / e.tokens_per_second for e in steps)
    print(f"  heal: {len(steps)} steps, {rate:,.0f} tokens/s; coherence probes {probes / heal:.0%} of heal")
    print(f"  whole {finished.seconds:.1f} s")
