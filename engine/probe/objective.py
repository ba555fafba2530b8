"""The round's own optimizer step on chosen rows, forward and backward: what every probe of training repeats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from engine.contract.config import Config
from engine.heal.reference import cache
from engine.heal.step import Live, backward
from engine.heal.trunk import Trunk
from engine.model.forward import Row
from engine.probe.specimen import Specimen


class Losses(NamedTuple):
    """Means of one optimizer step, in nats: per completion token, and per sample."""

    nll: float
    barrier: float


class Objective:
    """nll + lam * mean_i relu(D_i - tau) over rows of the specimen; `plain` leaves the barrier out."""

    def __init__(self, specimen: Specimen, rows: Sequence[Row], *, plain: bool = False) -> None:
        self._trunk = Trunk(specimen.student, rows)
        knobs = specimen.config.heal
        changes = {"divergence": "none"} if plain else {}
        self._config: Config = specimen.config.model_copy(update={"heal": knobs.model_copy(update=changes)})
        self._live = Live(knobs.tau, knobs.lam)
        self._reference = cache(self._trunk, knobs.reference)

    def backward(self, groups: Sequence[list[int]]) -> Losses:
        """Forward and backward of one step over its batches of row indices; gradients are added to what is there."""
        outs, lengths = backward(self._trunk, groups, self._reference, self._reference, self._config, self._live)
        barrier = torch.cat([out.barrier for out in outs]).mean()
        return Losses(sum(out.nll for out in outs) / sum(lengths), float(barrier))
