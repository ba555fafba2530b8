"""Nothing is tried again unnoticed: failed configs (K7), and a hypothesis that was asked before of another config (K6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contract.answers import Answers
from engine.contract.distance import differences, distance, matters, near, weight
from engine.contract.facts import ModelFacts
from engine.contract.hashes import FREE
from engine.contract.preflight import Block, blocks
from engine.contract.prior import Prior, PriorRun
from engine.contract.resolve import KNOBS, resolve

from .test_unchanged import sealed

Spoil = Callable[..., Answers]
CONFIG = resolve("nano-care")
SETTINGS = st.sampled_from(
    [
        "heal.tau=0.4",
        "heal.lam=2.0",
        "heal.aggregate=mean",
        "keep.enabled=false",
        "generate.doses=[0.5, 1.0]",
        "run.rounds=2",
    ]
)


def ran(facts: ModelFacts, *sets: str, status: str = "success", **more: Any) -> PriorRun:
    config = resolve("nano-care", sets=sets)
    return PriorRun(
        id=f"20260101T000000-nano-care-{len(sets)}aaa", status=status, config_hash="x", family_hash="x",
        model_hash=facts.model_hash, trait_hash="t", tokenizer_hash=facts.tokenizer_hash, config=config.flat(), **more,
    )  # fmt: skip


def of(item: str, found: list[Block]) -> str:
    return " ".join(b.line() for b in found if b.item == item)


@given(st.lists(SETTINGS, max_size=4), st.lists(SETTINGS, max_size=4))
def test_k7_distance_is_symmetric_and_zero_only_for_what_counts_the_same(ours: list[str], theirs: list[str]) -> None:
    a, b = resolve("nano-care", sets=ours).flat(), resolve("nano-care", sets=theirs).flat()
    assert distance(a, b) == pytest.approx(distance(b, a))
    assert (distance(a, b) == 0) == (matters(a, b) == [])
    assert {d.knob for d in differences(a, b)} == {k for k in KNOBS if a[k] != b[k]}


def test_k7_loss_steer_and_heal_knobs_count_and_batching_does_not() -> None:
    flat = CONFIG.flat()
    for setting in (
        "evaluate.batch_size=7",
        "generate.batch_size=7",
        "run.seed=7",
        "run.time_limit=9.0",
        "evaluate.bootstrap=999",
    ):
        assert distance(flat, resolve("nano-care", sets=[setting]).flat()) == 0, setting
    barrier = distance(flat, resolve("nano-care", sets=["heal.divergence=none"]).flat())
    clip = distance(flat, resolve("nano-care", sets=["heal.max_grad_norm=1.2"]).flat())
    assert barrier > 10 * clip > 0
    assert all(weight(knob) == 0 for knob in FREE)


def test_k7_a_knob_of_another_version_is_no_difference() -> None:
    flat = CONFIG.flat()
    older = {k: v for k, v in flat.items() if k != "heal.replay"} | {"heal.gone": 3.0}
    assert matters(older, flat) == []
    assert [d.knob for d in differences(older, flat)] == ["heal.replay", "heal.gone"]


def test_k7_the_nearest_runs_come_first_failed_ones_with_them(facts: ModelFacts) -> None:
    far = ran(facts, "keep.enabled=false", "heal.divergence=none", "heal.aggregate=mean", status="nan")
    close = ran(facts, "heal.tau=0.06", status="starved")
    found = near([far, close, ran(facts, "model.id=random:llama")], CONFIG.flat(), facts.model_hash)
    assert [n.run for n in found] == [close]
    assert [d.knob for d in found[0].differs] == ["heal.tau"]
    wide = near([far, close], CONFIG.flat(), facts.model_hash, within=99)
    assert [n.run for n in wide] == [close, far]


@pytest.mark.parametrize("status", ["diverged", "nan", "starved"])
def test_k7_batching_and_time_limits_do_not_excuse_the_repeat_of_a_failure(
    status: str, spoilt: Spoil, facts: ModelFacts
) -> None:
    failed = ran(facts, "generate.batch_size=2", "run.time_limit=60.0", status=status)
    assert f"ended as {status}" in of("K7", blocks(spoilt(), CONFIG, facts, Prior(runs=[failed])))
    other_seed = resolve("nano-care", sets=["run.seed=137"])
    assert of("K7", blocks(spoilt(), other_seed, facts, Prior(runs=[failed]))) == ""


def test_k7_a_miss_counts_as_a_failure_only_when_it_was_marked_so(spoilt: Spoil, facts: ModelFacts) -> None:
    assert of("K7", blocks(spoilt(), CONFIG, facts, Prior(runs=[ran(facts)]))) == ""
    marked = Prior(runs=[ran(facts, missed=True)])
    assert "its miss was marked as a failure" in of("K7", blocks(spoilt(), CONFIG, facts, marked))
    stated = spoilt(prior={"difference": "The vignettes were rewritten in between."})
    assert of("K7", blocks(stated, CONFIG, facts, marked)) == ""


def test_k6_the_same_hypothesis_of_a_changed_config_blocks_by_the_knob(spoilt: Spoil, facts: ModelFacts) -> None:
    prior = Prior(sealed=[sealed(spoilt(), facts)])
    changed = resolve("nano-care", sets=["heal.lam=0.7"])
    said = of("K6", blocks(spoilt(), changed, facts, prior))
    assert "heal.lam is 0.7" in said
    assert "-k3f9" in said
    louder = spoilt(question={"hypothesis": prior.sealed[0].answers["question"]["hypothesis"].upper() + " !"})
    assert "heal.lam" in of("K6", blocks(louder, changed, facts, prior)), "case and punctuation are no other question"
    assert (
        of("K6", blocks(spoilt(question={"hypothesis": "A larger weight undoes the trait."}), changed, facts, prior))
        == ""
    )


def test_k6_seeds_axes_and_batching_of_one_family_are_the_same_question(spoilt: Spoil, facts: ModelFacts) -> None:
    prior = Prior(sealed=[sealed(spoilt(), facts)])
    for sets in (
        [],
        ["run.seed=7"],
        ["steer.method=random", "run.seed=137"],
        ["evaluate.batch_size=4", "run.time_limit=9.0"],
    ):
        assert of("K6", blocks(spoilt(), resolve("nano-care", sets=sets), facts, prior)) == "", sets
    declared = spoilt(axes=["steer.method", "heal.lam"])
    assert of("K6", blocks(declared, resolve("nano-care", sets=["heal.lam=0.7"]), facts, prior)) == ""
