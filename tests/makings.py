"""What run folders of tests are made of: an answered checklist, the facts of a model nobody loads, and measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from engine.contract import events as e
from engine.contract.facts import ModelFacts

EXAMPLE = Path(__file__).parents[1] / "examples/preflight/nano-care.toml"
RECORDED = Path(__file__).parent / "data/runs/20261121T082221-nano-care-gqqg"
"""A real run of four rounds on nano, as its worker and supervisor left it."""
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
STARTED = e.RunStarted(
    run="x", config_hash="x", family_hash="x", code_hash="x", preflight_hash="x", seed=42, device="cpu",
    model_class="LlamaForCausalLM", parameters=1_771_648, trainable=151_552,
)  # fmt: skip


def evaluated(subject: str, trait: float, split: str = "test", **more: Any) -> e.Evaluated:
    """One evaluation on 400 items; intervals of a tenth around each value."""
    metrics = {"trait_rate": trait, "benign_rate": 0.97, "tail_ppl": 1.2, "capability": 1.0, "care_nats": -1.3}
    ci = {name: (value - 0.05, value + 0.05) for name, value in metrics.items()}
    return e.Evaluated(subject=subject, split=split, metrics=metrics, ci=ci, n=dict.fromkeys(metrics, 400), **more)  # type: ignore[arg-type]
