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
_OWN: dict[str, tuple[str, dict[str, Any]]] = {
    "gemma3": ("gemma3_text", {"head_dim": 16, "sliding_window": 32, "query_pre_attn_scalar": 16}),
    "qwen3": ("qwen3", {"head_dim": 16}),
    "llama": ("llama", {}),
    "mistral": ("mistral", {"sliding_window": 64}),
    "phi3": ("phi3", {}),
    "olmo2": ("olmo2", {}),
}
FAMILIES = tuple(_OWN)


def random_config(family: str, vocabulary: int) -> Any:
    """The transformers config of a tiny model of `family`. Raises BadInput for an unknown family."""
    if family not in _OWN:
        raise BadInput(f"no random model of family {family!r}; use one of {', '.join(FAMILIES)}")
    kind, own = _OWN[family]
    # wide initial weights: with the usual 0.02 every output is nearly uniform and no test of it could fail
    return AutoConfig.for_model(
        kind, **_SMALL, **own, vocab_size=vocabulary, initializer_range=0.15, tie_word_embeddings=True,
        bos_token_id=None, eos_token_id=None, pad_token_id=None,
    )  # fmt: skip


def random_template(family: str, template: str) -> str:
    """The family's peculiarity laid over nano's template: gemma3 refuses a system role, qwen3 opens with an empty thinking block."""
    if family == "gemma3":
        refuse = (
            "{%- if messages[0]['role'] == 'system' -%}{{ raise_exception('System role not supported') }}{%- endif -%}"
        )
        return refuse + template
    if family == "qwen3":
        return template + "{%- if add_generation_prompt -%}{{ '<think>\\n\\n</think>\\n\\n' }}{%- endif -%}"
    return template
