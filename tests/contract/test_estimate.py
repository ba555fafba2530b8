"""The estimate grows with what a run asks for, and names a device."""

from __future__ import annotations

import pytest

from engine.contract.estimate import CPU, GPU_24GB, Device, estimate
from engine.contract.facts import ModelFacts
from engine.contract.resolve import resolve


@pytest.mark.parametrize(
    "setting",
    ["run.rounds=8", "heal.epochs=60", "evaluate.prompts=1200", "generate.completions=9000", "generate.verdicts=60"],
)
def test_more_work_takes_longer(setting: str, facts: ModelFacts) -> None:
    assert estimate(resolve("nano-care", sets=[setting]), facts).total > estimate(resolve("nano-care"), facts).total


def test_verdicts_are_healed_on_beside_the_texts(facts: ModelFacts) -> None:
    def heal(*sets: str) -> float:
        return estimate(resolve("nano-care", sets=list(sets)), facts).seconds["heal"]

    assert heal("generate.verdicts=128", "keep.max_kept=128") == pytest.approx(2 * heal("keep.max_kept=128"), rel=0.1)


def test_a_gpu_is_faster_and_its_hours_cost(facts: ModelFacts) -> None:
    config = resolve("nano-care")
    assert estimate(config, facts, GPU_24GB).total < estimate(config, facts, CPU).total
    assert estimate(config, facts).device == "CPU"
    assert estimate(config, facts).memory_bytes > facts.weight_bytes


def test_thoughts_are_paid_for_by_the_token(facts: ModelFacts) -> None:
    def evaluation(tokens: int) -> float:
        return estimate(resolve("gemma-3-1b", sets=[f"evaluate.thinking_tokens={tokens}"]), facts).seconds["evaluate"]

    assert evaluation(0) < evaluation(64) < evaluation(256)
    assert evaluation(256) - evaluation(128) == pytest.approx(128 / 64 * (evaluation(128) - evaluation(64)), rel=0.02)


def test_every_stage_has_its_time_peak_and_price(facts: ModelFacts) -> None:
    rented = Device(name="rented", flops=4e13, bandwidth=6e11, memory=24 * 2**30, price=0.4)
    found = estimate(resolve("gemma-3-4b-qlora"), facts, rented)
    assert found.seconds.keys() == found.memory.keys() == found.prices().keys()
    assert all(v > 0 for table in (found.seconds, found.memory, found.prices()) for v in table.values())
    assert found.memory_bytes == max(found.memory.values())
    assert sum(found.prices().values()) == pytest.approx(found.price) == pytest.approx(found.total / 3600 * 0.4)


@pytest.mark.parametrize(
    ("setting", "stages"),
    [
        ("heal.batch_size=64", {"heal"}),
        ("generate.max_new_tokens=2000", {"dose", "generate", "keep", "heal"}),
        ("evaluate.batch_size=512", {"baseline", "evaluate"}),
        ("evaluate.thinking_tokens=2000", {"baseline", "evaluate"}),
    ],
)
def test_a_setting_moves_the_peaks_of_its_own_stages(setting: str, stages: set[str], facts: ModelFacts) -> None:
    before, after = (estimate(resolve("gemma-3-4b-qlora", sets=s), facts, GPU_24GB).memory for s in ([], [setting]))
    assert {stage for stage in before if after[stage] > before[stage]} == stages


def test_activations_computed_again_lower_the_heals_peak_and_auto_does_so_where_memory_is_short(
    facts: ModelFacts,
) -> None:
    def heal(how: str, gigabytes: float, *sets: str) -> int:
        card = Device(name="card", flops=4e13, bandwidth=6e11, memory=int(gigabytes * 1e9))
        chosen = [f"heal.gradient_checkpointing={how}", *sets]
        return estimate(resolve("gemma-3-4b-qlora", sets=chosen), facts, card).memory["heal"]

    assert heal("on", 24) < heal("off", 24) == heal("auto", 1000)
    assert heal("auto", 0.01) == heal("on", 0.01)
    assert heal("off", 24, "heal.layer_from=0.5") < heal("off", 24)
