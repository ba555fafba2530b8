"""iso-KL: the dose at which a vector moves the model by a given KL, so that vectors of any method, random ones too, are matched on it.

    kl(c) = 95th percentile over positions t of KL( p(. | x_<t, c v) || p(. | x_<t) )        in nats, x unsteered answers

Both ends are tested, then the bracket narrows in log dose and log KL, by turns from below as if KL grew with the square of the dose (a
small dose), along the chord, and by halves. The accepted dose is the strongest one tried that is not over the target."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from engine.contract.config import Steer
from engine.contract.errors import CockpitError
from engine.contract.events import DoseProbed
from engine.heal.barrier import log_probs, position_kl
from engine.model.forward import (
    Row,
    auto_batch,
    by_length,
    completion_positions,
    hidden,
    logits,
    pad,
    positions_at_once,
)
from engine.model.load import Loaded
from engine.steer.vector import Vector

CLOSE = 0.05
"""The search ends at a dose whose KL is under the target by at most this share of it."""
QUANTILE = 0.95
TRIES = 4
"""Doses tried for each of steer.bisections: one costs a single pass here, and a knee in the KL is steep (on nano 0.7 nats at a dose of
0.5, 18 at 0.75)."""


def search(config: Steer, measure: Callable[[float], float]) -> Iterator[DoseProbed | float]:
    """Yields an event per dose tried and last the accepted dose, between steer.dose_low and steer.dose_high, after at most
    TRIES * steer.bisections doses between them. `measure` gives the KL of a dose. Raises CockpitError when it is not finite.

    Where the target lies outside, the end that is nearest is taken."""

    def tried(dose: float) -> DoseProbed:
        kl = measure(dose)
        if not math.isfinite(kl):
            raise CockpitError(f"the KL at dose {dose:g} is not finite: lower steer.dose_high")
        return DoseProbed(stage="dose", kappa=dose, kl=kl, accepted=kl <= config.target_kl)

    high = tried(config.dose_high)
    yield high
    if high.accepted:
        yield config.dose_high
        return
    low = tried(config.dose_low)
    yield low
    for turn in range(TRIES * config.bisections if low.accepted else 0):
        if _kl(low) >= (1 - CLOSE) * config.target_kl:
            break
        middle = tried(_between(low, high, config.target_kl, turn))
        yield middle
        low, high = (middle, high) if middle.accepted else (low, middle)
    yield low.kappa


def _kl(probed: DoseProbed) -> float:
    assert isinstance(probed.kl, float)
    return probed.kl


def _between(low: DoseProbed, high: DoseProbed, target: float, turn: int) -> float:
    """The dose to try next, aimed a little under the target."""
    x0, x1 = math.log(low.kappa), math.log(high.kappa)
    y0, y1 = (math.log(max(_kl(end), 1e-12)) for end in (low, high))
    rise = math.log(target * (1 - CLOSE / 2)) - y0
    x = (x0 + rise / 2, x0 + rise / (y1 - y0) * (x1 - x0), (x0 + x1) / 2)[turn % 3]
    return math.exp(x if x0 < x < x1 else (x0 + x1) / 2)


class Unsteered:
    """Answers of the model as its gates stand, without a vector, with their final hidden states: what a steered pass is compared with."""

    def __init__(self, loaded: Loaded, rows: Sequence[Row]) -> None:
        self._loaded, self._rows = loaded, list(rows)
        self._chunks = list(by_length([len(r.prompt) + len(r.completion) for r in rows], auto_batch(loaded)))
        self._states = [self._hidden(chunk) for chunk in self._chunks]

    def p95(self, vector: Vector, dose: float) -> float:
        """The 95th percentile over all positions of all answers of the KL that the vector makes at a dose, in nats."""
        found: list[float] = []
        for chunk, base in zip(self._chunks, self._states, strict=True):
            with vector.applied(self._loaded, torch.full((len(chunk),), dose)):
                steered = self._hidden(chunk)
            found += self._divergence(steered, base)
        return float(np.quantile(np.array(found), QUANTILE))

    @torch.no_grad()
    def _hidden(self, chunk: list[int]) -> Float[Tensor, "n d"]:
        """Final hidden states at the completion positions of some rows."""
        part = [self._rows[i] for i in chunk]
        batch = pad([r.prompt + r.completion for r in part], self._loaded.chat.pad, self._loaded.device, left=False)
        where, _ = completion_positions(part, batch.ids.shape[1], self._loaded.device)
        return hidden(self._loaded.model, batch).flatten(0, 1)[where]

    @torch.no_grad()
    def _divergence(self, steered: Float[Tensor, "n d"], base: Float[Tensor, "n d"]) -> list[float]:
        model = self._loaded.model
        at_once = positions_at_once(model.config.get_text_config().vocab_size)
        found: list[float] = []
        for one, other in zip(steered.split(at_once), base.split(at_once), strict=True):
            found += position_kl(log_probs(logits(model, one)), log_probs(logits(model, other)), "kl_rev").tolist()
        return found
