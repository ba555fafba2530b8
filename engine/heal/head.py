"""The losses of a batch from its final hidden states: completion NLL and KL to the reference, with their gradients at that point.

Positions are selected before the vocabulary projection (KB29). Both gradients are taken at the final hidden states, where telling the
likelihood's pull from the barrier's is nearly free; one backward pass through the trunk carries their sum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F
from transformers import PreTrainedModel

from engine.contract.config import Heal
from engine.heal.barrier import AGGREGATES, aggregate, barrier, log_probs, position_kl
from engine.model.forward import logits


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
    the whole optimizer step, so that accumulation changes nothing."""
    leaf = h.detach().requires_grad_(True)
    with torch.enable_grad():
        logp = log_probs(logits(model, leaf))
        nll = F.nll_loss(logp, targets, reduction="sum")
        with torch.no_grad():
            ref = log_probs(logits(model, reference))
        kl = position_kl(logp, ref, config.divergence)
        d = aggregate(kl, lengths, config.aggregate)
        penalty = barrier(d, tau, lam) if config.divergence != "none" else torch.zeros_like(d)
        (g_nll,) = torch.autograd.grad(nll / tokens, leaf, retain_graph=True)
        if bool((penalty > 0).any()):
            (g_bar,) = torch.autograd.grad(penalty.sum() / samples, leaf)
        else:
            g_bar = torch.zeros_like(g_nll)
    with torch.no_grad():
        flat = kl.detach()
        every = {how: d.detach() if how == config.aggregate else aggregate(flat, lengths, how) for how in AGGREGATES}
        same = base is reference
        kl_base = flat if same else position_kl(logp.detach(), log_probs(logits(model, base)), config.divergence)
    return HeadOut(
        nll=float(nll.detach()),
        d=every,
        kl_base=aggregate(kl_base, lengths, config.aggregate),
        barrier=penalty.detach(),
        gradient=g_nll + g_bar,
        g_nll=float(g_nll.norm()),
        g_bar=float(g_bar.norm()),
    )
