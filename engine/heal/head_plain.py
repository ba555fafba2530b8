"""The plain form of the head's losses: all logits at once, gradients by automatic differentiation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F
from transformers import PreTrainedModel

from engine.contract.config import Heal
from engine.heal.barrier import aggregate, barrier, log_probs, position_kl
from engine.model.forward import logits


class Positions(NamedTuple):
    """Losses at each completion position, in nats, and what they pull at its final hidden state: `g_nll` of the summed NLL,
    `g_bar` of the summed barrier."""

    nll: Float[Tensor, " n"]
    kl: Float[Tensor, " n"]
    kl_base: Float[Tensor, " n"]
    g_nll: Float[Tensor, "n d"]
    g_bar: Float[Tensor, "n d"]


def positions(
    model: PreTrainedModel,
    h: Float[Tensor, "n d"],
    targets: Int[Tensor, " n"],
    lengths: Sequence[int],
    reference: Float[Tensor, "n d"],
    base: Float[Tensor, "n d"],
    config: Heal,
    tau: float,
    lam: float,
) -> Positions:
    """Losses and gradients over the whole vocabulary; holds about ten tensors of [n, v]."""
    with torch.no_grad():
        ref = log_probs(logits(model, reference))
    leaf = h.clone().requires_grad_(True)
    with torch.enable_grad():
        logp = log_probs(logits(model, leaf))
        nll = F.nll_loss(logp, targets, reduction="none")
        kl = position_kl(logp, ref, config.divergence)
        penalty = barrier(aggregate(kl, lengths, config.aggregate), tau, lam)
        (g_nll,) = torch.autograd.grad(nll.sum(), leaf, retain_graph=True)
        g_bar = torch.zeros_like(g_nll)
        if bool((penalty > 0).any()):
            (g_bar,) = torch.autograd.grad(penalty.sum(), leaf)
    with torch.no_grad():
        same = base is reference
        kl_base = kl if same else position_kl(logp, log_probs(logits(model, base)), config.divergence)
    return Positions(nll.detach(), kl.detach(), kl_base.detach(), g_nll, g_bar)
