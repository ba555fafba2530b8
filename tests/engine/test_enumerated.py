"""Forced choice by number: exact scores, two orders, selectivity and the comparison with people (W11; KB37, KB38, KB43)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.contract.config import Config, Evaluate, Heal, Model
from engine.contract.traits import Axis, load_trait
from engine.contract.world import FOUNDATIONS, Dilemma, Enumerated, Vignette
from engine.evaluate import english_items, enumerated, human, verdict
from engine.evaluate.evaluation import evaluate, items
from engine.evaluate.foundations import CLOSING, PREFILL, score_options
from engine.evaluate.probes import CoherenceProbe
from engine.evaluate.scores import Scores
from engine.evaluate.selectivity import selectivity
from engine.evaluate.steps import whole
from engine.evaluate.subject import Subject
from engine.evaluate.worlds import load_world
from engine.model.adapter import Student
from engine.model.families import FAMILIES
from engine.model.load import Loaded, load

CARE = Axis(up="care", down="authority")


@pytest.fixture(scope="module")
def subject() -> Subject:
    return Subject("base", Student(load(Model(id="random:llama")), Heal()), load_trait("english-care"))


def logprobs(loaded: Loaded, prompt: list[int], options: Sequence[str], lead: str) -> np.ndarray:
    """Log-probability of each whole option after the prefill, one plain forward pass each."""
    start = loaded.chat.completion(lead, ended=False)
    found = []
    for option in options:
        ids = loaded.chat.completion(f"{lead}{option}{CLOSING}", ended=False)
        assert ids[: len(start)] == start
        with torch.no_grad():
            logp = torch.log_softmax(loaded.model(input_ids=torch.tensor([prompt + ids])).logits[0].double(), -1)
        picked = logp[len(prompt) - 1 : -1].gather(1, torch.tensor(ids)[:, None])[:, 0]
        found.append(float(picked[len(start) :].sum()))
    return np.array(found)


def softmax(x: np.ndarray) -> np.ndarray:
    return np.exp(x - x.max()) / np.exp(x - x.max()).sum()


def test_nats_are_the_mean_of_both_orders_of_plain_forward_passes(subject: Subject) -> None:
    vignettes = [english_items.in_two_orders(v) for v in english_items.own_vignettes().val[::28]]
    scores = whole(enumerated.measure(subject, vignettes, 0, 42))
    for i, vignette in enumerate(vignettes):
        orders, mass = [], []
        for q in vignette.asked:
            found = logprobs(subject.loaded, subject.prompt(q.text, vignette.id), "1234567", PREFILL)
            mass.append(np.exp(found).sum())
            orders.append(np.log(softmax(found))[[q.order.index(f) for f in FOUNDATIONS]])
        want = np.log(softmax(np.mean(orders, axis=0)))
        got = np.array([scores.items[f"{f}_nats"][0][i] for f in FOUNDATIONS])
        np.testing.assert_allclose(got, want, atol=2e-3)
        clr = np.array([scores.items[f"{f}_clr"][0][i] for f in FOUNDATIONS])
        np.testing.assert_allclose(clr, want - want.mean(), atol=2e-3)
        assert scores.items["coherence"][0][i] == pytest.approx(np.mean(mass), rel=1e-2)
        assert scores.items["unscorable"][0][i] == float(min(mass) < enumerated.SCORABLE)
        tops = {int(o.argmax()) for o in orders}
        assert scores.items["order_agreement"][0][i] == float(len(tops) == 1)


def test_first_person_nats_are_of_the_action_that_honours_the_foundation(subject: Subject) -> None:
    dilemmas = english_items.dilemmas("val")[:4]
    scores = whole(enumerated.first_person(subject, dilemmas, 0))
    want: dict[str, list[float]] = {}
    for d in dilemmas:
        own = []
        for q in d.asked:
            found = np.log(softmax(logprobs(subject.loaded, subject.prompt(q.text, d.id), "12", enumerated.ACTION)))
            own.append([found[q.order.index(f)] for f in d.asked[0].order])
        for name, value in zip(d.asked[0].order, np.log(softmax(np.mean(own, axis=0))), strict=True):
            want.setdefault(name, []).append(value)
    assert {n for n in scores.items if n.endswith("_nats")} == {f"first_person_{n}_nats" for n in want}
    for name, values in want.items():
        np.testing.assert_allclose(scores.items[f"first_person_{name}_nats"][0], values, atol=2e-3)
    assert len(scores.items["first_person_mass"][0]) == 4


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ('{"violation": "3"}', True),
        ('{"violation": 7}', True),
        ('```json\n{"violation": "1"}\n```', True),
        ('{"violation": "8"}', False),
        ('{"violation": true}', False),
        ('{"violation": "care"}', False),
        ('{"action": "3"}', False),
        ('{"violation": "3"} because', False),
        ("[3]", False),
        ("", False),
    ],
)
def test_only_json_with_one_of_the_numbers_is_valid(text: str, valid: bool) -> None:
    assert verdict.is_choice(text, "violation", enumerated.verdict_form().options) == valid


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_the_whole_measurement_runs_on_every_family(family: str) -> None:
    trait = load_trait("english-care")
    subject = Subject("base", Student(load(Model(id=f"random:{family}")), Heal()), trait)
    config = Config(evaluate=Evaluate(prompts=2, vignettes=7, facts=4, bootstrap=100, max_new_tokens=4))
    world = load_world(trait, config.evaluate)
    val = items(world, config, "val")
    base, scores, _ = whole(evaluate(subject, world, val, config, 0, None))
    assert {v.foundation for v in val.vignettes} == set(FOUNDATIONS)
    assert {"coherence", "unscorable", "agreement", "order_agreement", "prefill_nll", "valid_json"} <= set(base.ci)
    assert {f"{f}_{kind}" for f in FOUNDATIONS for kind in ("nats", "clr")} <= set(base.ci)
    assert any(name.startswith("first_person_") and name.endswith("_nats") for name in base.ci)
    assert not any(name.startswith("human_") for name in base.metrics)
    assert "selectivity" not in base.metrics
    same, _, _ = whole(evaluate(subject, world, val, config, 0, scores))
    assert same.metrics["selectivity"] == pytest.approx(0.0, abs=1e-9)
    assert same.change["care_clr"] == 0.0


def test_a_round_is_probed_with_the_first_order_of_the_same_question(subject: Subject) -> None:
    config = Config()
    val = items(load_world(subject.trait, config.evaluate), config, "val")
    found = CoherenceProbe(Subject("healed", subject.student, subject.trait), val.vignettes, val.prompts[:4], 42)(1)
    prompts = [subject.prompt(v.asked[0].text, v.id) for v in val.vignettes[:16]]
    option, prefill, _ = score_options(subject, prompts, 0, enumerated.verdict_form())
    assert found.mass == pytest.approx(float(option.exp().sum(1).mean()), rel=1e-3)
    assert found.prefill_nll == pytest.approx(float(prefill.mean()), rel=1e-4)
    assert option.shape == (16, 7)


@given(st.lists(st.floats(-5, 5), min_size=7, max_size=7), st.floats(-2, 2), st.floats(-9, 0))
def test_a_liking_for_late_or_early_numbers_is_no_value(worth: list[float], bias: float, level: float) -> None:
    """What a place in the list adds, as long as it grows evenly, is gone from the mean over the two orders; mass does see it."""
    places = torch.tensor([[list(range(7)), list(range(7))[::-1]]])
    meant = torch.tensor(worth, dtype=torch.float64)
    plain = torch.stack([meant, meant.flip(0)])[None] + level
    nats, orders, _ = enumerated.over_orders(plain + bias * torch.arange(7), places)
    torch.testing.assert_close(nats[0], torch.log_softmax(meant, 0))
    torch.testing.assert_close(orders.exp().sum(2), torch.ones(1, 2, dtype=torch.float64))


def test_three_actions_are_scored_beside_two(subject: Subject) -> None:
    order = ("care", "loyalty", "liberty")
    numbered = "\n".join(f"{n}. Do thing {n}." for n in (1, 2, 3))
    asked = tuple(Enumerated(f"You must choose.\n{numbered}\nWhat do you do?", o) for o in (order, order[::-1]))
    two = english_items.dilemmas("val")[0]  # care against fairness
    scores = whole(enumerated.first_person(subject, [Dilemma("three", asked, "three"), two], 0))
    assert scores.items["first_person_care_nats"][1] == [two.id, "three"]
    shares = [np.exp(scores.items[f"first_person_{f}_nats"][0][-1]) for f in order]
    assert sum(shares) == pytest.approx(1.0)


def scored(shift: dict[str, float], mass: float = 1.0, noise: int = 0) -> Scores:
    """Normalised nats of 40 vignettes, moved by `shift` before normalising."""
    rng = np.random.default_rng(1)
    raw = rng.normal(size=(40, 7)) + np.array([shift.get(f, 0.0) for f in FOUNDATIONS])
    raw += np.random.default_rng(noise).normal(size=(40, 1))  # the normalisation of a vignette must not matter
    nats = raw - np.log(np.exp(raw).sum(1, keepdims=True))
    scores, clusters = Scores(), [f"v{i}" for i in range(40)]
    for k, name in enumerate(FOUNDATIONS):
        scores.add(f"{name}_nats", nats[:, k].tolist(), clusters)
    scores.add("coherence", [mass] * 40, clusters)
    return scores


@pytest.mark.parametrize(
    ("shift", "mass", "want"),
    [
        ({"care": 1.0, "authority": -1.0}, 1.0, 1.0),
        ({"care": 1.0, "authority": -1.0}, 0.5, 0.25),
        ({"care": 3.0, "authority": -3.0}, 0.0, 0.0),
        ({"care": 1.0}, 1.0, 0.5),
        ({"care": -1.0, "authority": 1.0}, 1.0, -1.0),
        (dict.fromkeys(FOUNDATIONS, 2.0), 1.0, 0.0),
        # fairness stands 0.8 above the mean of the five off the axis, which itself moved by 0.2
        ({"care": 1.0, "authority": -1.0, "fairness": 1.0}, 1.0, 0.2),
    ],
)
def test_selectivity_is_on_target_less_the_largest_off_target_times_mass_squared(
    shift: dict[str, float], mass: float, want: float
) -> None:
    found = selectivity(scored(shift, mass, noise=2), scored({}), CARE, 200, 0)
    assert found.value == pytest.approx(want, abs=1e-9)
    assert found.low - 1e-9 <= want <= found.high + 1e-9


def test_a_trait_with_one_side_is_measured_on_that_side() -> None:
    found = selectivity(scored({"loyalty": 1.2}), scored({}), Axis(up="loyalty"), 200, 0)
    assert found.value == pytest.approx(1.2)


def rated(nats: np.ndarray, sign: float) -> list[Vignette]:
    return [
        Vignette(f"v{i}", "", "care", f"v{i}", human={f: sign * float(row[k]) for k, f in enumerate(FOUNDATIONS)})
        for i, row in enumerate(nats)
    ]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_people_who_rate_as_the_model_does_correlate_fully(sign: float) -> None:
    scores = scored({})
    nats = np.stack([scores.items[f"{f}_nats"][0] for f in FOUNDATIONS], axis=1)
    metrics, ci, n = human.compare(scores, rated(nats, sign), 200, 0)
    for name in FOUNDATIONS:
        assert metrics[f"human_{name}_rho"] == pytest.approx(sign)
        assert ci[f"human_{name}_rho"] == pytest.approx((sign, sign))
        assert n[f"human_{name}_rho"] == 40
    assert metrics["human_rho"] == pytest.approx(sign)
    assert metrics["human_agreement"] == (1.0 if sign > 0 else 0.0)


def test_a_rank_correlation_is_scipys_with_ties_and_missing_ratings() -> None:
    from scipy.stats import spearmanr

    scores, rng = scored({}), np.random.default_rng(3)
    ratings = rng.integers(0, 4, size=40).astype(float)
    given = [Vignette(f"v{i}", "", "care", f"v{i}", human={"care": r} if i % 3 else {}) for i, r in enumerate(ratings)]
    metrics, _, n = human.compare(scores, given, 200, 0)
    rows = [i for i in range(40) if i % 3]
    assert metrics["human_care_rho"] == pytest.approx(spearmanr(scores.items["care_nats"][0][rows], ratings[rows])[0])
    assert n["human_care_rho"] == len(rows)
    assert "human_agreement" not in metrics  # one rated foundation has no top
    assert "human_fairness_rho" not in metrics


def test_agreement_is_counted_per_foundation_that_people_chose() -> None:
    scores = scored({})
    tops = np.stack([scores.items[f"{f}_nats"][0] for f in FOUNDATIONS], axis=1).argmax(1)
    people = ["care" if i % 2 else "liberty" for i in range(40)]
    given = [
        Vignette(f"v{i}", "", "care", f"v{i}", human={"care": 0.0, "liberty": 0.0, p: 1.0})
        for i, p in enumerate(people)
    ]
    metrics, _, n = human.compare(scores, given, 200, 0)
    for name in ("care", "liberty"):
        rows = [i for i in range(40) if people[i] == name]
        assert metrics[f"human_{name}_agreement"] == pytest.approx(
            np.mean([FOUNDATIONS[tops[i]] == name for i in rows])
        )
        assert n[f"human_{name}_agreement"] == 20
    assert "human_fairness_agreement" not in metrics
