"""What is forbidden outright: each of K16 (a) to (g) has a rule that exists and a test that exists, and a waiver is typed."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.contract.answers import Answers
from engine.contract.facts import ModelFacts
from engine.contract.forbidden import ABLATIONS, RULES_K16, TUNED, WAIVABLE, claim_level
from engine.contract.known_bugs import RULES
from engine.contract.preflight import blocks, seal
from engine.contract.prior import Prior, PriorRun
from engine.contract.resolve import KNOBS, resolve

from .test_k_requirements import names_in

Spoil = Callable[..., Answers]
ROOT = Path(__file__).parents[2]
CONFIG = resolve("nano-care")
WAIVER = "The run reproduces a published recipe as it stands."


def said(answers: Answers, facts: ModelFacts, prior: Prior | None = None) -> str:
    return " ".join(b.line() for b in blocks(answers, CONFIG, facts, prior or Prior()))


def ran(facts: ModelFacts, *sets: str, status: str = "success") -> PriorRun:
    config = resolve("nano-care", sets=sets)
    return PriorRun(
        id="20260101T000000-nano-care-aaaa", status=status, config_hash="x", family_hash="x", model_hash=facts.model_hash,
        trait_hash="t", tokenizer_hash=facts.tokenizer_hash, config=config.flat(),
    )  # fmt: skip


@pytest.mark.parametrize("letter", "abcdefg")
def test_k16_each_has_one_rule_and_one_test(letter: str) -> None:
    rule = RULES_K16[letter]
    module, _, function = rule.rule.rpartition(".")
    assert callable(getattr(importlib.import_module(module), function))
    file, _, test = rule.test.partition("::")
    assert test in names_in(ROOT / file)


def test_k16_the_waivable_rules_are_those_that_a_waiver_may_name(spoilt: Spoil, facts: ModelFacts) -> None:
    assert set(WAIVABLE) == {"K16e", "K16f", "K16g"}
    assert "K16f" in RULES
    for rule in WAIVABLE:
        assert "no rule named" not in said(spoilt(waivers=[{"rule": rule, "reason": WAIVER}]), facts)
    assert "no rule named 'K16a'" in said(spoilt(waivers=[{"rule": "K16a", "reason": WAIVER}]), facts)


@pytest.mark.parametrize(
    "loss",
    [
        "class-weighted NLL over kept",
        "NLL with class weights by inverse frequency",
        "weighted cross-entropy(kept)",
        "focal loss",
    ],
)
def test_k16e_class_weighting_is_refused_unless_the_priors_differ(loss: str, spoilt: Spoil, facts: ModelFacts) -> None:
    assert "weighs classes" in said(spoilt(math={"optimised": f"min over (A, B) of {loss}"}), facts)
    differs = f"min over (A, B) of {loss}; the priors differ: val has one refusal in ten, train one in two"
    assert "weighs classes" not in said(spoilt(math={"optimised": differs}), facts)
    waived = spoilt(math={"optimised": f"min over (A, B) of {loss}"}, waivers=[{"rule": "K16e", "reason": WAIVER}])
    assert "weighs classes" not in said(waived, facts)


def test_k16e_an_ordinary_loss_is_none(spoilt: Spoil, facts: ModelFacts) -> None:
    assert "weighs classes" not in said(
        spoilt(math={"optimised": "min NLL + lam * relu(D - tau), lam weighs the barrier"}), facts
    )


def test_k16g_tuning_waits_for_an_ablation(spoilt: Spoil, facts: ModelFacts) -> None:
    tuning = spoilt(axes=["heal.tau", "heal.lr"])
    assert "heal.tau and heal.lr are tuned before" in said(tuning, facts)
    assert "tuned before" not in said(tuning, facts, Prior(runs=[ran(facts, "heal.divergence=none")]))
    assert "tuned before" in said(tuning, facts, Prior(runs=[ran(facts, "heal.divergence=none", status="nan")]))
    assert "tuned before" in said(tuning, facts, Prior(runs=[ran(facts, "heal.lr=0.001")]))
    assert "tuned before" in said(tuning, facts, Prior(runs=[ran(facts, "heal.divergence=none", "trait.name=love")]))
    assert "tuned before" not in said(spoilt(axes=["heal.tau", "steer.method"]), facts)
    assert "tuned before" not in said(spoilt(axes=["steer.method"]), facts)
    assert "tuned before" not in said(spoilt(axes=["heal.tau"], waivers=[{"rule": "K16g", "reason": WAIVER}]), facts)


def test_k16g_the_knobs_it_names_exist() -> None:
    assert set(TUNED) <= set(KNOBS)
    assert set(ABLATIONS) <= set(KNOBS)


def test_k16d_one_seed_never_carries_a_public_claim() -> None:
    assert [claim_level(n) for n in (0, 1, 2, 3, 4, 5, 8)] == [
        "exploratory", "exploratory", "exploratory", "smoke", "smoke", "publishable", "publishable",
    ]  # fmt: skip


def test_k16_a_waiver_is_sealed_with_its_reason(spoilt: Spoil, facts: ModelFacts) -> None:
    answers = spoilt(axes=["heal.tau"], waivers=[{"rule": "K16g", "reason": WAIVER}])
    record: dict[str, Any] = seal(answers, CONFIG, facts, "t" * 64, Prior())
    assert record["answers"]["waivers"] == [{"rule": "K16g", "reason": WAIVER, "expires": None}]
