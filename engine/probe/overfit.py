"""One batch, over and over: a student that cannot learn a handful of texts by heart has a fault that no learning rate mends."""

from __future__ import annotations

import math

import torch

from engine.contract.probed import ProbeRecord, finite
from engine.heal.guards import Finetune, resolve
from engine.model.forward import Row
from engine.probe.objective import Objective
from engine.probe.specimen import Specimen

STEPS = 200
"""Optimizer steps in which one batch is memorised by whatever can learn at all (FAULTS: stuck near ln V)."""
MEMORISED = 0.05
"""Nats a token under which a batch counts as memorised, or a tenth of what it began with where that is more: the texts of a model
with random weights are noise, which a small adapter does not learn to the last bit."""
ROWS = 8


def overfit(specimen: Specimen) -> ProbeRecord:
    """Record overfit: nats a token on one batch after at most 200 steps of the likelihood alone, at the regime's own rate, so that
    the verdict is about the graph and not about heal.lr or the barrier."""
    specimen.renew()
    rows = one_batch(specimen.texts.rows)
    objective = Objective(specimen, rows, plain=True)
    optimizer = torch.optim.AdamW(specimen.parameters, lr=resolve(Finetune()).lr, betas=(0.9, 0.95), weight_decay=0.0)
    group = [list(range(len(rows)))]
    first = nll = objective.backward(group).nll
    limit = max(MEMORISED, first / 10)
    step = 0
    while step < STEPS and nll > limit and math.isfinite(nll):
        if not float(torch.nn.utils.clip_grad_norm_(specimen.parameters, 1.0)):
            break  # no gradient at all: more steps would not move anything
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
        nll = objective.backward(group).nll
    specimen.renew()
    return ProbeRecord(
        probe="overfit", value=finite(nll), healthy=(0.0, limit), unit="nats/token",
        verdict=f"{len(rows)} texts, {first:.2f} nats a token at first, {nll:.3f} after {step} steps: {_said(first, nll, limit)}",
    )  # fmt: skip


def _said(first: float, nll: float, limit: float) -> str:
    if not math.isfinite(nll):
        return "the loss is not finite; see the gradient probe"
    if nll <= limit:
        return "memorised"
    if nll > 0.9 * first:
        return "nothing is learnt: look for a cut graph, masked labels or a doubled softmax before touching the rate"
    return "not memorised: the adapter is too small for one batch, or part of it is cut off"


def one_batch(rows: list[Row]) -> list[Row]:
    """The first texts of different prompts: two answers to one prompt cannot both be known by heart."""
    chosen: dict[tuple[int, ...], Row] = {}
    for row in rows:
        chosen.setdefault(tuple(row.prompt), row)
        if len(chosen) == ROWS:
            break
    return list(chosen.values())
