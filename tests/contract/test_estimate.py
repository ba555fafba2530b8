"""The estimate grows with what a run asks for, and names a device."""

from __future__ import annotations

import pytest

from engine.contract.estimate import CPU, GPU_24GB, estimate
from engine.contract.facts import ModelFacts
from engine.contract.resolve import resolve


@pytest.mark.parametrize(
    "setting", ["run.rounds=8", "heal.epochs=60", "evaluate.prompts=1200", "generate.completions=9000"]
)
def test_more_work_takes_longer(setting: str, facts: ModelFacts) -> None:
    assert estimate(resolve("nano-care", sets=[setting]), facts).total > estimate(resolve("nano-care"), facts).total


def test_a_gpu_is_faster_and_its_hours_cost(facts: ModelFacts) -> None:
    config = resolve("nano-care")
    assert estimate(config, facts, GPU_24GB).total < estimate(config, facts, CPU).total
    assert estimate(config, facts).device == "CPU"
    assert estimate(config, facts).memory_bytes > facts.weight_bytes
