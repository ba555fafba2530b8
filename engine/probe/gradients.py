"""The first steps of a round once more, layer by layer: gradient norms, how far an update moves the weights, and what gets no gradient.

    gradient norm   ||d loss / d (A, B)|| before clipping, of all layers, and of each block
    update ratio    ||change of (alpha / r) B A in one step|| / ||W||, over the adapted matrices W

B starts at 0, where A has no gradient yet: a parameter is frozen when its gradient is None or exactly 0 in every step,
or when it never changes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

import torch
from peft.tuners.lora import LoraLayer
from peft.utils.integrations import dequantize_module_weight
from torch import Tensor, nn

from engine.contract.probed import ProbeRecord, finite
from engine.heal.data import batches
from engine.heal.schedule import learning_rate
from engine.model.adapter import ROUND
from engine.probe.objective import Objective
from engine.probe.specimen import Specimen

STEPS = 12
"""Optimizer steps that are repeated; the second half of them is measured, when B has left 0 and a short warmup is over."""
NORM = (0.01, 10.0)
"""0.1 to 10 is healthy where a large model is finetuned (Axolotl); rounds of the embedded model that heal well have .025 to .9."""
EXPLODING = 100.0
RATIO = (1e-3, 70.0)
"""Norm of the first adapted block over the last one's (AutoTrainer: vanishing below, exploding above)."""
VANISHED = 1e-4
"""The first block's norm under which a small ratio is a vanishing gradient and not just an uneven one (AutoTrainer)."""
UPDATE = (1e-5, 1e-2)
"""About 1e-3 of the weights a step is usual at the peak of a schedule, 1e-2 already wipes out what was learnt."""


@dataclass
class Steps:
    """What the steps came to. Norms and ratios by parameter or module path, one value a step."""

    total: list[float] = field(default_factory=list)
    norms: dict[str, list[float]] = field(default_factory=dict)
    updates: dict[str, list[float]] = field(default_factory=dict)
    moved: set[str] = field(default_factory=set)
    leaked: dict[str, float] = field(default_factory=dict)
    broken: str = ""


def gradients(specimen: Specimen) -> Iterator[ProbeRecord]:
    """Records frozen, leaks, gradient_norm, gradient_ratio and update_ratio (FAULTS: exploding, vanishing, frozen; S3)."""
    steps = _repeat(specimen)
    yield from _connections(steps)
    if steps.broken:
        yield ProbeRecord(probe="gradient_norm", healthy=NORM, verdict=steps.broken)
        return
    blocks = _block_norms(specimen, steps)
    yield _norm(steps, blocks)
    yield _ratio(blocks)
    yield _update(steps)


def _repeat(specimen: Specimen) -> Steps:
    """Train for STEPS as the round does: its order, its schedule, its clipping."""
    specimen.renew()
    knobs, rows = specimen.config.heal, specimen.texts.rows
    objective = Objective(specimen, rows)
    optimizer = torch.optim.AdamW(
        specimen.parameters, lr=knobs.lr, betas=(0.9, knobs.beta2), weight_decay=knobs.weight_decay
    )
    with specimen.student.base():
        weights = {path: _weight_norm(layer) for path, layer in _layers(specimen).items()}
    names, found = specimen.names(), Steps()  # after the norms: reading a 4-bit weight on a CPU wraps it anew
    everywhere = [(names[id(p)], p) for p in specimen.student.loaded.model.parameters()]
    own = {id(p) for p in specimen.parameters}
    per_epoch = math.ceil(math.ceil(len(rows) / knobs.batch_size) / knobs.accumulation)
    for step, groups in enumerate(_plan(specimen, STEPS)):
        losses = objective.backward(groups)
        found.leaked |= {
            name: float(p.grad.norm()) for name, p in everywhere if id(p) not in own and p.grad is not None
        }
        _note_norms(specimen, names, found)
        total = float(nn.utils.clip_grad_norm_(specimen.parameters, knobs.max_grad_norm))
        if not (math.isfinite(losses.nll + losses.barrier) and math.isfinite(total)):
            found.broken = _not_finite(step + 1, losses.nll + losses.barrier, found)
            break
        found.total.append(total)
        before = [p.detach().clone() for p in specimen.parameters]
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(knobs, step, max(STEPS, per_epoch * knobs.epochs))
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        _note_changes(specimen, names, before, weights, found)
    specimen.renew()
    return found


def _plan(specimen: Specimen, count: int) -> Iterator[list[list[int]]]:
    """The round's optimizer steps in its own order, epoch after epoch."""
    knobs, done, epoch = specimen.config.heal, 0, 0
    while True:
        found = list(
            batches(len(specimen.texts.rows), knobs.batch_size, specimen.config.run.seed, specimen.round_number, epoch)
        )
        for start in range(0, len(found), knobs.accumulation):
            if done == count:
                return
            yield found[start : start + knobs.accumulation]
            done += 1
        epoch += 1


def _note_norms(specimen: Specimen, names: dict[int, str], found: Steps) -> None:
    for p in specimen.parameters:
        norm = 0.0 if p.grad is None else float(p.grad.norm())
        found.norms.setdefault(names[id(p)], []).append(norm)


@torch.no_grad()
def _note_changes(
    specimen: Specimen, names: dict[int, str], before: Sequence[Tensor], weights: dict[str, float], found: Steps
) -> None:
    pairs = list(zip(specimen.parameters, before, strict=True))
    found.moved |= {names[id(p)] for p, b in pairs if not torch.equal(p, b)}
    old = {id(p): b for p, b in pairs}
    for path, layer in _layers(specimen).items():
        a, b = (cast(Tensor, side[ROUND].weight) for side in (layer.lora_A, layer.lora_B))
        change = layer.lora_alpha[ROUND] / layer.r[ROUND] * _product_change(a, b, old[id(a)], old[id(b)])
        found.updates.setdefault(path, []).append(change / max(weights[path], 1e-30))


def _product_change(a: Tensor, b: Tensor, old_a: Tensor, old_b: Tensor) -> float:
    """||B A - B' A'|| (Frobenius) from the small factors: B (A - A') + (B - B') A' = [B, B - B'] [A - A'; A']."""
    left = torch.cat([b, b - old_b], dim=1).double()
    right = torch.cat([a - old_a, old_a], dim=0).double()
    return math.sqrt(max(0.0, float(((left.T @ left) * (right @ right.T)).sum())))


def _layers(specimen: Specimen) -> dict[str, LoraLayer]:
    """The adapted layers by the path of the matrix they adapt."""
    model = specimen.student.loaded.model
    return {name: m for name, m in model.named_modules() if isinstance(m, LoraLayer)}


def _weight_norm(layer: LoraLayer) -> float:
    """Frobenius norm of the adapted matrix, in full precision when it is quantised."""
    return float(dequantize_module_weight(layer.get_base_layer()).detach().float().norm())


def _connections(steps: Steps) -> Iterator[ProbeRecord]:
    lost = [n for n, norms in steps.norms.items() if not any(norms) or not (steps.broken or n in steps.moved)]
    said = f"all {len(steps.norms)} trainable matrices get a gradient and move"
    if lost:
        said = f"{len(lost)} of {len(steps.norms)} trainable matrices get no gradient or never move: {_few(lost)}"
    yield ProbeRecord(
        probe="frozen", value=float(len(lost)), healthy=(0.0, 0.0), unit="matrices", verdict=said,
        per_layer=dict.fromkeys(lost, 0.0),
    )  # fmt: skip
    leaks = {name: norm for name, norm in steps.leaked.items() if math.isfinite(norm)}
    said = "no gradient reaches a weight outside the adapter"
    if leaks:
        said = f"{len(leaks)} weights outside the adapter get a gradient: {_few(list(leaks))}"
    yield ProbeRecord(
        probe="leaks", value=float(len(leaks)), healthy=(0.0, 0.0), unit="weights", verdict=said, per_layer=leaks
    )


def _not_finite(step: int, loss: float, found: Steps) -> str:
    bad = [name for name, norms in found.norms.items() if not math.isfinite(norms[-1])]
    if not math.isfinite(loss):
        return f"the loss is {loss} at step {step}: the fault is in the forward pass or in the data"
    return f"the gradient is not finite at step {step} while the loss is {loss:.3f}: the fault is in the backward pass, in {_few(bad)}"


def _block_norms(specimen: Specimen, steps: Steps) -> dict[str, float]:
    """The gradient norm of each block that has an adapter, the median over the measured steps."""
    names, found = specimen.names(), {}
    for path, block in specimen.blocks().items():
        inside = [steps.norms[names[id(p)]] for p in block.parameters() if names[id(p)] in steps.norms]
        if inside:
            found[path] = _median([math.hypot(*step) for step in zip(*inside, strict=True)])
    return found


def _norm(steps: Steps, blocks: dict[str, float]) -> ProbeRecord:
    value = _median(steps.total)
    low, high = NORM
    where = max(blocks, key=lambda name: blocks[name])
    if value > EXPLODING:
        said = f"exploding, most in {where}: lower heal.lr or mend what feeds it"
    elif value > high:
        said = f"above the usual 0.1 to 10, most in {where}"
    elif value < low:
        said = "next to nothing pulls: the texts are already what the student says, or the graph is cut"
    else:
        said = f"as it should be; most in {where}"
    return ProbeRecord(
        probe="gradient_norm", value=finite(value), healthy=NORM, per_layer=blocks,
        verdict=f"{value:.3g} before clipping, median of {len(steps.total) // 2} steps: {said}",
    )  # fmt: skip


def _ratio(blocks: dict[str, float]) -> ProbeRecord:
    (first, a), (last, b) = next(iter(blocks.items())), list(blocks.items())[-1]
    if not b:
        return ProbeRecord(
            probe="gradient_ratio", healthy=RATIO, verdict=f"{last} gets no gradient: there is no ratio to it"
        )
    value = a / b
    low, high = RATIO
    said = "even enough"
    if value > high:
        said = "gradients grow on their way down: they explode towards the first block"
    elif value < low:
        said = "gradients vanish on their way down" if a < VANISHED else "uneven, yet the first block still learns"
    return ProbeRecord(
        probe="gradient_ratio", value=finite(value), healthy=RATIO,
        verdict=f"{first} has {value:.3g} times the gradient of {last}: {said}",
    )  # fmt: skip


def _update(steps: Steps) -> ProbeRecord:
    per_layer = {path: _median(ratios) for path, ratios in steps.updates.items()}
    value = _median(list(per_layer.values()), whole=True)
    low, high = UPDATE
    said = "about 1e-3 of the weights is usual"
    if value < low:
        said = "far under the usual 1e-3: the rate moves nothing, raise heal.lr"
    elif value > high:
        said = "far over the usual 1e-3: the rate overwrites what was learnt, lower heal.lr"
    return ProbeRecord(
        probe="update_ratio", value=finite(value), healthy=UPDATE, per_layer=per_layer,
        verdict=f"a step changes a matrix by {value:.2g} of its norm, median over {len(per_layer)} matrices: {said}",
    )  # fmt: skip


def _median(values: Sequence[float], *, whole: bool = False) -> float:
    """The median of the measured steps, the second half; of all values when `whole`."""
    measured = values if whole else values[len(values) // 2 :]
    return float(torch.tensor(measured, dtype=torch.float64).median())


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown
