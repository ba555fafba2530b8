"""Sealed plans for tests of the queue, made by the contract's own code; no engine looks at a model."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from cockpit.runs.launch import Plan
from engine.contract.answers import parse_answers
from engine.contract.facts import ModelFacts
from engine.contract.preflight import seal
from engine.contract.prior import Prior
from engine.contract.resolve import resolve
from engine.contract.runfile import RunFile

EXAMPLE = Path(__file__).parents[1] / "examples/preflight/nano-care.toml"
FACTS = msgspec.convert(
    dict.fromkeys(ModelFacts.__struct_fields__, 8)
    | {
        "id": "nano", "family": "nano", "tokenizer_class": "T", "tokenizer_type": "bpe", "tokenizer_hash": "a" * 64,
        "chat_template": True, "system_role": True, "model_class": "LlamaForCausalLM", "source_file": "m.py",
        "source_version": "transformers 5", "commit": "b" * 40, "model_hash": "c" * 64, "parameters": 1_771_648,
        "pretrained": True, "cuda": False, "packages": {},
    },
    ModelFacts,
)  # fmt: skip


def plan(seed: int = 42, *, cuda: bool = False, seconds: float = 60.0, memory: int = 10**8) -> Plan:
    """A sealed run of nano-care; with `cuda` as a machine with a GPU would have sealed it."""
    config = resolve("nano-care", sets=[f"run.seed={seed}"])
    facts = msgspec.structs.replace(FACTS, cuda=cuda)
    guess = {"device": "CPU", "seconds": {"heal": seconds}, "memory_bytes": memory, "price": 0.0}
    answers = parse_answers(tomllib.loads(EXAMPLE.read_text("utf-8")))
    record = seal(answers, config, facts, "t" * 64, Prior(), evidence={"estimate": guess})
    run = RunFile(
        config=config, preset="nano-care", changes={}, axes=record["axes"], trait_hash="t" * 64, model_hash="c" * 64
    )
    return Plan(run, record, "nano-care")
