"""One seal covers one family, and nothing else starts under it (requirement K9, DESIGN section 6)."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contract.answers import Answers
from engine.contract.errors import Refused
from engine.contract.facts import ModelFacts
from engine.contract.preflight import check_seal, seal
from engine.contract.prior import Prior
from engine.contract.resolve import resolve
from engine.contract.runfile import RunFile

AXES = ["run.seed", "steer.method"]


def runfile(*sets: str, trait: str = "t" * 64, model: str = "c" * 64) -> RunFile:
    config = resolve("nano-care", sets=sets)
    return RunFile(config=config, preset="nano-care", changes={}, axes=AXES, trait_hash=trait, model_hash=model)


@pytest.fixture
def record(spoilt: Callable[..., Answers], facts: ModelFacts) -> dict[str, Any]:
    made = seal(spoilt(), resolve("nano-care"), facts, "t" * 64, Prior())
    return json.loads(json.dumps(made))  # type: ignore[no-any-return]


def test_the_sealed_run_its_seeds_and_its_axes_start(record: dict[str, Any]) -> None:
    for sets in ([], ["run.seed=137"], ["steer.method=random"], ["steer.method=zero", "run.seed=7"]):
        assert check_seal(record, runfile(*sets)) == record["seal"]


@given(st.sampled_from(["heal.tau=0.4", "heal.lam=0.2", "run.rounds=5", "keep.enabled=false", "steer.norm=unit"]))
def test_another_family_is_refused_and_the_knob_named(setting: str) -> None:
    record = _RECORD()
    with pytest.raises(Refused) as error:
        check_seal(record, runfile(setting))
    assert setting.split("=")[0] in str(error.value)
    assert "axis" in str(error.value)


def test_another_trait_or_model_is_refused_by_name(record: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="trait care changed"):
        check_seal(record, runfile(trait="u" * 64))
    with pytest.raises(Refused, match="model nano changed"):
        check_seal(record, runfile(model="d" * 64))


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [p for k, v in value.items() for p in _paths(v, (*path, k))]
    return [path]


@given(st.data())
def test_no_value_of_a_sealed_record_can_be_changed(data: st.DataObject) -> None:
    record = copy.deepcopy(_RECORD())
    path = data.draw(st.sampled_from(_paths(record)))
    place = record
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = "changed" if place[path[-1]] != "changed" else "again"
    with pytest.raises(Refused):
        check_seal(record, runfile())


def test_k16a_no_record_at_all_is_refused() -> None:
    for nothing in ({}, {"seal": None}, [], "x"):
        with pytest.raises(Refused, match="cockpit preflight new"):
            check_seal(nothing, runfile())


def test_axes_cannot_be_widened_in_the_run_file(record: dict[str, Any]) -> None:
    wide = msgspec.structs.replace(runfile("heal.tau=0.4"), axes=[*AXES, "heal.tau"])
    with pytest.raises(Refused, match=r"heal\.tau"):
        check_seal(record, wide)


def _RECORD() -> dict[str, Any]:
    """A sealed record outside fixtures, because hypothesis asks for it again and again."""
    import tomllib
    from pathlib import Path

    from engine.contract.answers import parse_answers

    table = tomllib.loads((Path(__file__).parents[2] / "examples/preflight/nano-care.toml").read_text("utf-8"))
    facts = msgspec.convert(_FACTS, ModelFacts)
    return seal(parse_answers(table), resolve("nano-care"), facts, "t" * 64, Prior())


_FACTS = dict.fromkeys(ModelFacts.__struct_fields__, 8) | {
    "id": "nano", "family": "nano", "tokenizer_class": "T", "tokenizer_type": "bpe", "tokenizer_hash": "a" * 64,
    "chat_template": True, "system_role": True, "model_class": "LlamaForCausalLM", "source_file": "m.py", "source_version": "5",
    "commit": "b" * 40, "model_hash": "c" * 64, "pretrained": True, "cuda": False, "packages": {},
}  # fmt: skip
