"""Decoding in a batch that shrinks: a row that has ended leaves it, and keys and values are written into one buffer.

Both are exact. A row's token depends on its own logits and its own noise, never on its neighbours; and a cache that grows by concatenation
copies all that it holds at every step (on nano at 192 rows that was half of the time), where a buffer takes one more column."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer

from engine.model.forward import Batch, logits
from engine.model.load import Loaded
from engine.steer.vector import Applied

LEAVE = 8
"""Rows leave the batch once one in this many of them has ended: each leave-taking copies the cache of those that stay."""

Pick = Callable[[Float[Tensor, "b v"], Tensor, int], Int[Tensor, " b"]]
"""pick(logits, the rows of the batch that they belong to, step) -> the next token of each."""


class RoomyLayer(DynamicLayer):
    """Keys and values [b, heads, t, d] of one layer, views into a buffer with room for `room` tokens."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self._room = room
        self._buffers: tuple[Tensor, Tensor] | None = None

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Take the states of the next tokens in; returns those of all tokens so far."""
        start, new = self.get_seq_length(), key_states.shape[-2]
        if self._buffers is None:
            self.lazy_initialization(key_states, value_states)
            self._buffers = _empty(key_states, self._room), _empty(value_states, self._room)
        keys, values = self._buffers
        keys[..., start : start + new, :] = key_states
        values[..., start : start + new, :] = value_states
        self.keys, self.values = keys[..., : start + new, :], values[..., : start + new, :]
        return self.keys, self.values

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep these rows only."""
        if self._buffers is None:
            return
        used = self.get_seq_length()
        keys, values = self._buffers
        self._buffers = keys[indices], values[indices]
        self.keys, self.values = (buffer[..., :used, :] for buffer in self._buffers)


def roomy(model: PreTrainedModel, room: int) -> DynamicCache:
    """An empty cache of the model's own kinds of layers, those of full attention with room for `room` tokens."""
    cache = DynamicCache(config=model.config)
    cache.layers = [RoomyLayer(room) if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


@torch.no_grad()
def decode(
    loaded: Loaded, batch: Batch, pick: Pick, max_new_tokens: int, applied: Applied | None = None
) -> list[list[int]]:
    """Completion ids of every row of a left-padded batch, each up to and with its first stop token."""
    model, stops = loaded.model, torch.tensor(sorted(loaded.chat.stops), device=loaded.device)
    cache = roomy(model, batch.ids.shape[1] + max_new_tokens)
    found: list[list[int]] = [[] for _ in range(len(batch.ids))]
    rows = torch.arange(len(found), device=loaded.device)
    going = torch.ones_like(rows, dtype=torch.bool)
    ids, mask, positions = batch
    for step in range(max_new_tokens):
        h = (
            model.get_decoder()(
                input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True
            )
            .last_hidden_state[:, -1]
        )  # fmt: skip
        token = pick(logits(model, h), rows, step)
        for row, t, on in zip(rows.tolist(), token.tolist(), going.tolist(), strict=True):
            if on:
                found[row].append(t)
        going &= ~torch.isin(token, stops)
        left = int(going.sum())
        if not left:
            break
        if len(rows) - left >= max(1, len(rows) // LEAVE):
            stay = going.nonzero().squeeze(1)
            cache.batch_select_indices(stay)
            rows, going, token, mask, positions = rows[stay], going[stay], token[stay], mask[stay], positions[stay]
            if applied is not None:
                applied.keep(stay)
        ids, positions = token[:, None], positions[:, -1:] + 1
        mask = torch.cat([mask, torch.ones_like(ids)], dim=1)
    return found


def _empty(states: Tensor, room: int) -> Tensor:
    b, heads, t, d = states.shape
    return states.new_empty(b, heads, max(room, t), d)
