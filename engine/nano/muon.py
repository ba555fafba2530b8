"""Muon: momentum whose update is orthogonalised, for the matrices inside the blocks (Jordan et al. 2024, a fresh implementation).

    m <- mu m + g;   u = msign(g + mu m);   W <- (1 - lr wd) W - lr sqrt(max(1, rows / columns)) u

msign is approximated by five Newton-Schulz steps. Matrices of one shape are stacked, so that each step is a few large products.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

A, B, C = 3.4445, -4.7750, 2.0315
"""The quintic's coefficients: fast growth of small singular values, at the price of ending within about .7 to 1.2."""


def msign(g: Tensor, steps: int = 5) -> Tensor:
    """Orthogonal factor of each matrix of a stack [n, r, c], approximately."""
    wide = g.shape[-2] <= g.shape[-1]
    x = g if wide else g.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = A * x + (B * gram + C * gram @ gram) @ x
    out: Tensor = x if wide else x.mT
    return out


class Muon(torch.optim.Optimizer):
    """For two-dimensional parameters only; norms and embeddings belong to AdamW."""

    def __init__(
        self, params: list[torch.nn.Parameter], lr: float, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        if any(p.ndim != 2 for p in params):
            raise ValueError("Muon takes matrices only: give vectors and embeddings to AdamW")
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update every matrix, those of one shape together."""
        for group in self.param_groups:
            shapes: dict[torch.Size, list[torch.nn.Parameter]] = {}
            for p in group["params"]:
                if p.grad is not None:
                    shapes.setdefault(p.shape, []).append(p)
            for shape, params in shapes.items():
                self._update(params, shape, group)

    def _update(self, params: list[torch.nn.Parameter], shape: torch.Size, group: dict[str, Any]) -> None:
        lr, mu = group["lr"], group["momentum"]
        looks = []
        for p in params:
            buffer = self.state[p].setdefault("momentum", torch.zeros_like(p))
            assert p.grad is not None
            buffer.mul_(mu).add_(p.grad)
            looks.append(p.grad + mu * buffer)
        scale = max(1.0, shape[0] / shape[1]) ** 0.5
        for p, u in zip(params, msign(torch.stack(looks)), strict=True):
            p.mul_(1 - lr * group["weight_decay"]).add_(u, alpha=-lr * scale)
