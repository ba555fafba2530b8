"""The history as one matrix a layer: W + B_h A_h beside W, so that a round's cost does not grow with the rounds before it.

The factored form W x + B_h (A_h x) has rank 8 a round: on a narrow model the eighth round's history is as much arithmetic as the layer
itself, and two more calls a layer on any. Written in, it costs nothing. Base and student are two tensors that take turns behind one
parameter, so the base stays what it was to the bit. Only where W is fp32: in bf16 the sum would round small updates away, and a
quantised weight has no sum. The two forms agree to rounding (1e-6 of a logit's scale on nano), not to the bit."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

LARGEST = 250_000_000
"""Adapted weights up to which a second copy is held: 1 GB. A rule by size alone, not by what is free, so that a run that is resumed
elsewhere goes on with the same numbers."""


class DenseHistory:
    """The adapted weights without and with a history of factors (A [r, in], B [out, r], the scaling in A), one of them in place."""

    def __init__(self, layers: Sequence[LoraLayer], factors: Sequence[tuple[Tensor, Tensor]]) -> None:
        self._weights = [_weight(layer) for layer in layers]
        self._base = [w.data for w in self._weights]
        self._student = [w + b @ a for w, (a, b) in zip(self._base, factors, strict=True)]

    def use(self, student: bool) -> None:
        """Put the student's weights in place, or the base's."""
        for weight, data in zip(self._weights, self._student if student else self._base, strict=True):
            weight.data = data


def holds_dense(layers: Sequence[LoraLayer]) -> bool:
    """Whether these layers can have their history written in: plain fp32 matrices, small enough to be held twice."""
    bases = [layer.get_base_layer() for layer in layers]
    plain = all(type(base) is nn.Linear and base.weight.dtype == torch.float32 for base in bases)
    return plain and sum(_weight(layer).numel() for layer in layers) <= LARGEST


def _weight(layer: LoraLayer) -> Tensor:
    return layer.get_base_layer().weight  # type: ignore[no-any-return]
