"""The student merged into its base, a model that needs no adapter:

    W' = W + (alpha / r) B A        accumulated in fp32, rounded once to the dtype it is saved in

Rounding to bf16 loses part of a small update (KB32), so what it lost is measured by matrix, and the saved model is read back and its
logits held against the adapter's. A quantised base is dequantised first: the merged model has the weights that the adapter was trained
on, not those of the model before it was quantised."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoModelForCausalLM

from engine.contract.errors import CockpitError
from engine.contract.files import read_json
from engine.export.logits import dtype_name, reference
from engine.export.peft import WEIGHTS
from engine.export.source import Source
from engine.model.load import load, pick_device, pick_dtype

_PREFIX, _A, _B = "base_model.model.", ".lora_A.weight", ".lora_B.weight"


def export_merged(source: Source, out: Path, dtype: str) -> dict[str, Any]:
    """Write the merged model with its tokenizer, in the base's dtype or in `dtype`. Returns what was measured."""
    held = reference(source)
    config = source.run.config.model
    wanted = pick_dtype(dtype, torch.device("cpu")) if dtype else getattr(torch, held.dtype)
    loaded = load(config)
    model: Any = loaded.model if config.quantization == "none" else loaded.model.dequantize()
    lost = {}
    for path, update in updates(source.student):
        module = model.get_submodule(path)
        module.weight, lost[path] = merge(module.weight, update.to(module.weight.device), wanted)
    model.to(wanted).save_pretrained(str(out))
    loaded.chat.tokenizer.save_pretrained(str(out))
    del loaded, model
    written = AutoModelForCausalLM.from_pretrained(
        str(out),
        dtype=getattr(
            torch, held.dtype
        ),  # computed as the student is, so that the difference is the stored weights' alone
        attn_implementation=config.attention,
        trust_remote_code=config.trust_remote_code,
    )
    difference = held.difference(written.to(pick_device(config.device)).eval())
    if not difference < float("inf"):
        raise CockpitError("the merged model's logits are not finite; save it with --dtype fp32 or bf16")
    return {
        "dtype": dtype_name(wanted),
        "base_dtype": held.dtype,
        "quantization": config.quantization,
        "rank": int(read_json(source.student / "adapter_config.json")["r"]),
        "prompts": len(held.prompts),
        "logit_difference": difference,
        "logit_effect": held.effect,
        "update_lost": lost,
    }


@torch.no_grad()
def merge(weight: Float[Tensor, "o i"], update: Float[Tensor, "o i"], dtype: torch.dtype) -> tuple[nn.Parameter, float]:
    """W + update in fp32, rounded once; and the share of the update that rounding lost (relative Frobenius norm, 0 for none)."""
    stored = (weight.float() + update).to(dtype)
    kept = stored.double() - weight.double()
    norm = float(torch.linalg.norm(update.double()))
    lost = float(torch.linalg.norm(kept - update.double())) / norm if norm else 0.0
    return nn.Parameter(stored, requires_grad=False), lost


def updates(folder: Path) -> Iterator[tuple[str, Float[Tensor, "o i"]]]:
    """(module path, (alpha / r) B A in fp32) of every matrix of a PEFT folder, one at a time."""
    config = read_json(folder / "adapter_config.json")
    scaling = float(config["lora_alpha"]) / int(config["r"])
    tensors = load_file(folder / WEIGHTS)
    for name in sorted(n for n in tensors if n.endswith(_A)):
        b = tensors[name.removesuffix(_A) + _B]
        yield name.removeprefix(_PREFIX).removesuffix(_A), scaling * (b.float() @ tensors[name].float())
