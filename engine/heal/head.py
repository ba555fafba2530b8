"""The losses of a batch from its final hidden states: completion NLL and KL to the reference, with their gradients at that point.

Positions are selected before the vocabulary projection (KB29). Both gradients are taken at the final hidden states, where telling the
likelihood's pull from the barrier's is nearly free; one backward pass through the trunk carries their sum. Two forms compute the same:
head_plain.py by automatic differentiation over all logits at once, head_chunked.py block by block by the written gradient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor
from transformers import PreTrainedModel

from engine.contract.config import Heal
from engine.heal import head_chunked, head_plain
from engine.heal.barrier import AGGREGATES, aggregate, barrier


@dataclass(frozen=True)
class HeadOut:
    """Losses of one batch. `nll` is the sum over tokens, `d` has D of each sample by aggregate, `barrier` each sample's penalty,
    `gradient` d(loss)/d(hidden) with the two norms that made it."""

    nll: float
    d: dict[str, Tensor]
    kl_base: Tensor
    barrier: Tensor
    gradient: Float[Tensor, "n d"]
    g_nll: float
    g_bar: float


def head(
    model: PreTrainedModel,
    h: Float[Tensor, "n d"],
    targets: Int[Tensor, " n"],
    lengths: Sequence[int],
    reference: Float[Tensor, "n d"],
    base: Float[Tensor, "n d"],
    config: Heal,
    *,
    tau: float,
    lam: float,
    tokens: int,
    samples: int,
) -> HeadOut:
    """Losses and gradient of the batch's part of `nll / tokens + sum_i lam relu(D_i - tau) / samples`, where `tokens` and `samples` count
    the whole optimizer step, so that accumulation changes nothing.

    `reference` and `base` are final hidden states too; where they are one tensor, kl_base costs nothing. `heal.head` auto is chunked:
    the larger the vocabulary, the more it saves, and at a small one it costs nothing (tests/bench/test_heal_head.py)."""
    lam = lam if config.divergence != "none" else 0.0
    form = head_plain.positions if config.head == "plain" else head_chunked.positions
    at = form(model, h.detach(), targets, lengths, reference, base, config, tau, lam)
    d = {how: aggregate(at.kl, lengths, how) for how in dict.fromkeys((*AGGREGATES, config.aggregate))}
    g_nll, g_bar = at.g_nll / tokens, at.g_bar / samples
    return HeadOut(
        nll=float(at.nll.sum()),
        d=d,
        kl_base=d[config.aggregate] if base is reference else aggregate(at.kl_base, lengths, config.aggregate),
        barrier=barrier(d[config.aggregate], tau, lam),
        gradient=g_nll + g_bar,
        g_nll=float(g_nll.norm()),
        g_bar=float(g_bar.norm()),
    )
