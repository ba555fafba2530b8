"""Checkpoints within a heal: adapter, optimizer, place in the sample order and the losses so far, written whole or not at all.

Order, init and noise are keyed, so a heal that goes on from one is the heal that was never interrupted, to the bit.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from engine.contract.errors import BadInput
from engine.contract.events import CheckpointSaved
from engine.contract.hashes import sha256
from engine.contract.rundir import RunDir
from engine.contract.units import (
    Checkpoint,
    Extent,
    checkpoint_folders,
    newest_checkpoint,
    read_checkpoint,
    write_checkpoint,
)


@dataclass
class Progress:
    """Where a heal stands. `group` optimizer steps of `epoch` (from 1) are done; `distances` are the D of their samples; `highest` is
    the highest D of the finished epochs."""

    step: int = 0
    epoch: int = 1
    group: int = 0
    validation: list[float] = field(default_factory=list)
    nll: list[tuple[float, int]] = field(default_factory=list)
    distances: list[Tensor] = field(default_factory=list)
    highest: float = 0.0

    def next_epoch(self) -> None:
        """Start the next epoch with nothing seen of it."""
        self.epoch, self.group, self.nll, self.distances = self.epoch + 1, 0, [], []


class Checkpoints:
    """The checkpoints of one round: one each `every` steps and at every epoch's end; the newest `keep` and the best epoch's stay."""

    def __init__(self, out: RunDir, round_number: int, *, every: int, keep: int, extent: Callable[[], Extent]) -> None:
        self._out, self._round, self._every, self._keep, self._extent = out, round_number, every, keep, extent
        self._folder = out.round(round_number) / "checkpoints"

    def due(self, step: int) -> bool:
        """Whether a step within an epoch is to be saved."""
        return step % self._every == 0

    def save(
        self, at: Progress, parameters: Sequence[nn.Parameter], optimizer: torch.optim.Optimizer
    ) -> CheckpointSaved:
        """Write where the heal stands, then drop what is no longer kept. Raises OSError when the disk has no room; older ones stay."""
        tensors = {f"adapter.{i}": p.detach() for i, p in enumerate(parameters)}
        for i, p in enumerate(parameters):
            tensors |= {f"optimizer.{name}.{i}": value for name, value in optimizer.state[p].items()}
        if at.distances:
            tensors["distances"] = torch.cat(at.distances)
        data = save({name: t.detach().cpu().contiguous() for name, t in tensors.items()})
        checkpoint = Checkpoint(
            step=at.step, epoch=at.epoch, group=at.group, validation=at.validation, nll=at.nll, highest=at.highest,
            extent=self._extent(), sha256=sha256(data),
        )  # fmt: skip
        folder = self._folder / f"{at.step:06d}"
        write_checkpoint(folder, checkpoint, data)
        self._prune()
        return CheckpointSaved(path=str(folder.relative_to(self._out.path)), sha256=checkpoint.sha256)

    def restore(
        self, parameters: Sequence[nn.Parameter], optimizer: torch.optim.Optimizer
    ) -> tuple[Progress | None, list[str]]:
        """Put adapter and optimizer back as the newest intact checkpoint has them; where it stood, and what is wrong with newer ones."""
        folder, damaged = newest_checkpoint(self._out, self._round)
        if folder is None:
            return None, damaged
        checkpoint, tensors = read_checkpoint(folder), load_file(folder / "tensors.safetensors")
        _fill(parameters, tensors)
        for i, p in enumerate(parameters):
            state = {
                n.split(".")[1]: t for n, t in tensors.items() if n.startswith("optimizer.") and n.endswith(f".{i}")
            }
            optimizer.state[p] = {n: t if n == "step" else t.to(p.device) for n, t in state.items()}
        seen = [tensors["distances"].to(parameters[0].device)] if "distances" in tensors else []
        return Progress(
            checkpoint.step, checkpoint.epoch, checkpoint.group, list(checkpoint.validation),
            [(n, t) for n, t in checkpoint.nll], seen, checkpoint.highest,
        ), damaged  # fmt: skip

    def newest(self) -> str:
        """The newest intact checkpoint's path in the run folder, '' when there is none."""
        folder, _ = newest_checkpoint(self._out, self._round)
        return str(folder.relative_to(self._out.path)) if folder else ""

    def best(self) -> tuple[Path, Checkpoint] | None:
        """The finished epoch with the lowest validation loss, None before the first."""
        ends = [(folder, c) for folder, c in self._intact() if c.epoch_end]
        return min(ends, key=lambda found: (found[1].validation[-1], found[1].step), default=None)

    def take_best(self, parameters: Sequence[nn.Parameter]) -> Checkpoint:
        """Put the adapter back as the best epoch had it. Raises BadInput when no epoch was finished."""
        found = self.best()
        if found is None:
            raise BadInput(f"{self._folder} holds no finished epoch to go back to")
        _fill(parameters, load_file(found[0] / "tensors.safetensors"))
        return found[1]

    def clear(self) -> None:
        """Drop them all: the round is baked."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _prune(self) -> None:
        folders = checkpoint_folders(self._out, self._round)
        best = self.best()
        for folder in folders[: -self._keep]:
            if best is None or folder != best[0]:
                shutil.rmtree(folder, ignore_errors=True)

    def _intact(self) -> list[tuple[Path, Checkpoint]]:
        found = []
        for folder in checkpoint_folders(self._out, self._round):
            try:
                found.append((folder, read_checkpoint(folder)))
            except BadInput:
                continue
        return found


def _fill(parameters: Sequence[nn.Parameter], tensors: dict[str, Tensor]) -> None:
    with torch.no_grad():
        for i, p in enumerate(parameters):
            p.copy_(tensors[f"adapter.{i}"])
