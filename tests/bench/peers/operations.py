"""Counted operations of a fit with the barrier over one without, per completion token and epoch."""

from __future__ import annotations

from typing import Any

from engine.contract.config import Model
from engine.model.load import load


def with_barrier(work: dict[str, Any]) -> float:
    """Floating-point operations with the barrier over those without, on the workload's own lengths.

    Without it: a forward and a backward through the frozen trunk (2 + 2 a weight and position), the head over all positions the same.
    The barrier adds the reference's trunk pass once a round, its head at completion positions (2) and the pull of its gradient (2)."""
    model = load(Model(id=work["model"])).model
    head = model.get_output_embeddings().weight.numel()
    trunk = sum(p.numel() for name, p in model.named_parameters() if "embed" not in name and "lm_head" not in name)
    said = sum(map(len, work["completions"]))
    every = said + sum(map(len, work["prompts"]))
    without = every * 4 * (trunk + head)
    added = every * 2 * trunk / work["heal"]["epochs"] + said * 4 * head
    return (without + added) / without
