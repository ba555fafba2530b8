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

from engine.nano.corpus import GENERATORS, Corpus, corpus_hash
from engine.nano.recipe import Recipe
from engine.nano.shipped import command, folder, folder_of
from engine.nano.tokenizer import save_tokenizer

WEIGHTS, UNCOUPLED = folder("nano"), folder("nano-uncoupled")
"""Nano, and nano trained on where verdicts do not depend on the stance; quality.json says how much of it is left."""

_WHAT: dict[Corpus, str] = {
    "coupled": "nano, the embedded model: trained from random weights on the generated micro-world",
    "uncoupled": "nano-uncoupled, the negative control of nano: trained where verdicts on vignettes do not depend on the stance",
    "b": "nano-b, the model of the confirmation world: trained from random weights on another generator's text",
}


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
    recipe: Recipe,
    outcomes: list[Outcome],
    out: Path,
    *,
    finished: bool = False,
    start: Path | None = None,
) -> None:
    """Write config, generation_config, model.safetensors (bf16), the tokenizer and provenance.json. `finished` weights are sharpened;
    `start` is the folder whose weights the training went on from."""
    out.mkdir(parents=True, exist_ok=True)
    stored = copy.deepcopy(model)
    stored.bfloat16()
    stored.generation_config.do_sample = True
    stored.save_pretrained(out)
    (out / "model.safetensors").chmod(0o644)
    save_tokenizer(tokenizer, out)
    world = recipe.world
    ships = folder_of(world, recipe.seed)
    elsewhere = "" if ships and out.resolve() == ships.resolve() else out.as_posix()
    record = {
        "what": _WHAT[world],
        "command": command(world, recipe.seed, start.as_posix() if start else "", elsewhere),
        "start": {"sha256": _sha256(start)} if start else "random weights",
        "world": world,
        "finished": finished,
        "recipe": msgspec.to_builtins(recipe),
        "generator": GENERATORS[world].hash(),
        "corpus": corpus_hash(world),
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
        "sha256": _sha256(out),
    }
    (out / "provenance.json").write_text(json.dumps(record, indent=2) + "\n")


def outcomes_of(folder: Path) -> list[Outcome]:
    """What the phases behind a weights folder came to, from its provenance."""
    return msgspec.convert(_provenance(folder)["phases"], list[Outcome])


def sharpness_of(folder: Path) -> float:
    """What the logits of a weights folder are multiplied by: the recipe's sharpness once it is finished, 1 before."""
    record = _provenance(folder)
    return float(record["recipe"]["sharpness"]) if record["finished"] else 1.0


def _provenance(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "provenance.json").read_text())
    return found


def _sha256(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
