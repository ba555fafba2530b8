"""ModelFacts: what `python -m engine inspect` finds out about a model without loading its weights."""

from __future__ import annotations

import msgspec


class ModelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the checklist and the estimates need. Counts are exact; tied tensors count once; 4-bit packing never halves them."""

    id: str
    family: str  # nano, random, folder or hub
    tokenizer_class: str
    tokenizer_type: str  # bpe, character, byte, unigram, wordpiece
    tokenizer_hash: str  # sha256 over vocabulary, merges and specials
    chat_template: bool
    system_role: bool
    model_class: str
    source_file: str
    source_version: str  # version of the library the class comes from
    commit: str  # hub revision, or the weights' own hash for a local model
    model_hash: str  # identity of architecture and weights
    parameters: int
    adapter_parameters: int  # trainable LoRA parameters of one round at the config's rank
    layers: int
    hidden: int
    vocabulary: int
    heads: int
    kv_heads: int
    head_dim: int
    embedding_parameters: int
    weight_bytes: int  # bytes of the weights at the config's precision
    pretrained: bool
    cuda: bool  # whether torch sees a CUDA device
    packages: dict[str, str]  # torch, transformers, peft, bitsandbytes
