"""A project's own known bugs stand in the checklist like those that ship (requirement K8)."""

from __future__ import annotations

from collections.abc import Callable

from engine.contract.answers import Answers
from engine.contract.facts import ModelFacts
from engine.contract.preflight import blocks
from engine.contract.prior import Hit, Prior
from engine.contract.resolve import resolve

OWN = Hit(rule="PB1", symptom="it diverged", cause="tau too low here", fix="raise heal.tau", knobs=["heal.tau"])
WAIVER = [{"rule": "PB1", "reason": "this run measures exactly that setting"}]


def _blocked(answers: Answers, facts: ModelFacts, prior: Prior) -> list[str]:
    return [b.what for b in blocks(answers, resolve("nano-care"), facts, prior) if "PB1" in b.what]


def test_k8_a_promoted_rule_blocks_until_it_is_waived_or_tested(
    spoilt: Callable[..., Answers], facts: ModelFacts
) -> None:
    prior = Prior(project_bugs=[OWN])
    assert _blocked(spoilt(), facts, prior) == ["known bug PB1: tau too low here, which leads to: it diverged"]
    assert _blocked(spoilt().model_copy(update={"axes": ("heal.tau",)}), facts, prior) == []


def test_k8_a_waiver_may_name_a_rule_of_the_project_and_no_other(
    spoilt: Callable[..., Answers], facts: ModelFacts
) -> None:
    waived = spoilt(waivers=WAIVER)
    assert _blocked(waived, facts, Prior(project_bugs=[OWN])) == []
    assert any("no rule named 'PB1'" in b.what for b in blocks(waived, resolve("nano-care"), facts, Prior()))
