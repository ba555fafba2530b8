"""Real shapes without a hub: the published dimensions of the models that presets name, for arithmetic and for random weights at full size.

From the config.json of each repository; tests hold their parameter counts against the published ones."""

from __future__ import annotations

from typing import Any

from transformers import AutoConfig

from engine.contract.errors import BadInput

_SHAPES: dict[str, tuple[str, dict[str, Any]]] = {
    "google/gemma-3-1b-it": (
        "gemma3_text",
        {
            "vocab_size": 262_144, "hidden_size": 1152, "intermediate_size": 6912, "num_hidden_layers": 26,
            "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 256, "sliding_window": 512,
        },
    ),
    "google/gemma-3-4b-it": (
        "gemma3",
        {
            "text_config": {
                "vocab_size": 262_208, "hidden_size": 2560, "intermediate_size": 10_240, "num_hidden_layers": 34,
                "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "sliding_window": 1024,
            },
            "vision_config": {
                "hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27, "num_attention_heads": 16,
                "image_size": 896, "patch_size": 14,
            },
        },
    ),
    "Qwen/Qwen3-4B": (
        "qwen3",
        {
            "vocab_size": 151_936, "hidden_size": 2560, "intermediate_size": 9728, "num_hidden_layers": 36,
            "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "tie_word_embeddings": True,
        },
    ),
}  # fmt: skip


def known_shapes() -> list[str]:
    """Hub ids whose shape is known here."""
    return list(_SHAPES)


def shape_config(model: str) -> Any:
    """The transformers config of a hub model's architecture, without the hub. Raises BadInput for a model whose shape is not known here."""
    if model not in _SHAPES:
        raise BadInput(f"the shape of {model} is not known here; cockpit fetch {model} brings it")
    kind, sizes = _SHAPES[model]
    return AutoConfig.for_model(kind, **sizes)
