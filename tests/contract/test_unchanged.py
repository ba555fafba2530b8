"""The unchanged collapses and only differences are open (DESIGN section 6): nothing that was answered on other evidence slips through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contract.answers import Answers, parse_answers
from engine.contract.facts import ModelFacts
from engine.contract.preflight import Block, blocks, flags, seal
from engine.contract.prior import Prior, Sealed, Split
from engine.contract.resolve import resolve
from engine.contract.unchanged import ORDER, complete, since, spans

from .test_seal import _FACTS, _RECORD

Spoil = Callable[..., Answers]
RUN = "20260101T000000-nano-care-k3f9"
CONFIG = resolve("nano-care")
SPLITS = {name: Split(id=f"nano-care 1/{name}", items=9, hash=name * 16) for name in ("val", "test")}


def sealed(answers: Answers, facts: ModelFacts, run: str = RUN, sets: tuple[str, ...] = (), **prior: Any) -> Sealed:
    """A seal as a run folder keeps it."""
    config = resolve("nano-care", sets=[*answers.set, *sets])
    record = seal(answers, config, facts, "t" * 64, Prior(splits=SPLITS, **prior))
    kept = {
        k: record[k] for k in ("answers", "config", "axes", "model_hash", "trait_hash", "evidence", "metric_version")
    }
    return Sealed(id=run, preset="nano-care", smoke=False, **kept)


@pytest.fixture
def prior(spoilt: Spoil, facts: ModelFacts) -> Prior:
    return Prior(sealed=[sealed(spoilt(), facts)], splits=SPLITS)


def test_everything_is_unchanged_under_another_seed_or_declared_axis(
    prior: Prior, spoilt: Spoil, facts: ModelFacts
) -> None:
    for sets in ([], ["run.seed=137"], ["steer.method=random"], ["evaluate.batch_size=8"]):
        found = since(spoilt(), resolve("nano-care", sets=sets), facts, prior)
        assert found is not None
        assert (found.id, found.unchanged) == (RUN, [*ORDER]), sets


def test_a_seal_older_than_a_knob_stands_where_the_knob_was_born(spoilt: Spoil, facts: ModelFacts) -> None:
    now = sealed(spoilt(), facts)
    older = msgspec.structs.replace(now, config={k: v for k, v in now.config.items() if k != "run.plugins_hash"})
    found = since(spoilt(), CONFIG, facts, Prior(sealed=[older], splits=SPLITS))
    assert found is not None
    assert found.unchanged == [*ORDER]


@pytest.mark.parametrize(
    ("fact", "value", "items"),
    [
        ("tokenizer_hash", "f" * 64, {"K1", "K5"}),
        ("model_class", "OtherForCausalLM", {"K2"}),
        ("commit", "sha256:0", {"K2"}),
        ("pretrained", False, {"K3"}),
    ],
)
def test_a_fact_that_moved_opens_its_item_and_no_other(
    fact: str, value: Any, items: set[str], prior: Prior, spoilt: Spoil, facts: ModelFacts
) -> None:
    found = since(spoilt(), CONFIG, msgspec.structs.replace(facts, **{fact: value}), prior)
    assert found is not None
    assert set(found.moved) == items
    assert set(found.unchanged) == set(ORDER) - items


@pytest.mark.parametrize(
    ("setting", "item"),
    [
        ("heal.rank=16", "K3"),
        ("heal.divergence=kl_fwd", "K4"),
        ("heal.lam=0.7", "K6"),
        ("heal.adapter_dtype=bf16", "K8"),
        ("evaluate.thinking_tokens=64", "K5"),
    ],
)
def test_a_knob_that_moved_opens_its_item_and_the_question(
    setting: str, item: str, prior: Prior, spoilt: Spoil, facts: ModelFacts
) -> None:
    found = since(spoilt(), resolve("nano-care", sets=[setting]), facts, prior)
    assert found is not None
    assert {item, "K6"} <= set(found.moved)
    assert "K1" in found.unchanged


def test_k5_items_of_a_split_that_moved_open_the_metric(prior: Prior, spoilt: Spoil, facts: ModelFacts) -> None:
    other = msgspec.structs.replace(
        prior, splits=SPLITS | {"test": Split(id="nano-care 2/test", items=9, hash="0" * 64)}
    )
    found = since(spoilt(), CONFIG, facts, other)
    assert found is not None
    assert set(found.moved) == {"K5"}


def test_k7_what_the_notes_say_anew_opens_the_prior_results(prior: Prior, spoilt: Spoil, facts: ModelFacts) -> None:
    found = since(spoilt(), CONFIG, facts, msgspec.structs.replace(prior, notes_hash="f" * 64))
    assert found is not None
    assert set(found.moved) == {"K7"}


_TEXTS = [
    ("math", "optimised", "K0"), ("tokenization", "comparable", "K1"), ("architecture", "answer", "K2"),
    ("init", "distribution", "K3"), ("direction", "why", "K4"), ("metric", "unit", "K5"), ("question", "hypothesis", "K6"),
    ("prediction", "miss_means", "K6"), ("prior", "learnt", "K7"), ("known_bugs", "answer", "K8"),
]  # fmt: skip


@given(st.sets(st.sampled_from(_TEXTS)))
def test_exactly_the_items_whose_answers_differ_are_not_unchanged(changed: set[tuple[str, str, str]]) -> None:
    facts, record = msgspec.convert(_FACTS, ModelFacts), _RECORD()
    kept = {
        k: record[k] for k in ("config", "axes", "model_hash", "trait_hash", "evidence", "metric_version", "answers")
    }
    prior = Prior(sealed=[Sealed(id=RUN, preset="nano-care", smoke=False, **kept)])
    table = {k: dict(v) if isinstance(v, dict) else v for k, v in record["answers"].items() if v is not None}
    for section, name, _ in changed:
        table[section][name] += " And more."
    found = since(parse_answers(table), CONFIG, facts, prior)
    assert found is not None
    assert set(found.unchanged) == set(ORDER) - {item for _, _, item in changed}


def asked(found: list[Block]) -> list[Block]:
    return [b for b in found if "acknowledged" in b.what]


def test_an_open_acknowledgement_blocks_until_it_is_given(prior: Prior, spoilt: Spoil, facts: ModelFacts) -> None:
    (block,) = asked(blocks(spoilt(acknowledged=""), CONFIG, facts, prior))
    assert block.what == "K0 to K8 unchanged since -k3f9 and not acknowledged"
    assert asked(blocks(spoilt(acknowledged="k3f9"), CONFIG, facts, prior)) == []
    assert asked(blocks(spoilt(acknowledged="-k3f9"), CONFIG, facts, prior)) == []
    assert asked(blocks(spoilt(acknowledged=RUN), CONFIG, facts, prior)) == []
    assert asked(blocks(spoilt(acknowledged=""), CONFIG, facts, Prior())) == []


def test_an_acknowledged_run_must_exist(prior: Prior, spoilt: Spoil, facts: ModelFacts) -> None:
    (block,) = asked(blocks(spoilt(acknowledged="zzzz"), CONFIG, facts, prior))
    assert "no sealed run here" in block.what


SHORT = {
    "preset": "nano-care",
    "axes": ["steer.method"],
    "question": {"hypothesis": "A hotter barrier weight costs trait and buys no coherence."},
    "prior": {"comparator": "none", "learnt": "Nothing on this weight so far."},
    "prediction": {
        "metric": "trait_rate", "op": ">=", "threshold": 0.9, "split": "test", "confidence": 0.7,
        "miss_means": "The weight does not matter at this dose.",
    },
}  # fmt: skip


def test_an_acknowledged_file_holds_only_what_differs(prior: Prior, facts: ModelFacts) -> None:
    config = resolve("nano-care", sets=["heal.lam=0.7"])
    short = parse_answers(SHORT | {"set": ["heal.lam=0.7"], "acknowledged": "k3f9"})
    whole = complete(short, config, facts, prior)
    assert whole.math == parse_answers(prior.sealed[0].answers | {"waivers": [], "acknowledged": ""}).math
    assert whole.question == short.question
    assert blocks(whole, config, facts, prior) == []
    assert seal(short, config, facts, "t" * 64, prior)["answers"]["math"]["optimised"] == whole.math.optimised
    without = parse_answers(SHORT | {"set": ["heal.lam=0.7"]})
    assert {"K0", "K1", "K2", "K3", "K4", "K5", "K8"} <= {b.item for b in blocks(without, config, facts, prior)}


def test_what_moved_is_never_filled_in_by_an_acknowledgement(prior: Prior, facts: ModelFacts) -> None:
    config = resolve("nano-care", sets=["heal.rank=16"])
    short = parse_answers(SHORT | {"set": ["heal.rank=16"], "acknowledged": "k3f9"})
    moved = msgspec.structs.replace(facts, tokenizer_hash="f" * 64)
    whole = complete(short, config, moved, prior)
    assert (whole.tokenization.comparable, whole.init.distribution) == ("", "")
    assert whole.direction.why != ""
    assert {"K1", "K3"} <= {b.item for b in blocks(whole, config, moved, prior)}


def test_waivers_come_along_with_their_dates(facts: ModelFacts, spoilt: Spoil) -> None:
    from datetime import date

    waiver = {"rule": "KB34", "reason": "Reproduces the published run.", "expires": date(2999, 1, 1)}
    prior = Prior(sealed=[sealed(spoilt(waivers=[waiver]), facts)], splits=SPLITS)
    whole = complete(parse_answers(SHORT | {"acknowledged": "k3f9"}), CONFIG, facts, prior)
    assert [(w.rule, w.expires) for w in whole.waivers] == [("KB34", date(2999, 1, 1))]


def test_the_family_goes_before_the_preset_and_smoke_runs_are_no_seal_to_continue(
    prior: Prior, spoilt: Spoil, facts: ModelFacts
) -> None:
    newer = sealed(spoilt(set=["heal.lam=0.9"]), facts, run="20260202T000000-nano-care-m2x1")
    both = Prior(sealed=[newer, *prior.sealed], splits=SPLITS)
    family = since(spoilt(set=[]), CONFIG, facts, both)
    other = since(spoilt(), resolve("nano-care", sets=["heal.lam=0.4"]), facts, both)
    assert family is not None
    assert other is not None
    assert (family.id, other.id) == (RUN, newer.id)
    assert since(spoilt(), CONFIG, facts, Prior(sealed=[msgspec.structs.replace(newer, smoke=True)])) is None


def test_spans_are_said_as_a_person_says_them() -> None:
    assert spans(["K1", "K2", "K3", "K4"]) == "K1 to K4"
    assert spans(["K0", "K1", "K2", "K8"]) == "K0 to K2 and K8"
    assert spans(["K4"]) == "K4"
    assert spans(["K4", "K5"]) == "K4 and K5"
    assert spans(["K0", "K1", "K2", "K4", "K5", "K8"]) == "K0 to K2, K4, K5 and K8"


def test_an_answer_that_stands_on_other_facts_is_flagged_with_what_moved(
    prior: Prior, spoilt: Spoil, facts: ModelFacts
) -> None:
    said = {f.item: f.what for f in flags(spoilt(), CONFIG, prior, msgspec.structs.replace(facts, model_hash="d" * 64))}
    assert said["K2"] == f"the answer is that of -k3f9, and model_hash is {'d' * 8}, was {'c' * 8}"
    other = spoilt(architecture={"answer": "A deeper decoder, whose stance lies on one direction too."})
    again = flags(other, CONFIG, prior, msgspec.structs.replace(facts, model_hash="d" * 64))
    assert "K2" not in {f.item for f in again}, "said anew, it was read again"
    assert flags(spoilt(), CONFIG, prior, facts) == []
