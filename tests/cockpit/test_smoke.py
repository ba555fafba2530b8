"""The fast-dev-run of every preset is the preset with only its scale reduced, and its shipped answers fit it (requirement W2)."""

from __future__ import annotations

import msgspec
import pytest

from cockpit.preflight.smoke import PLUMBING, SCALE, family, shipped_answers, smoke_config
from engine.contract.config import EMBEDDED
from engine.contract.errors import BadInput
from engine.contract.facts import ModelFacts
from engine.contract.known_bugs import settle
from engine.contract.preflight import blocks
from engine.contract.prior import Prior
from engine.contract.resolve import preset_names, resolve

FACTS = msgspec.convert(
    dict.fromkeys(ModelFacts.__struct_fields__, 8)
    | {
        "id": "nano", "family": "nano", "tokenizer_class": "T", "tokenizer_type": "bpe", "tokenizer_hash": "a" * 64,
        "chat_template": True, "system_role": True, "model_class": "LlamaForCausalLM", "source_file": "m.py",
        "source_version": "transformers 5", "commit": "b" * 40, "model_hash": "c" * 64, "pretrained": True, "cuda": False,
        "packages": {},
    },
    ModelFacts,
)  # fmt: skip


@pytest.mark.parametrize("preset", preset_names())
def test_only_scale_differs_from_the_preset(preset: str) -> None:
    full, small = resolve(preset).flat(), smoke_config(preset).flat()
    differs = {knob for knob in full if full[knob] != small[knob]}
    assert differs <= {*SCALE, *PLUMBING, "model.id"}
    assert small["run.smoke"] is True
    assert small["model.quantization"] == full["model.quantization"]
    assert small["model.dtype"] == full["model.dtype"]
    if full["model.id"] in EMBEDDED:
        assert differs <= set(SCALE)
    else:
        assert small["model.id"].startswith("random:")


@pytest.mark.parametrize("preset", preset_names())
@pytest.mark.parametrize("pretrained", [True, False])
def test_the_shipped_answers_block_nothing(preset: str, pretrained: bool) -> None:
    facts = msgspec.structs.replace(FACTS, pretrained=pretrained)
    config = smoke_config(preset)
    answers = shipped_answers(preset, config, facts)
    assert blocks(answers, config, facts, Prior()) == []
    assert all(hit.state != "open" for hit in settle(config, facts, Prior(), waived=[w.rule for w in answers.waivers]))


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("google/gemma-3-1b-it", "gemma3"),
        ("google/gemma-3-4b-it", "gemma3_vision"),
        ("mistralai/Mistral-Small-3.1-24B", "mistral3_vision"),
        ("Qwen/Qwen3-0.6B", "qwen3"),
        ("meta-llama/Llama-3.2-1B", "llama"),
        ("microsoft/Phi-3.5-mini", "phi3"),
        ("allenai/OLMo-2-1B", "olmo2"),
    ],
)
def test_a_real_model_has_a_random_stand_in_of_its_family(model: str, name: str) -> None:
    assert family(model) == name


def test_a_model_without_a_stand_in_is_named() -> None:
    with pytest.raises(BadInput, match="acme/unknown"):
        family("acme/unknown")
