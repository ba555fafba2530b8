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

from engine.contract.estimate import DENSE

OTHER = "other_weight"
"""Name of the buffer that holds the weights not in place; it moves between devices with the model, and is never saved."""


class DenseHistory:
    """The adapted weights without and with a history of factors (A [r, in], B [out, r], the scaling in A), one of them in place."""

    def __init__(self, layers: Sequence[LoraLayer], factors: Sequence[tuple[Tensor, Tensor]]) -> None:
        self._linears = [_linear(layer) for layer in layers]
        self._student = False
        for linear, (a, b) in zip(self._linears, factors, strict=True):
            linear.register_buffer(OTHER, linear.weight.data + b @ a, persistent=False)

    def use(self, student: bool) -> None:
        """Put the student's weights in place, or the base's; never between a forward pass and its backward pass."""
        if student == self._student:
            return
        for linear in self._linears:
            linear.weight.data, linear._buffers[OTHER] = linear._buffers[OTHER], linear.weight.data
        self._student = student

    def drop(self) -> None:
        """Leave the base's weights in place and forget the student's."""
        self.use(student=False)
        for linear in self._linears:
            del linear._buffers[OTHER]


def holds_dense(layers: Sequence[LoraLayer]) -> bool:
    """Whether these layers can have their history written in: plain fp32 matrices, none shared by two layers, small enough to be held
    twice. A rule by size alone, not by what is free, so that a run that is resumed elsewhere goes on with the same numbers."""
    linears = [layer.get_base_layer() for layer in layers]
    plain = all(type(linear) is nn.Linear and linear.weight.dtype == torch.float32 for linear in linears)
    own = {id(linear.weight): linear.weight.numel() for linear in linears} if plain else {}
    return len(own) == len(layers) and sum(own.values()) <= DENSE


def _linear(layer: LoraLayer) -> nn.Linear:
    return layer.get_base_layer()  # type: ignore[return-value]
