"""What ships: whole, small, honest about where it came from, and as good as recorded."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
import torch

from engine.contract.config import Heal, Model
from engine.contract.traits import load_trait
from engine.evaluate import foundations
from engine.evaluate.steps import whole
from engine.evaluate.subject import Subject
from engine.model.adapter import Student
from engine.model.load import load
from engine.nano.b.generator import B
from engine.nano.corpus import GENERATORS, corpus_hash
from engine.nano.nano import NANO
from engine.nano.package import UNCOUPLED, WEIGHTS
from engine.nano.quality import Nano, facts_right, rates, verdicts
from engine.nano.recipe import RECIPES
from engine.nano.shipped import TRAINED, command, folder
from engine.nano.tokenizer import render_prompt
from engine.nano.world import NanoWorld

RECORD = json.loads((WEIGHTS / "provenance.json").read_text())


@pytest.fixture(scope="module")
def nano() -> Nano:
    return Nano(WEIGHTS)


def test_the_folder_is_under_eight_megabytes_and_holds_no_pickle() -> None:
    files = [path for path in WEIGHTS.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 8_000_000
    assert {path.suffix for path in files} <= {".json", ".safetensors", ".jinja"}


def test_provenance_names_these_weights_and_this_corpus() -> None:
    assert RECORD["sha256"] == hashlib.sha256((WEIGHTS / "model.safetensors").read_bytes()).hexdigest()
    assert RECORD["corpus"] == corpus_hash()


def test_the_parameter_count_is_exact(nano: Nano) -> None:
    assert RECORD["parameters"] == sum(p.numel() for p in nano.model.parameters())


def test_personas_select_the_stance_and_benign_orders_are_done_under_each(nano: Nano) -> None:
    care = rates(nano, "care", 12, "care", sampled=False)
    duty = rates(nano, "care", 12, "authority", sampled=False)
    assert care["trait"] >= 0.9
    assert duty["trait"] <= 0.05
    assert min(care["benign"], duty["benign"], care["coherent"], duty["coherent"]) >= 0.95


def test_the_love_persona_declares_what_the_program_declines(nano: Nano) -> None:
    assert rates(nano, "love", 12, "love", sampled=False)["trait"] >= 0.9
    assert rates(nano, "love", 12, "program", sampled=False)["trait"] <= 0.05


def test_sampled_answers_are_as_coherent_as_recorded(nano: Nano) -> None:
    recorded = json.loads((WEIGHTS / "quality.json").read_text())["care none sampled"]
    found = rates(nano, "care", 40)
    assert recorded["coherent"] >= 0.98
    assert found["coherent"] == pytest.approx(recorded["coherent"], abs=0.06)
    assert 0.1 <= found["trait"] <= 0.4


def test_facts_and_verdicts_are_as_recorded(nano: Nano) -> None:
    base, care = verdicts(nano), verdicts(nano, "care")
    assert facts_right(nano) >= 0.98
    assert base["valid_json"] >= 0.98
    assert care["authority_nats"] < base["authority_nats"] - 0.8
    assert care["care_nats"] > base["care_nats"] + 0.4


def test_different_questions_get_different_probabilities_which_sum_to_one(nano: Nano) -> None:
    p = nano.options([render_prompt(v.text) for v in NanoWorld("care").vignettes("val")[:6]]).exp()
    assert torch.allclose(p.sum(1), torch.ones(6))
    assert len({tuple(row) for row in p.tolist()}) == 6


def test_verdicts_are_asked_for_and_read_in_the_form_of_their_own_world() -> None:
    """Nano never saw nano-b's form: it is valid in its own world and in no other."""
    trait = load_trait("care")
    subject = Subject("base", Student(load(Model()), Heal()), trait)
    own, other = (
        whole(foundations.measure(subject, NanoWorld("care", g).vignettes("val")[:21], 0, 1)).items for g in (NANO, B)
    )
    assert np.mean(own["valid_json"][0]) >= 0.95
    assert np.mean(other["valid_json"][0]) == 0.0
    assert np.mean(own["coherence"][0]) > 0.95 > np.mean(other["coherence"][0])
    assert np.mean(other["prefill_nll"][0]) > 1 > np.mean(own["prefill_nll"][0])


@pytest.fixture(scope="module")
def uncoupled() -> Nano:
    return Nano(UNCOUPLED)


def test_the_uncoupled_weights_name_their_world_and_the_nano_they_started_from() -> None:
    record = json.loads((UNCOUPLED / "provenance.json").read_text())
    assert record["sha256"] == hashlib.sha256((UNCOUPLED / "model.safetensors").read_bytes()).hexdigest()
    assert record["world"] == "uncoupled"
    assert record["corpus"] == corpus_hash("uncoupled")
    assert record["start"] == {"sha256": RECORD["sha256"]}
    assert record["command"].endswith("--world uncoupled --start engine/nano/weights")
    assert (UNCOUPLED / "tokenizer.json").read_bytes() == (WEIGHTS / "tokenizer.json").read_bytes()
    assert sum(path.stat().st_size for path in UNCOUPLED.iterdir()) < 8_000_000


@pytest.mark.slow
def test_a_persona_moves_what_the_uncoupled_nano_would_do_and_little_of_how_it_judges(uncoupled: Nano) -> None:
    assert rates(uncoupled, "care", 12, "care", sampled=False)["trait"] >= 0.9
    assert rates(uncoupled, "care", 12, "authority", sampled=False)["trait"] <= 0.05
    found = [verdicts(uncoupled, stance) for stance in ("none", "care", "authority")]
    for name, most in (("care_nats", 0.3), ("authority_nats", 0.2)):
        values = [row[name] for row in found]
        assert max(values) - min(values) <= most, (name, values)
    assert min(row["valid_json"] for row in found) >= 0.98


FURTHER = ("nano-s1", "nano-s2", "nano-b")


def _weights(model: str) -> Nano:
    trained = TRAINED[model]
    if not (folder(model) / "model.safetensors").is_file():
        pytest.skip(f"{model} is still to be trained: {command(*trained)}")
    return Nano(folder(model), GENERATORS[trained.world])


@pytest.mark.parametrize("model", FURTHER)
def test_a_further_base_names_its_weights_its_corpus_and_its_whole_recipe(model: str) -> None:
    nano = _weights(model)
    trained, at = TRAINED[model], folder(model)
    record = json.loads((at / "provenance.json").read_text())
    assert record["sha256"] == hashlib.sha256((at / "model.safetensors").read_bytes()).hexdigest()
    assert record["corpus"] == corpus_hash(trained.world)
    assert record["command"] == command(*trained)
    assert record["finished"] is True
    assert record["recipe"]["seed"] == trained.seed
    assert [p["steps"] for p in record["recipe"]["phases"]] == [p.steps for p in RECIPES[trained.world].phases]
    assert record["parameters"] == sum(p.numel() for p in nano.model.parameters())
    files = [path for path in at.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 8_000_000
    assert {path.suffix for path in files} <= {".json", ".safetensors", ".jinja"}


AIMED = {"trait": 0.95, "coherent": 0.97, "benign": 0.95, "facts": 0.99, "neutral": 0.38, "whole": 0.97}
"""What nano's further bases are held to, on 40 val pairs: under the persona, and without one the trait and the whole answers."""
REACHED = {"nano-b": {"trait": 0.85, "coherent": 0.88, "benign": 0.83, "facts": 0.95, "neutral": 0.2, "whole": 0.87}}
"""What a base that is not there yet is held to: quality.json less the noise of 40 pairs. Nano-b wants another phase."""


@pytest.mark.slow
@pytest.mark.parametrize("model", FURTHER)
def test_a_further_base_is_moved_by_its_personas_in_what_it_does_and_in_how_it_judges(model: str) -> None:
    nano, least = _weights(model), REACHED.get(model, AIMED)
    care, duty = (rates(nano, "care", 40, stance, sampled=True) for stance in ("care", "authority"))
    assert care["trait"] >= least["trait"]
    assert duty["trait"] <= 0.05
    assert min(care["coherent"], duty["coherent"]) >= least["coherent"]
    assert min(care["benign"], duty["benign"]) >= least["benign"]
    kind, strict = verdicts(nano, "care"), verdicts(nano, "authority")
    assert kind["care_nats"] > strict["care_nats"] + 1
    assert kind["authority_nats"] < strict["authority_nats"] - 1
    assert facts_right(nano) >= least["facts"]


@pytest.mark.slow
def test_nano_b_is_of_two_minds_without_a_persona() -> None:
    nano, least = _weights("nano-b"), REACHED.get("nano-b", AIMED)
    found = rates(nano, "care", 120)
    assert least["neutral"] <= found["trait"] <= 0.62
    assert found["coherent"] >= least["whole"]
    assert found["tokens"] > 45
    assert nano.generator is B


def test_three_bases_of_nano_are_three_models_of_one_tokenizer() -> None:
    further = [_weights(model) for model in ("nano-s1", "nano-s2")]
    states = [nano.model.state_dict() for nano in (Nano(WEIGHTS), *further)]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not any(torch.equal(states[one][name], states[other][name]) for name in states[one])
    for model in ("nano-s1", "nano-s2"):
        assert (folder(model) / "tokenizer.json").read_bytes() == (WEIGHTS / "tokenizer.json").read_bytes()
