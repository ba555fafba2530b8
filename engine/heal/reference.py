"""Reference hidden states, computed once a round: the final hidden state at every completion position of every training row."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.heal.trunk import Trunk
from engine.model.forward import auto_batch


@torch.no_grad()
def cache(trunk: Trunk, reference: str) -> list[Tensor]:
    """Per row of the trunk, hidden states [completion, d] under the base or under the previous student (`prev`)."""
    student = trunk.student
    gates = student.base() if reference == "base" else student.gates(history=1.0, current=0.0)
    found: list[Tensor] = [torch.empty(0)] * len(trunk.rows)
    with gates:
        for chunk in trunk.by_length(auto_batch(student.loaded)):
            h, _, lengths = trunk(chunk)
            for i, states in zip(chunk, h.split(lengths), strict=True):
                found[i] = states.clone()
    return found
