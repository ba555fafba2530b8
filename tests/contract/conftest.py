"""Facts and answers of a small model, as data: these tests load nothing."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.contract.answers import Answers, parse_answers
from engine.contract.facts import ModelFacts

EXAMPLE = Path(__file__).parents[2] / "examples/preflight/nano-care.toml"


@pytest.fixture
def facts() -> ModelFacts:
    return ModelFacts(
        id="nano",
        family="nano",
        tokenizer_class="PreTrainedTokenizerFast",
        tokenizer_type="bpe",
        tokenizer_hash="a" * 64,
        chat_template=True,
        system_role=True,
        model_class="LlamaForCausalLM",
        source_file="transformers/models/llama/modeling_llama.py",
        source_version="transformers 5.23.0",
        commit="sha256:" + "b" * 64,
        model_hash="c" * 64,
        parameters=1_771_648,
        adapter_parameters=151_552,
        layers=8,
        hidden=128,
        vocabulary=2048,
        heads=4,
        kv_heads=4,
        head_dim=32,
        embedding_parameters=262_144,
        weight_bytes=7_086_592,
        pretrained=True,
        cuda=False,
        packages={},
    )


@pytest.fixture
def table() -> dict[str, Any]:
    """The shipped example as a fresh table, to be spoilt by a test."""
    return tomllib.loads(EXAMPLE.read_text("utf-8"))


@pytest.fixture
def spoilt(table: dict[str, Any]) -> Callable[..., Answers]:
    """The example with some answers replaced: spoilt(question={"hypothesis": "asdf"})."""

    def change(**sections: Any) -> Answers:
        for section, values in sections.items():
            table[section] = {**table[section], **values} if isinstance(values, dict) else values
        return parse_answers(table)

    return change
