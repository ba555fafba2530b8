"""Scoring rows while a vector is applied: score() batches by length, so every row gets the same coefficient."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.model.forward import Row, score
from engine.model.load import Loaded
from engine.steer.vector import Vector


def steered_score(loaded: Loaded, rows: Sequence[Row], vector: Vector | None, dose: float) -> list[Tensor]:
    """score() under a vector at one dose; without a vector it is score()."""
    if vector is None:
        return score(loaded, rows)
    with vector.applied(loaded, torch.tensor([dose])):
        return score(loaded, rows)
