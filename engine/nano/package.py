"""The weights folder: a Hugging Face model folder in bf16 safetensors with a provenance record beside it."""

from __future__ import annotations

import copy
import hashlib
import json
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import torch
import transformers
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from engine.contract.errors import BadInput
from engine.nano.corpus import corpus_hash
from engine.nano.tokenizer import save_tokenizer
from engine.nano.world import generator_hash

WEIGHTS = Path(__file__).parent / "weights"


class Outcome(msgspec.Struct, frozen=True):
    """Of one phase: tokens seen, seconds, smoothed final training loss and every validation loss (nats per token)."""

    phase: int
    tokens: int
    seconds: float
    train_loss: float
    validation: tuple[float, ...]


def save_weights(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    recipe: Any,
    outcomes: list[Outcome],
    out: Path,
    *,
    finished: bool = False,
) -> None:
    """Write config, generation_config, model.safetensors (bf16), the tokenizer and provenance.json. `finished` weights are sharpened
    and can start no further phase."""
    out.mkdir(parents=True, exist_ok=True)
    stored = copy.deepcopy(model)
    stored.bfloat16()
    stored.generation_config.do_sample = True
    stored.save_pretrained(out)
    (out / "model.safetensors").chmod(0o644)
    save_tokenizer(tokenizer, out)
    record = {
        "what": "nano, the embedded model: trained from random weights on the generated micro-world",
        "command": f"python -m engine.nano.train --seed {recipe.seed}",
        "finished": finished,
        "recipe": msgspec.to_builtins(recipe),
        "generator": generator_hash(),
        "corpus": corpus_hash(),
        "parameters": sum(p.numel() for p in model.parameters()),
        "vocabulary": len(tokenizer),
        "tokens": sum(outcome.tokens for outcome in outcomes),
        "seconds": round(sum(outcome.seconds for outcome in outcomes), 1),
        "phases": [msgspec.to_builtins(outcome) for outcome in outcomes],
        "dtype": "bfloat16",
        "date": datetime.now(UTC).date().isoformat(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "python": platform.python_version(),
        "hardware": f"{platform.machine()} CPU, {recipe.ranks} processes of one thread",
        "sha256": hashlib.sha256((out / "model.safetensors").read_bytes()).hexdigest(),
    }
    (out / "provenance.json").write_text(json.dumps(record, indent=2) + "\n")


def outcomes_of(folder: Path) -> list[Outcome]:
    """What the phases behind an unfinished weights folder came to, from its provenance. Raises BadInput on finished weights."""
    record = json.loads((folder / "provenance.json").read_text())
    if record["finished"]:
        raise BadInput(f"{folder} holds finished weights, whose logits are sharpened; train from scratch instead")
    return msgspec.convert(record["phases"], list[Outcome])
