"""Batched sampling: one coefficient and one keyed noise stream per row."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import RepetitionPenaltyLogitsProcessor

from engine.machine import free_memory
from engine.model.forward import auto_batch, by_length, pad
from engine.model.load import Loaded
from engine.steer.decode import decode
from engine.steer.noise import gumbel
from engine.steer.vector import Vector

_STEP_BYTES = 32
"""Of each row and token of the vocabulary in a decoding step: logits and noise in fp32, the noise's bits in int64, and their copies."""


class Ask(NamedTuple):
    """One row to decode: prompt ids, the vector's coefficient, and the key of its noise."""

    prompt: list[int]
    coefficient: float = 0.0
    key: int = 0


class _Sampling:
    """logits / temperature + Gumbel noise: the argmax is a sample; temperature 0 is greedy. A repetition penalty other than 1 weighs the
    logits of what a row has read and said so far."""

    def __init__(self, prompts: Tensor, keys: Tensor, temperature: float, penalty: float) -> None:
        self._keys, self._temperature = keys, temperature
        self._penalise = RepetitionPenaltyLogitsProcessor(penalty) if penalty != 1.0 else None
        self._ids = prompts

    def __call__(self, scores: Tensor, rows: Tensor, step: int) -> Tensor:
        if self._penalise is not None:
            scores = self._penalise(self._ids[rows], scores)
        if self._temperature != 0:
            scores = gumbel(self._keys[rows], step, scores.shape[1]).add_(scores / self._temperature)
        token = scores.argmax(-1)
        if self._penalise is not None:
            column = self._ids[:, -1:].clone()
            column[rows, 0] = token
            self._ids = torch.cat([self._ids, column], dim=1)
        return token


def rows_at_once(loaded: Loaded) -> int:
    """Rows decoded together where the config leaves it to the engine and memory has room for them."""
    return 3 * auto_batch(loaded)


def rows_that_fit(loaded: Loaded, tokens: int, free: int) -> int:
    """Rows of `tokens` tokens whose keys, values and next-token logits with their noise fit into half of `free` bytes; at least one."""
    config = loaded.model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    states = 2 * config.num_hidden_layers * heads * size * tokens * loaded.dtype.itemsize
    return max(1, free // 2 // (states + _STEP_BYTES * config.vocab_size))


@torch.no_grad()
def generate(
    loaded: Loaded,
    asks: Sequence[Ask],
    vector: Vector | None = None,
    *,
    temperature: float,
    max_new_tokens: int,
    batch_size: int = 0,
    repetition_penalty: float = 1.0,
) -> list[list[int]]:
    """Completion ids of every row, in the order given, ending with the stop token unless cut off at max_new_tokens."""
    found: list[list[int]] = [[] for _ in asks]
    lengths = [len(a.prompt) for a in asks]
    if not batch_size and asks:
        fit = rows_that_fit(loaded, max(lengths) + max_new_tokens, free_memory(loaded.device))
        batch_size = min(rows_at_once(loaded), fit)
    for chunk in by_length(lengths, batch_size or 1):
        part = [asks[i] for i in chunk]
        batch = pad([a.prompt for a in part], loaded.chat.pad, loaded.device, left=True)
        coefficients = torch.tensor([a.coefficient for a in part], device=loaded.device)
        keys = torch.tensor([a.key for a in part], device=loaded.device)
        pick = _Sampling(batch.ids, keys, temperature, repetition_penalty)
        with vector.applied(loaded, coefficients) if vector is not None else nullcontext() as applied:
            answers = decode(loaded, batch, pick, max_new_tokens, applied)
        for i, answer in zip(chunk, answers, strict=True):
            found[i] = answer
    return found
