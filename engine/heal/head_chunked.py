"""The chunked form of the head's losses: block by block, so that only a few [block, v] tensors ever exist, with the gradient written out.

    u = W h     z = cap tanh(u / cap), or u where there is no softcap     p = softmax(z)     q = softmax of the reference's z
    d nll / dz = p - onehot
    d kl  / dz = p (log p - log q - kl) for kl_rev, p - q for kl_fwd
    dz / du    = 1 - (z / cap)^2, or 1

A position's KL depends on its own hidden state only, so the barrier's pull on it is w_t d(kl_t)/dh_t with w_t = d(barrier)/d(kl_t): the
logits are made once, and positions of weight 0 (a sample below tau; all but one or two of a sample under p95 and max) need no backward."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import PreTrainedModel

from engine.contract.config import Heal
from engine.heal.barrier import position_weights
from engine.heal.head_plain import Positions
from engine.model.anatomy import softcap
from engine.model.forward import logits

ELEMENTS = {"cpu": 1 << 25, "cuda": 1 << 26}
"""Logits in a block, 128 and 256 MB in fp32: with fewer rows the head's weights are read too often for too little work (at 262,144 tokens
on a CPU a block of half the size costs a fifth more, one of double the size saves nothing)."""


@torch.no_grad()
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
    elements: int = 0,
) -> Positions:
    """Losses and gradients as head_plain gives them, the gradients in fp32 or wider; holds at most four tensors of [block, v] (one more
    under kl_fwd, one more under a softcap). `elements` are the logits in a block, 0 what suits the device."""
    rows = max(1, (elements or ELEMENTS[h.device.type]) // model.get_output_embeddings().out_features)
    wide = torch.promote_types(h.dtype, torch.float32)
    nll, kl, kl_base = (torch.zeros(len(h), dtype=wide, device=h.device) for _ in range(3))
    g_nll, g_kl = (torch.zeros_like(h, dtype=wide) for _ in range(2))
    for span, whole in blocks(lengths, rows):
        z = logits(model, h[span])
        slope = _slope(model, z)
        logp = _log_softmax(z)
        p = logp.exp()
        nll[span] = -logp.gather(1, targets[span, None]).squeeze(1)
        if base is not reference:
            kl_base[span], _ = _kl(logp, p, _log_softmax(logits(model, base[span])), config.divergence)
        kl[span], d_kl = _kl(logp, p, _log_softmax(logits(model, reference[span])), config.divergence)
        del z, logp
        p[torch.arange(len(p), device=p.device), targets[span]] -= 1.0
        g_nll[span] = _to_hidden(model, p if slope is None else p.mul_(slope))
        del p
        felt = torch.arange(len(d_kl), device=d_kl.device)
        if whole:
            felt = position_weights(kl[span], whole, config.aggregate, tau, lam).nonzero().squeeze(1)
        if len(felt):
            d_kl = d_kl if len(felt) == len(d_kl) else d_kl[felt]
            g_kl[span][felt] = _to_hidden(model, d_kl if slope is None else d_kl.mul_(slope[felt]))
    weights = position_weights(kl, lengths, config.aggregate, tau, lam)
    return Positions(nll, kl, kl if base is reference else kl_base, g_nll, weights[:, None] * g_kl)


def blocks(lengths: Sequence[int], rows: int) -> Iterator[tuple[slice, list[int]]]:
    """Spans of at most `rows` positions that cover all samples in order, each with the lengths of the samples that it holds whole;
    a sample longer than `rows` is cut evenly into spans that hold none."""
    start, whole = 0, list[int]()
    for n in lengths:
        if whole and sum(whole) + n > rows:
            yield slice(start, start + sum(whole)), whole
            start, whole = start + sum(whole), []
        if n <= rows:
            whole.append(n)
            continue
        pieces = -(-n // rows)
        cuts = [start + n * i // pieces for i in range(pieces + 1)]
        yield from ((slice(a, b), []) for a, b in pairwise(cuts))
        start += n
    if whole:
        yield slice(start, start + sum(whole)), whole


def _log_softmax(z: Float[Tensor, "n v"]) -> Float[Tensor, "n v"]:
    """Log-probabilities, which take z's place in memory."""
    return torch.log_softmax(z, -1, out=z)


def _kl(
    logp: Float[Tensor, "n v"], p: Float[Tensor, "n v"], logq: Float[Tensor, "n v"], divergence: str
) -> tuple[Float[Tensor, " n"], Float[Tensor, "n v"]]:
    """KL at each position and its derivative by the logits, which takes logq's place in memory."""
    if divergence == "kl_fwd":
        q = logq.exp()
        kl = logq.sub_(logp).mul_(q).sum(-1)
        return kl, torch.sub(p, q, out=logq)
    term = torch.sub(logp, logq, out=logq).mul_(p)
    kl = term.sum(-1)
    return kl, term.addcmul_(p, kl[:, None], value=-1.0)


def _slope(model: PreTrainedModel, z: Float[Tensor, "n v"]) -> Float[Tensor, "n v"] | None:
    """Derivative of the capped logits by what the head's weights gave, None where nothing is capped."""
    cap = softcap(model)
    return None if cap is None else (z / cap).square_().neg_().add_(1.0)


def _to_hidden(model: PreTrainedModel, g: Float[Tensor, "n v"]) -> Float[Tensor, "n d"]:
    """The gradient at the hidden states from that at the head's output; a quantised head, whose weights are packed, is asked itself."""
    head = model.get_output_embeddings()
    if type(head) is nn.Linear:
        return (g.to(head.weight.dtype) @ head.weight).to(g.dtype)
    with torch.enable_grad():
        # the head is linear, so its gradient at 0 is its gradient everywhere
        leaf = torch.zeros(len(g), head.in_features, dtype=model.dtype, device=g.device, requires_grad=True)
        out = head(leaf)
        return torch.autograd.grad(out, leaf, g.to(out.dtype))[0].to(g.dtype)
