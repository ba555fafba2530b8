"""Units of the feed-forward layers that never fire on the round's texts, in the newest baked student and in the base.

A unit is one input of the matrix that leads from the intermediate width back to the model's: it is dead when its activation never leaves
a thousandth of the layer's own root mean square on any token."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from einops import rearrange
from torch import Tensor, nn

from engine.contract.probed import ProbeRecord
from engine.model.forward import auto_batch, by_length, hidden, pad
from engine.probe.specimen import Specimen

SMALL = 1e-3
MOST = 0.1
"""Dead share of a layer's units up to which it is healthy: gated units of trained models rarely fall silent altogether."""


@torch.no_grad()
def dead(specimen: Specimen) -> ProbeRecord:
    """Record dead_units: the largest dead fraction of any block. The student stays on its newest history afterwards."""
    outlets = _outlets(specimen)
    if not outlets:
        return ProbeRecord(
            probe="dead_units", verdict="not measured: no block has a matrix from its intermediate width to the model's"
        )
    with specimen.student.base():
        base = _fractions(specimen, outlets)
    if specimen.healed is not None and specimen.healed[0] != specimen.student.folded:
        specimen.student.load_history(specimen.healed[1], specimen.healed[0])
    with specimen.student.gates(history=1.0, current=0.0):
        found = _fractions(specimen, outlets)
    where = max(found, key=lambda name: found[name])
    told = "few enough" if found[where] <= MOST else "much of the layer does nothing on these texts"
    return ProbeRecord(
        probe="dead_units", value=found[where], healthy=(0.0, MOST), unit="fraction", per_layer=found,
        verdict=f"{found[where]:.1%} of the units of {where} never fire in {specimen.standing} ({base[where]:.1%} in the base): {told}",
    )  # fmt: skip


def _outlets(specimen: Specimen) -> dict[str, nn.Linear]:
    """Of each block, by its path, the matrix whose inputs are the feed-forward units."""
    text = specimen.student.loaded.model.config.get_text_config()
    inner, outer = getattr(text, "intermediate_size", 0), text.hidden_size
    found: dict[str, nn.Linear] = {}
    for name, block in specimen.blocks().items():
        for module in block.modules():
            if isinstance(module, nn.Linear) and (module.in_features, module.out_features) == (inner, outer):
                found[name] = module
    return found


def _fractions(specimen: Specimen, outlets: dict[str, nn.Linear]) -> dict[str, float]:
    """Dead fraction of each block as the gates stand."""
    loaded, rows = specimen.student.loaded, specimen.texts.rows
    peak: dict[str, Tensor] = {}
    square: dict[str, Tensor] = {}
    count = 0
    for chunk in by_length([len(r.prompt) + len(r.completion) for r in rows], auto_batch(loaded)):
        batch = pad([rows[i].prompt + rows[i].completion for i in chunk], loaded.chat.pad, loaded.device, left=False)
        real = rearrange(batch.mask.bool(), "b t -> (b t)")
        with _inputs(outlets) as seen:
            hidden(loaded.model, batch)
        for name, x in seen.items():
            units = rearrange(x.float(), "b t d -> (b t) d")[real].abs()
            peak[name] = torch.maximum(peak[name], units.amax(0)) if name in peak else units.amax(0)
            square[name] = square.get(name, units.new_zeros(())) + units.square().sum()
        count += int(real.sum())
    return {
        name: float((peak[name] < SMALL * (square[name] / (count * peak[name].numel())).sqrt()).float().mean())
        for name in outlets
    }


@contextmanager
def _inputs(outlets: dict[str, nn.Linear]) -> Iterator[dict[str, Tensor]]:
    """What each matrix is given within the block."""
    seen: dict[str, Tensor] = {}

    def keep(name: str) -> object:
        def hook(module: nn.Module, args: tuple[Tensor, ...]) -> None:
            seen[name] = args[0]

        return hook

    handles = [module.register_forward_pre_hook(keep(name)) for name, module in outlets.items()]  # type: ignore[arg-type]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()
