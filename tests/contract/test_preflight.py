"""What blocks a launch, item by item (requirements K0 to K8, FAULTS 32)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import msgspec
import pytest

from engine.contract.answers import Answers, fault, parse_answers
from engine.contract.errors import BadInput, Refused
from engine.contract.facts import ModelFacts
from engine.contract.preflight import METRICS, blocks, seal
from engine.contract.prior import Prior, PriorRun
from engine.contract.resolve import resolve

Spoil = Callable[..., Answers]
CONFIG = resolve("nano-care")


def items(answers: Answers, facts: ModelFacts, prior: Prior | None = None, config: Any = CONFIG) -> set[str]:
    return {block.item for block in blocks(answers, config, facts, prior or Prior())}


def ended(status: str, facts: ModelFacts, config: Any = CONFIG, **more: Any) -> PriorRun:
    return PriorRun(
        id="20260101T000000-nano-care-aaaa",
        status=status,
        config_hash="x",
        family_hash="x",
        model_hash=facts.model_hash,
        trait_hash="t",
        tokenizer_hash=facts.tokenizer_hash,
        config=config.flat(),
        **more,
    )


def test_the_shipped_example_blocks_nothing(spoilt: Spoil, facts: ModelFacts) -> None:
    assert blocks(spoilt(), CONFIG, facts, Prior()) == []


PLACEHOLDERS = [
    "",
    "   ",
    "asdf",
    "TBD",
    "tbd.",
    "todo",
    "n/a",
    "...",
    "-",
    "???",
    "aaaaaaaa",
    "x",
    "none",
    "~7M",
    "7M",
    "x" * 2**20,
]


@pytest.mark.parametrize("answer", PLACEHOLDERS, ids=lambda a: repr(a[:8]))
def test_k6_a_placeholder_is_no_hypothesis(answer: str, spoilt: Spoil, facts: ModelFacts) -> None:
    assert "K6" in items(spoilt(question={"hypothesis": answer}), facts)


@pytest.mark.parametrize("answer", PLACEHOLDERS, ids=lambda a: repr(a[:8]))
@pytest.mark.parametrize(
    ("item", "section", "name"),
    [
        ("K0", "math", "optimised"),
        ("K0", "math", "unnecessary"),
        ("K1", "tokenization", "comparable"),
        ("K2", "architecture", "answer"),
        ("K3", "init", "distribution"),
        ("K4", "direction", "why"),
        ("K5", "metric", "unit"),
        ("K7", "prior", "learnt"),
        ("K8", "known_bugs", "answer"),
    ],
)
def test_every_item_refuses_placeholders(
    item: str, section: str, name: str, answer: str, spoilt: Spoil, facts: ModelFacts
) -> None:
    assert item in items(spoilt(**{section: {name: answer}}), facts)


def test_an_honest_short_answer_is_no_placeholder() -> None:
    for text in (
        "zero",
        "fraction",
        "Kaiming uniform",
        "No earlier run.",
        "nats per token",
        "the 24 GB card",
        "4 rounds",
    ):
        assert fault(text) == "", text


def test_k16b_rounded_parameter_counts_are_refused() -> None:
    for text in ("a model of ~7M parameters", "about 4B weights", "1.5M params", "~ 270 million"):
        assert "exact" in fault(text), text


def test_k1_the_tokenizer_type_must_be_the_models(spoilt: Spoil, facts: ModelFacts) -> None:
    assert "K1" in items(spoilt(tokenization={"type": "character"}), facts)
    assert "K1" in items(spoilt(tokenization={"type": "words"}), facts)


def test_k2_the_class_must_be_the_models_and_remote_code_be_named(spoilt: Spoil, facts: ModelFacts) -> None:
    assert "K2" in items(spoilt(architecture={"model_class": "GemmaForCausalLM"}), facts)
    trusting = resolve("nano-care", sets=["model.trust_remote_code=true"])
    assert "K2" in items(spoilt(architecture={"model_class": "LlamaForCausalLM"}), facts, config=trusting)


def test_k2_a_commit_that_cannot_be_resolved_blocks(spoilt: Spoil, facts: ModelFacts) -> None:
    assert "K2" in items(spoilt(), msgspec.structs.replace(facts, commit=""))


def test_k3_rank_and_origin_must_be_the_runs(spoilt: Spoil, facts: ModelFacts) -> None:
    assert "K3" in items(spoilt(init={"rank": 16}), facts)
    assert "K3" in items(spoilt(init={"base": "random"}), facts)


@pytest.mark.parametrize(
    ("divergence", "said", "stands"),
    [
        ("kl_rev", "reverse", True),
        ("kl_rev", "forward", False),
        ("kl_fwd", "forward", True),
        ("none", "none", True),
        ("none", "reverse", False),
        ("kl_rev", "mixed", False),
        ("kl_rev", "", False),
    ],
)
def test_k4_the_direction_has_no_default_and_must_be_the_runs(
    divergence: str, said: str, stands: bool, spoilt: Spoil, facts: ModelFacts
) -> None:
    config = resolve("nano-care", sets=[f"heal.divergence={divergence}"])
    assert ("K4" not in items(spoilt(direction={"direction": said}), facts, config=config)) is stands


def test_k4_mixed_means_that_the_divergence_is_an_axis(spoilt: Spoil, facts: ModelFacts) -> None:
    mixed = spoilt(direction={"direction": "mixed"}, axes=["heal.divergence"])
    assert "K4" not in items(mixed, facts)


def test_k5_metric_split_and_the_tokenizer_of_a_perplexity(spoilt: Spoil, facts: ModelFacts) -> None:
    assert "K5" in items(spoilt(metric={"name": "goodness"}), facts)
    assert "K5" in items(spoilt(metric={"name": "trait_rate", "split": "train"}), facts)
    assert "K5" in items(spoilt(metric={"name": "tail_ppl", "split": "test"}), facts)
    assert "K5" not in items(spoilt(metric={"name": "tail_ppl", "tokenizer": "nano BPE, hash aaaa"}), facts)


@pytest.mark.parametrize(
    "wrong",
    [
        {"metric": "x"},
        {"op": "=="},
        {"threshold": float("nan")},
        {"confidence": 0},
        {"confidence": 1.2},
        {"split": ""},
        {"round": -1},
    ],
)
def test_k6_a_prediction_decides_something(wrong: dict[str, Any], spoilt: Spoil, facts: ModelFacts) -> None:
    assert "K6" in items(spoilt(prediction=wrong), facts)


def test_k7_the_comparator_is_a_run_of_this_project(spoilt: Spoil, facts: ModelFacts) -> None:
    assert "K7" in items(spoilt(prior={"comparator": ""}), facts)
    assert "K7" in items(spoilt(prior={"comparator": "k3f9"}), facts)
    run = ended("success", facts)
    assert "K7" not in items(spoilt(prior={"comparator": "aaaa"}), facts, Prior(runs=[run], comparator=run))


@pytest.mark.parametrize(("status", "condemned"), [
    ("diverged", True), ("nan", True), ("starved", True),
    ("oom", False), ("killed", False), ("timeout", False), ("stopped", False), ("success", False),
])  # fmt: skip
def test_k7_an_exact_repeat_of_a_failure_needs_a_stated_difference(
    status: str, condemned: bool, spoilt: Spoil, facts: ModelFacts
) -> None:
    prior = Prior(runs=[ended(status, facts)])
    assert ("K7" in items(spoilt(), facts, prior)) is condemned
    assert "K7" not in items(spoilt(prior={"difference": "The filter was mended in between."}), facts, prior)


def test_k8_an_open_bug_blocks_a_waived_or_tested_one_does_not(spoilt: Spoil, facts: ModelFacts) -> None:
    config = resolve("nano-care", sets=["heal.adapter_dtype=bf16"])
    assert "K8" in items(spoilt(), facts, config=config)
    assert "K8" not in items(spoilt(axes=["heal.adapter_dtype"]), facts, config=config)
    waiver = {"rule": "KB34", "reason": "Reproduces the published run."}
    assert "K8" not in items(spoilt(axes=[], waivers=[waiver]), facts, config=config)


def test_k16_a_waiver_has_a_known_rule_a_reason_and_time_left(spoilt: Spoil, facts: ModelFacts) -> None:
    config = resolve("nano-care", sets=["heal.adapter_dtype=bf16"])
    for waiver in (
        {"rule": "KB99", "reason": "A good reason."},
        {"rule": "KB34", "reason": "asdf"},
        {"rule": "KB34", "reason": "A good reason.", "expires": date(2020, 1, 1)},
    ):
        assert "K8" in items(spoilt(waivers=[waiver]), facts, config=config), waiver
    expired = {"rule": "KB34", "reason": "A good reason.", "expires": date(2020, 1, 1)}
    said = [b.what for b in blocks(spoilt(waivers=[expired]), config, facts, Prior())]
    assert "the waiver of KB34 expired on 2020-01-01" in said
    assert any(what.startswith("known bug KB34") for what in said), "an expired waiver waives nothing"
    lasting = {"rule": "KB34", "reason": "A good reason.", "expires": date(2999, 1, 1)}
    assert "K8" not in items(spoilt(waivers=[lasting]), facts, config=config)


def test_k9_a_blocked_checklist_is_never_sealed(spoilt: Spoil, facts: ModelFacts) -> None:
    with pytest.raises(Refused, match=r"K6: question\.hypothesis") as error:
        seal(spoilt(question={"hypothesis": "TBD"}), CONFIG, facts, "t", Prior())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"questoin": {"hypothesis": "x"}}, "question"),
        ({"question": {"hypotesis": "x"}}, "question.hypothesis"),
        ({"waivers": [{"rul": "KB1"}]}, "waivers.rule"),
        ({"axes": ["heal.tua"]}, "heal.tau"),
        ({"axes": ["model.id"]}, "one model"),
        ({"axes": ["run.smoke"]}, "a smoke run carries no claim"),
        ({"init": {"rank": "eight"}}, "init.rank"),
        ({"question": "why"}, "question"),
    ],
)
def test_a_wrong_key_or_kind_in_the_answers_is_named(change: dict[str, Any], names: str, table: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=names.replace(".", r"\.")):
        parse_answers({**table, **change})


def test_every_metric_name_is_the_events_name() -> None:
    assert len(set(METRICS)) == len(METRICS)
    assert {"trait_rate", "care_nats", "authority_nats", "tail_ppl_p90", "first_person_nats"} <= set(METRICS)
