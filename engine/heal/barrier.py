"""The KL barrier: lam * mean_i relu(D_i - tau), with D_i an aggregate of per-position KL over sample i's completion tokens.

    kl_rev = KL(student || reference)      kl_fwd = KL(reference || student)
    mean   = sum_t kl_t / T                rmse = sqrt(sum_t kl_t^2 / T + eps)
    p95    = 95th percentile over t        max  = largest over t
    or a plugin's barrier_aggregate of kl [T]

Everything in fp32 or wider (KB23), per sample, so that tau means the same at any batch size (KB30). eps inside the root keeps the gradient
finite at B = 0, where every kl_t is 0 (KB22)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from engine.contract.config import AGGREGATES as AGGREGATES
from engine.contract.errors import CockpitError
from engine.plugins.active import call, shape_fault

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
    """D [b]: one aggregate per sample of its `lengths[i]` consecutive positions. Raises CockpitError when a plugin's gives no number."""
    parts = kl.split(list(lengths))
    if how == "mean":
        return torch.stack([p.mean() for p in parts])
    if how == "rmse":
        return torch.stack([(p.square().mean() + _EPS).sqrt() for p in parts])
    if how == "p95":
        return torch.stack([torch.quantile(p, 0.95) for p in parts])
    if how == "max":
        return torch.stack([p.max() for p in parts])
    return torch.stack([_own(p, how) for p in parts]).to(kl)


def _own(kl: Float[Tensor, " n"], how: str) -> Float[Tensor, ""]:
    """D of one sample by a plugin's aggregate."""
    found = call("barrier_aggregate", how, kl)
    wrong = shape_fault(found, ())
    if not wrong and kl.requires_grad and torch.is_grad_enabled() and not found.requires_grad:
        wrong = "gave a value that does not depend on kl, so that nothing can be learnt from it"
    if wrong:
        raise CockpitError(
            f"barrier aggregate {how} (a plugin's) {wrong}: it must give one number for the kl [n] of a completion"
        )
    return found  # type: ignore[no-any-return]


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
    if how not in AGGREGATES and not bool(torch.isfinite(weights).all()):
        raise CockpitError(
            f"barrier aggregate {how} (a plugin's) has a gradient that is not finite: it must have one at kl = 0 too"
        )
    return weights


def round_lam(lam: float, round_number: int, power: float) -> float:
    """The barrier weight of a round: lam * r ** power, with r from 1 (requirement W14)."""
    return lam * float(round_number) ** power
