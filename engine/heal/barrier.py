"""The KL barrier: lam * mean_i relu(D_i - tau), with D_i an aggregate of per-position KL over sample i's completion tokens.

    kl_rev = KL(student || reference)      kl_fwd = KL(reference || student)
    mean   = sum_t kl_t / T                rmse = sqrt(sum_t kl_t^2 / T + eps)
    p95    = 95th percentile over t        max  = largest over t

Everything in fp32 or wider (KB23), per sample, so that tau means the same at any batch size (KB30). eps inside the root keeps the gradient
finite at B = 0, where every kl_t is 0 (KB22)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

AGGREGATES = ("mean", "rmse", "p95", "max")
_EPS = 1e-12


def log_probs(logits: Float[Tensor, "n v"]) -> Float[Tensor, "n v"]:
    """Log-probabilities, in fp32 unless the logits are wider."""
    return F.log_softmax(logits.to(torch.promote_types(logits.dtype, torch.float32)), dim=-1)


def position_kl(student: Float[Tensor, "n v"], reference: Float[Tensor, "n v"], divergence: str) -> Float[Tensor, " n"]:
    """KL in nats at each position, from log-probabilities; kl_fwd swaps the two, `none` records kl_rev."""
    if divergence == "kl_fwd":
        return (reference.exp() * (reference - student)).sum(-1)
    return (student.exp() * (student - reference)).sum(-1)


def aggregate(kl: Float[Tensor, " n"], lengths: Sequence[int], how: str) -> Float[Tensor, " b"]:
    """D [b]: one aggregate per sample of its `lengths[i]` consecutive positions."""
    parts = kl.split(list(lengths))
    if how == "mean":
        return torch.stack([p.mean() for p in parts])
    if how == "rmse":
        return torch.stack([(p.square().mean() + _EPS).sqrt() for p in parts])
    if how == "p95":
        return torch.stack([torch.quantile(p, 0.95) for p in parts])
    if how == "max":
        return torch.stack([p.max() for p in parts])
    raise ValueError(f"no aggregate named {how!r}; use one of {', '.join(AGGREGATES)}")


def barrier(d: Float[Tensor, " b"], tau: float, lam: float) -> Float[Tensor, " b"]:
    """lam * relu(D - tau) of each sample, in nats."""
    return lam * F.relu(d - tau)


def position_weights(
    kl: Float[Tensor, " n"], lengths: Sequence[int], how: str, tau: float, lam: float
) -> Float[Tensor, " n"]:
    """w_t = d(sum_i lam relu(D_i - tau)) / d(kl_t): what the barrier makes of each position's KL; 0 all over a sample that is below tau."""
    leaf = kl.detach().requires_grad_(True)
    with torch.enable_grad():
        total = barrier(aggregate(leaf, lengths, how), tau, lam).sum()
        (weights,) = torch.autograd.grad(total, leaf)
    return weights


def round_lam(lam: float, round_number: int, power: float) -> float:
    """The barrier weight of a round: lam * r ** power, with r from 1 (requirement W14)."""
    return lam * float(round_number) ** power
