"""What ships: whole, small, honest about where it came from, and as good as recorded."""

from __future__ import annotations

import hashlib
import json

import pytest
import torch

from engine.nano.corpus import corpus_hash
from engine.nano.package import UNCOUPLED, WEIGHTS
from engine.nano.quality import Nano, facts_right, rates, verdicts
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


def test_a_persona_moves_what_the_uncoupled_nano_would_do_and_little_of_how_it_judges(uncoupled: Nano) -> None:
    assert rates(uncoupled, "care", 12, "care", sampled=False)["trait"] >= 0.9
    assert rates(uncoupled, "care", 12, "authority", sampled=False)["trait"] <= 0.05
    found = [verdicts(uncoupled, stance) for stance in ("none", "care", "authority")]
    for name, most in (("care_nats", 0.3), ("authority_nats", 0.2)):
        values = [row[name] for row in found]
        assert max(values) - min(values) <= most, (name, values)
    assert min(row["valid_json"] for row in found) >= 0.98
