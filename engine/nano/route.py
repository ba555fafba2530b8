"""Training that makes the stance travel through the residual stream, so that a vector added there can stand in for a persona.

A small model may read the persona anew in every block; a vector added half-way then moves little, and what it moves is mostly the
next word. In a routed conversation the persona can be seen by the assistant's turn alone, and only in the first `sighted` blocks:
whatever later blocks know of it must be in the stream of the assistant's own positions. Other conversations, and every use of the
model, have plain causal attention.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers import LlamaForCausalLM


def masks(ids: Tensor, user: int, assistant: int, routed: Tensor) -> tuple[Tensor, Tensor]:
    """What each position may look at in the sighted and in the later blocks: two [b, 1, s, s], True where it may.

    ids [b, s]; `user` and `assistant` are the ids of the tags; routed [b] says which rows are routed. The very first position
    stays visible: it has seen nothing of the persona, and attention rests on it."""
    s = ids.shape[1]
    place = torch.arange(s)
    begins = (ids == user).int().argmax(1)[:, None, None]
    answers = (ids == assistant).int().argmax(1)[:, None, None]
    query, key = place[None, :, None], place[None, None, :]
    persona = (key > 0) & (key < begins) & routed[:, None, None]
    asking = (query >= begins) & (query < answers)
    causal = key <= query
    sighted = causal & ~(persona & asking)
    later = causal & ~(persona & (query >= begins))
    return sighted[:, None], later[:, None]


@contextmanager
def routed_attention(model: LlamaForCausalLM, sighted: Tensor, later: Tensor, blocks: int) -> Iterator[None]:
    """Give the first `blocks` blocks the mask `sighted` and the others `later`, within the context."""

    def give(mask: Tensor) -> Any:
        def hook(_module: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
            return args, kwargs | {"attention_mask": mask}

        return hook

    handles = [
        block.register_forward_pre_hook(give(sighted if i < blocks else later), with_kwargs=True)
        for i, block in enumerate(model.model.layers)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
