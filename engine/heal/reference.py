"""Reference hidden states, computed once a round: the final hidden state at every completion position of every training row."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.model.adapter import Student
from engine.model.forward import Row, auto_batch, by_length, completion_positions, hidden, pad


@torch.no_grad()
def cache(student: Student, rows: Sequence[Row], reference: str) -> list[Tensor]:
    """Per row, hidden states [completion, d] under the base or under the previous student (`prev`)."""
    gates = student.base() if reference == "base" else student.gates(history=1.0, current=0.0)
    found: list[Tensor] = [torch.empty(0)] * len(rows)
    loaded = student.loaded
    with gates:
        for chunk in by_length([len(r.prompt) + len(r.completion) for r in rows], auto_batch(loaded)):
            part = [rows[i] for i in chunk]
            batch = pad([r.prompt + r.completion for r in part], loaded.chat.pad, loaded.device, left=False)
            where, _ = completion_positions(part, batch.ids.shape[1], loaded.device)
            h = hidden(loaded.model, batch).flatten(0, 1)[where]
            for i, states in zip(chunk, h.split([len(r.completion) for r in part]), strict=True):
                found[i] = states.clone()
    return found
