"""Known bugs as rules: each fires on the broken configuration, is silent on the mended one, and spares the presets (requirement K8)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from engine.contract.config import Config
from engine.contract.facts import ModelFacts
from engine.contract.known_bugs import RULES, settle
from engine.contract.prior import Prior, PriorRun
from engine.contract.resolve import preset_names, preset_table, resolve

BROKEN: dict[str, tuple[list[str], list[str]]] = {
    "KB1": (["steer.layer_low=0.3", "steer.layer_high=0.9"], ["steer.layer_low=0.45", "steer.layer_high=0.55"]),
    "KB4": (["steer.dose_low=1.3", "steer.dose_high=1.5"], ["steer.dose_low=0.25"]),
    "KB9": (["generate.repetition_penalty=1.2"], ["generate.repetition_penalty=1.0"]),
    "KB12": (["keep.enabled=false"], ["keep.enabled=true"]),
    "KB21": (["heal.aggregate=mean", "heal.tau=0.5"], ["heal.aggregate=rmse", "heal.tau=0.5"]),
    "KB24": (["heal.reference=base"], ["heal.reference=base", "run.rounds=1"]),
    "KB26": (["heal.beta2=0.999"], ["heal.beta2=0.95"]),
    "KB34": (["heal.adapter_dtype=bf16"], ["heal.adapter_dtype=fp32"]),
    "KB35": (["evaluate.vignettes=24"], ["evaluate.vignettes=28"]),
    "K16f": (["heal.schedule=cosine"], ["heal.schedule=cosine", "heal.epochs=50"]),
}
SAME_MODEL = {"KB19": {"base_trait_rate": 0.95}, "KB20": {"operating_kl": 0.03}}


def run(facts: ModelFacts, config: Config | None = None, **more: Any) -> PriorRun:
    return PriorRun(
        id="20260101T000000-nano-care-aaaa",
        status="success",
        config_hash="x",
        family_hash="x",
        model_hash=facts.model_hash,
        trait_hash="t",
        tokenizer_hash="a",
        config=(config or resolve("nano-care")).flat(),
        **more,
    )


def rules(config: Config, facts: ModelFacts, prior: Prior | None = None) -> set[str]:
    return {hit.rule for hit in settle(config, facts, prior or Prior())}


@pytest.mark.parametrize("name", BROKEN)
def test_a_rule_fires_on_the_broken_config_and_not_on_the_mended(name: str, facts: ModelFacts) -> None:
    broken, mended = BROKEN[name]
    assert name in rules(resolve("nano-care", sets=broken), facts)
    assert name not in rules(resolve("nano-care", sets=mended), facts)


def test_kb4_unfiltered_doses_and_base_like_doses(facts: ModelFacts) -> None:
    assert "KB4" in rules(resolve("nano-care", sets=["keep.enabled=false", "steer.dose_high=1.5"]), facts)
    assert "KB4" in rules(resolve("nano-care", sets=["generate.doses=[1.5]"]), facts)
    assert "KB4" in rules(resolve("nano-care", sets=["steer.dose_low=0.1", "steer.dose_high=0.2"]), facts)


def test_kb5_a_cosine_gated_method(facts: ModelFacts) -> None:
    steer = resolve("nano-care").steer.model_copy(update={"method": "cosine_gated"})
    assert "KB5" in rules(resolve("nano-care").model_copy(update={"steer": steer}), facts)


@pytest.mark.parametrize("name", SAME_MODEL)
def test_an_earlier_run_counts_only_for_the_same_model_and_trait(name: str, facts: ModelFacts) -> None:
    config, love = resolve("nano-care"), resolve("nano-love")
    assert name in rules(config, facts, Prior(runs=[run(facts, **SAME_MODEL[name])]))
    assert name not in rules(config, facts, Prior(runs=[run(facts, love, **SAME_MODEL[name])]))
    assert name not in rules(config, facts)


def test_kb20_counts_only_for_the_same_aggregate_and_when_tau_is_above(facts: ModelFacts) -> None:
    earlier = run(facts, resolve("nano-care", sets=["heal.aggregate=max"]), operating_kl=0.03)
    assert "KB20" not in rules(resolve("nano-care"), facts, Prior(runs=[earlier]))
    assert "KB20" not in rules(resolve("nano-care"), facts, Prior(runs=[run(facts, operating_kl=0.6)]))
    hit = next(
        h for h in settle(resolve("nano-care"), facts, Prior(runs=[run(facts, operating_kl=0.03)])) if h.rule == "KB20"
    )
    assert "0.03 nats" in hit.cause
    assert hit.fix == "heal.tau below 0.03"


def test_kb45_another_evaluation_is_not_comparable(facts: ModelFacts) -> None:
    longer = run(facts, resolve("nano-care", sets=["evaluate.max_new_tokens=256"]))
    assert "KB45" in rules(resolve("nano-care"), facts, Prior(comparator=longer))
    assert "KB45" in rules(resolve("nano-care"), facts, Prior(comparator=run(facts, metric_version=99)))
    thought = run(facts, resolve("nano-care", sets=["evaluate.thinking_tokens=64"]))
    (hit,) = [h for h in settle(resolve("nano-care"), facts, Prior(comparator=thought)) if h.rule == "KB45"]
    assert hit.knobs == ["evaluate.thinking_tokens"]
    older = msgspec.structs.replace(
        run(facts), config={k: v for k, v in run(facts).config.items() if "thinking" not in k}
    )
    assert "KB45" not in rules(resolve("nano-care"), facts, Prior(comparator=older)), "it is older than the setting"
    assert "KB45" not in rules(resolve("nano-care"), facts, Prior(comparator=run(facts)))


def test_every_rule_has_a_test() -> None:
    assert set(RULES) == set(BROKEN) | set(SAME_MODEL) | {"KB5", "KB45"}


@pytest.mark.parametrize("name", preset_names())
def test_the_shipped_presets_hit_nothing_but_what_they_waive(name: str, facts: ModelFacts) -> None:
    waived = [waiver["rule"] for waiver in preset_table(name).get("waivers", [])]
    hits = settle(resolve(name), facts, Prior(), waived=waived)
    assert {hit.rule for hit in hits if hit.state == "open"} == set()
    assert {hit.rule for hit in hits} == set(waived), "a waiver that nothing needs"


def test_a_hit_on_every_declared_axis_is_what_the_run_tests(facts: ModelFacts) -> None:
    config = resolve("nano-care", sets=["keep.enabled=false", "keep.min_entropy=0.5"])
    (hit,) = [h for h in settle(config, facts, Prior(), axes=["keep.enabled"]) if h.rule == "KB12"]
    assert hit.state == "tested"
    both = resolve("nano-care", sets=["keep.enabled=false", "evaluate.capability_floor=0"])
    (hit,) = [h for h in settle(both, facts, Prior(), axes=["keep.enabled"]) if h.rule == "KB12"]
    assert hit.state == "open"
