"""random:<family>: tiny random-init models of real architectures, for plumbing; nano is for numbers.

The vocabulary and tokenizer are nano's; the chat template keeps what is peculiar to the family (no system role, a thinking block)."""

from __future__ import annotations

from typing import Any

from transformers import AutoConfig

from engine.contract.errors import BadInput

_SMALL = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
}
_SEEING = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 28,
    "patch_size": 14,
}
"""A vision tower as small as can be: it is there to be stepped around."""
_OWN: dict[str, tuple[str, dict[str, Any]]] = {
    "gemma3": ("gemma3_text", {"head_dim": 16, "sliding_window": 32, "query_pre_attn_scalar": 16}),
    "qwen3": ("qwen3", {"head_dim": 16}),
    "llama": ("llama", {}),
    "mistral": ("mistral", {"sliding_window": 64}),
    "phi3": ("phi3", {}),
    "olmo2": ("olmo2", {}),
}
_WRAPPED: dict[str, tuple[str, str, dict[str, Any], dict[str, Any]]] = {
    "gemma3_vision": (
        "gemma3", "gemma3", {},
        {"mm_tokens_per_image": 4, "image_token_index": 930, "boi_token_index": 931, "eoi_token_index": 932},
    ),
    "mistral3_vision": ("mistral3", "mistral", {"model_type": "pixtral", "head_dim": 16}, {}),
}  # fmt: skip
"""Decoders inside a model that also sees: kind of the whole, the decoder's family, and what the tower and the whole need besides."""
FAMILIES = (*_OWN, *_WRAPPED)


def random_config(family: str, vocabulary: int) -> Any:
    """The transformers config of a tiny model of `family`. Raises BadInput for an unknown family."""
    if family not in FAMILIES:
        raise BadInput(f"no random model of family {family!r}; use one of {', '.join(FAMILIES)}")
    if family in _OWN:
        return AutoConfig.for_model(_OWN[family][0], **_text(family, vocabulary))
    whole, decoder, tower, own = _WRAPPED[family]
    text = _text(decoder, vocabulary) | {"model_type": _OWN[decoder][0]}
    return AutoConfig.for_model(whole, text_config=text, vision_config=_SEEING | tower, tie_word_embeddings=True, **own)


def _text(family: str, vocabulary: int) -> dict[str, Any]:
    # wide initial weights: with the usual 0.02 every output is nearly uniform and no test of it could fail
    return {
        **_SMALL, **_OWN[family][1], "vocab_size": vocabulary, "initializer_range": 0.15, "tie_word_embeddings": True,
        "bos_token_id": None, "eos_token_id": None, "pad_token_id": None,
    }  # fmt: skip


def random_template(family: str, template: str) -> str:
    """The family's peculiarity laid over nano's template: Gemma refuses a system role, Qwen 3 thinks unless it is told not to."""
    if family.startswith("gemma"):
        refuse = (
            "{%- if messages[0]['role'] == 'system' -%}{{ raise_exception('System role not supported') }}{%- endif -%}"
        )
        return refuse + template
    if family == "qwen3":
        quiet = "{%- if enable_thinking is defined and enable_thinking is false -%}{{ '<think>\n\n</think>\n\n' }}"
        return f"{template}{{%- if add_generation_prompt -%}}{quiet}{{%- endif -%}}{{%- endif -%}}"
    return template
