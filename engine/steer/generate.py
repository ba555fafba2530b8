"""Batched sampling: one coefficient and one keyed noise stream per row, on Hugging Face generate."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList

from engine.model.forward import auto_batch, by_length, pad
from engine.model.load import Loaded
from engine.steer.noise import gumbel
from engine.steer.vector import Vector


class Ask(NamedTuple):
    """One row to decode: prompt ids, the vector's coefficient, and the key of its noise."""

    prompt: list[int]
    coefficient: float = 0.0
    key: int = 0


class _KeyedSampling(LogitsProcessor):
    """logits / temperature + Gumbel noise: the argmax is a sample; temperature 0 is greedy."""

    def __init__(self, keys: Tensor, temperature: float) -> None:
        self._keys, self._temperature, self._step = keys, temperature, 0

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        if self._temperature == 0:
            return scores
        noise = gumbel(self._keys, self._step, scores.shape[1])
        self._step += 1
        return scores.float() / self._temperature + noise


def rows_at_once(loaded: Loaded) -> int:
    """Rows decoded together where the config leaves it to the engine."""
    return 3 * auto_batch(loaded)


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
    for chunk in by_length([len(a.prompt) for a in asks], batch_size or rows_at_once(loaded)):
        part = [asks[i] for i in chunk]
        batch = pad([a.prompt for a in part], loaded.chat.pad, loaded.device, left=True)
        coefficients = torch.tensor([a.coefficient for a in part], device=loaded.device)
        keys = torch.tensor([a.key for a in part], device=loaded.device)
        settings = GenerationConfig(
            max_new_tokens=max_new_tokens,
            do_sample=False,
            eos_token_id=sorted(loaded.chat.stops),
            pad_token_id=loaded.chat.pad,
            repetition_penalty=repetition_penalty,
        )
        steering = vector.applied(loaded, coefficients) if vector is not None else nullcontext()
        with steering:
            out = loaded.model.generate(
                input_ids=batch.ids,
                attention_mask=batch.mask,
                generation_config=settings,
                logits_processor=LogitsProcessorList([_KeyedSampling(keys, temperature)]),
            )
        for i, row in zip(chunk, out[:, batch.ids.shape[1] :].tolist(), strict=True):
            found[i] = _until_stop(row, loaded.chat.stops)
    return found


def _until_stop(ids: list[int], stops: set[int]) -> list[int]:
    for n, token in enumerate(ids):
        if token in stops:
            return ids[: n + 1]
    return ids
