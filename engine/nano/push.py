"""Training under constant offsets in the residual stream, so that a steered answer stays a whole answer up to a point.

    h <- h + s |h| u        at every position of one conversation, u a random unit vector, s that conversation's strength

A narrow model that has never seen its stream moved falls into word salad at half a persona's shift, long before the trait is
reached; wide models do not. The offsets have no direction of their own, so they teach no stance and resist none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers import LlamaForCausalLM


@contextmanager
def pushed_stream(model: LlamaForCausalLM, block: int, strength: Tensor, coin: torch.Generator) -> Iterator[None]:
    """Push the output of block `block` (from 0) by `strength` [b] times its own norm, each row its own way, within the context."""
    u = torch.randn(len(strength), 1, int(model.config.hidden_size), generator=coin)
    push = strength[:, None, None] * u / u.norm(dim=-1, keepdim=True)

    def add(_module: Any, _inputs: Any, h: Tensor) -> Tensor:
        return h + push * h.detach().norm(dim=-1, keepdim=True)

    handle = model.model.layers[block].register_forward_hook(add)
    try:
        yield
    finally:
        handle.remove()
