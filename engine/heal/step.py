"""One optimizer step of a heal: forward, loss, backward, update, and what a heal_step says of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from engine.contract.config import Config
from engine.heal.barrier import AGGREGATES
from engine.heal.head import HeadOut, head
from engine.heal.trunk import Trunk
from engine.model.forward import Row, by_length


class Live:
    """The two knobs that a person may move while a round heals."""

    def __init__(self, tau: float, lam: float) -> None:
        self.tau = tau
        self.lam = lam


def backward(
    trunk: Trunk,
    group: Sequence[list[int]],
    reference: Sequence[Tensor],
    pristine: Sequence[Tensor],
    config: Config,
    live: Live,
) -> tuple[list[HeadOut], list[int]]:
    """Forward and backward of one optimizer step; returns each pass's losses and the completion tokens of its rows.

    A batch goes through in two passes, its longer rows and its shorter ones: a quarter of it would else be padding. Under an fp16 base
    the gradient goes through the blocks as that of the sum over tokens, see `fp16_scale`."""
    student, loaded = trunk.student, trunk.student.loaded
    every = [trunk.rows[i] for batch in group for i in batch]
    tokens, samples = sum(len(r.completion) for r in every), len(every)
    scale = fp16_scale(tokens) if loaded.dtype == torch.float16 else 1.0
    outs, lengths = [], []
    with student.gates(history=1.0, current=1.0):
        for indices in (half for batch in group for half in _halves(batch, trunk.rows)):
            h, targets, own = trunk(indices)
            ref = torch.cat([reference[i] for i in indices])
            base = ref if pristine is reference else torch.cat([pristine[i] for i in indices])
            out = head(
                loaded.model, h, targets, own, ref, base, config.heal,
                tau=live.tau, lam=live.lam, tokens=tokens, samples=samples,
            )  # fmt: skip
            h.backward((out.gradient * scale).to(h.dtype))
            outs.append(out)
            lengths += own
    if scale != 1.0:
        for p in student.trainable:
            if p.grad is not None:
                p.grad /= scale
    return outs, lengths


def fp16_scale(tokens: int) -> float:
    """What an fp16 base's gradient is multiplied by on its way through the blocks, and the adapter's (fp32) divided by after it.

    The loss is a mean over `tokens`, so the gradient at one of them is of the order of 1 / tokens, and fp16 rounds below 6e-5 and knows
    nothing below 6e-8. Times the next power of two it is of the order of 1, with a factor of 65,504 to grow by; both steps are exact."""
    return float(2.0 ** math.ceil(math.log2(max(1, tokens))))


def _halves(batch: list[int], rows: Sequence[Row]) -> Iterator[list[int]]:
    lengths = [len(rows[i].prompt) + len(rows[i].completion) for i in batch]
    for half in by_length(lengths, -(-len(batch) // 2)):
        yield [batch[i] for i in half]


def apply(optimizer: torch.optim.Optimizer, parameters: list[nn.Parameter], rate: float) -> float:
    """One optimizer step at `rate`; returns the norm of the change over the norm of the weights."""
    before = [p.detach().clone() for p in parameters]
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    with torch.no_grad():
        change = torch.stack(torch._foreach_norm([p - b for p, b in zip(parameters, before, strict=True)])).norm()
        size = torch.stack(torch._foreach_norm([p.detach() for p in parameters])).norm()
    return float(change / size.clamp(min=1e-30))


def kl_fields(outs: Sequence[HeadOut], d: Tensor, penalty: float, config: Config, live: Live) -> dict[str, float]:
    """The divergence fields of heal_step; without a barrier there is no tau, lam, fired or pressure to report."""
    fields = {f"kl_{how}": float(torch.cat([o.d[how] for o in outs]).mean()) for how in AGGREGATES}
    fields |= {"kl": float(d.mean()), "kl_base": float(torch.cat([o.kl_base for o in outs]).mean())}
    fields["g_nll"] = float(torch.tensor([o.g_nll for o in outs]).norm())
    if config.heal.divergence != "none":
        fields |= {"tau": live.tau, "lam": live.lam, "barrier": penalty, "fired": float((d > live.tau).float().mean())}
        fields["g_bar"] = float(torch.tensor([o.g_bar for o in outs]).norm())
    return fields
