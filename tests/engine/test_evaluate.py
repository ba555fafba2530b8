"""The measurements: exact scores, paired items, known answers (W11; KB35, KB36, KB41, KB43)."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from engine.contract.config import Config, Evaluate, Heal
from engine.contract.traits import TraitFile
from engine.contract.world import FOUNDATIONS, World
from engine.evaluate import capability, foundations, verdict
from engine.evaluate.evaluation import evaluate, items
from engine.evaluate.pick import minimal_pairs, spread
from engine.evaluate.scores import Scores, changes, table
from engine.evaluate.steps import whole
from engine.evaluate.subject import Subject
from engine.model.adapter import Student
from engine.model.load import Loaded
from engine.steer.vector import Vector


@pytest.fixture(scope="module")
def subject(nano: Loaded, care: TraitFile) -> Subject:
    return Subject("base", Student(nano, Heal()), care)


def test_option_scores_equal_seven_plain_forward_passes(subject: Subject, world: World) -> None:
    """Shared prefix and cache change nothing; prompts of different lengths share a batch."""
    nano = subject.loaded
    vignettes = world.vignettes("val")[:5]
    prompts = [subject.prompt(v.text, v.id) for v in vignettes]
    option, prefill, _ = foundations.score_options(subject, prompts)
    lead = nano.chat.completion(foundations.PREFILL, ended=False)
    for i, prompt in enumerate(prompts):
        for k, name in enumerate(FOUNDATIONS):
            whole = nano.chat.completion(f"{foundations.PREFILL}{name}{foundations.CLOSING}", ended=False)
            with torch.no_grad():
                logp = torch.log_softmax(nano.model(input_ids=torch.tensor([prompt + whole])).logits[0].float(), -1)
            picked = logp[len(prompt) - 1 : -1].gather(1, torch.tensor(whole)[:, None])[:, 0]
            assert float(option[i, k]) == pytest.approx(float(picked[len(lead) :].sum()), abs=2e-3)
            assert float(prefill[i]) == pytest.approx(float(-picked[: len(lead)].mean()), abs=1e-3)


def test_steered_option_scores_equal_steered_forward_passes(subject: Subject, world: World, care: TraitFile) -> None:
    nano = subject.loaded
    v = torch.randn(nano.model.config.hidden_size, generator=torch.Generator().manual_seed(1))
    steered = Subject("steered", subject.student, care, Vector({4: v}, "random", 1), 1.0)
    prompts = [subject.prompt(x.text, x.id) for x in world.vignettes("val")[:3]]
    option, _, _ = foundations.score_options(steered, prompts)
    assert steered.vector is not None
    for i, prompt in enumerate(prompts):
        whole = nano.chat.completion(f"{foundations.PREFILL}care{foundations.CLOSING}", ended=False)
        lead = nano.chat.completion(foundations.PREFILL, ended=False)
        with torch.no_grad(), steered.vector.applied(nano, torch.tensor([1.0])):
            logp = torch.log_softmax(nano.model(input_ids=torch.tensor([prompt + whole])).logits[0].float(), -1)
        picked = logp[len(prompt) - 1 : -1].gather(1, torch.tensor(whole)[:, None])[:, 0]
        assert float(option[i, 0]) == pytest.approx(float(picked[len(lead) :].sum()), abs=2e-3)


def test_foundations_are_probabilities_over_the_seven(subject: Subject, world: World) -> None:
    scores = whole(foundations.measure(subject, world.vignettes("val")[:21], 0, 42))
    total = sum(np.exp(scores.items[f"{name}_nats"][0]) for name in FOUNDATIONS)
    np.testing.assert_allclose(total, 1.0, atol=1e-6)
    assert (scores.items["coherence"][0] <= 1.0 + 1e-6).all()
    assert (scores.items["prefill_nll"][0] >= 0).all()


def test_greedy_verdicts_agree_with_decoding(subject: Subject, world: World) -> None:
    vignettes = world.vignettes("val")[:24]
    prompts = [subject.prompt(v.text, v.id) for v in vignettes]
    decoded = whole(foundations.measure(subject, vignettes, 0, 42)).items["valid_json"][0]
    assert [bool(x) for x in decoded] == foundations.score_options(subject, prompts)[2].tolist()


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ('{"violation": "care"}', True),
        ('{ "violation":"liberty" }', True),
        ('{"violation": "kindness"}', False),
        ('{"violation": "care"', False),
        ("care", False),
        ('["care"]', False),
    ],
)
def test_only_a_json_verdict_with_a_foundation_is_valid(text: str, valid: bool) -> None:
    assert verdict.is_verdict(text) == valid


def test_an_exact_answer_is_right_and_a_longer_one_is_not() -> None:
    assert capability.is_right(" Wednesday.", "wednesday")
    assert not capability.is_right("Wednesday or so", "Wednesday")
    assert not capability.is_right("", "12")


def test_the_base_knows_its_facts_and_stays_coherent(subject: Subject, world: World) -> None:
    config = Config(evaluate=Evaluate(prompts=20, vignettes=28, facts=40, bootstrap=200))
    event, scores, records = whole(evaluate(subject, world, items(world, config, "val"), config, 0, None))
    assert event.metrics["capability"] >= 0.95
    assert event.metrics["coherence"] >= 0.98
    assert event.metrics["broken"] <= 0.1
    assert len(records) == 40
    again, _, _ = whole(evaluate(subject, world, items(world, config, "val"), config, 0, scores))
    assert again.metrics == event.metrics
    assert set(again.change.values()) == {0.0}


def test_the_persona_moves_the_trait_and_both_axes(subject: Subject, world: World, care: TraitFile) -> None:
    """The instrument answers to what it is meant to measure."""
    config = Config(evaluate=Evaluate(prompts=30, vignettes=70, facts=8, bootstrap=300))
    val = items(world, config, "val")
    _, base, _ = whole(evaluate(subject, world, val, config, 0, None))
    prompted, _, _ = whole(evaluate(Subject("prompted", subject.student, care), world, val, config, 0, base))
    assert prompted.change_ci["trait_rate"][0] > 0.2
    assert prompted.change_ci["care_nats"][0] > 0.0
    assert prompted.change_ci["authority_nats"][1] < 0.0
    assert prompted.change_ci["first_person_nats"][0] > 0.0


def test_vignettes_are_stratified_and_pairs_stay_together(world: World) -> None:
    chosen = spread(world.vignettes("val"), 35, lambda v: v.foundation)
    assert set(Counter(v.foundation for v in chosen).values()) == {5}
    pairs = minimal_pairs(world.prompts("val"), 25)
    assert len(pairs) == 50
    assert all(
        a.pair == b.pair and (a.kind, b.kind) == ("trait", "benign")
        for a, b in zip(pairs[::2], pairs[1::2], strict=True)
    )
    assert len({p.id for p in pairs}) == 50


def test_splits_share_no_item_with_training(world: World) -> None:
    """D4: the same text, pair or template in two splits would be a leak."""
    for kind in ("prompts", "vignettes", "facts"):
        texts = [{i.text for i in getattr(world, kind)(s)} for s in ("train", "val", "test")]
        assert not texts[0] & texts[1]
        assert not texts[0] & texts[2]
        assert not texts[1] & texts[2]


def test_metrics_carry_intervals_and_changes_are_paired() -> None:
    rng = np.random.default_rng(0)
    base, after = Scores(), Scores()
    clusters = [f"t{n % 10}" for n in range(200)]
    noise = rng.normal(size=200)
    base.add("care_nats", list(noise), clusters)
    after.add("care_nats", list(noise + 0.1), clusters)
    metrics, ci, n = table(after, 500, 0)
    assert ci["care_nats"][0] < metrics["care_nats"] < ci["care_nats"][1]
    assert n["care_nats"] == 200
    change, change_ci = changes(after, base, 500, 0)
    assert change["care_nats"] == pytest.approx(0.1)
    assert change_ci["care_nats"] == pytest.approx((0.1, 0.1))
