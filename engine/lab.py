"""What a running loop holds: model, student, trait, world, its exact size, the few results that later rounds look back at, and what
it has finished."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import msgspec
from torch import Tensor

from engine.contract.config import CONTROLS, Config
from engine.contract.files import append_line, sync
from engine.contract.hashes import sha256_file
from engine.contract.rundir import RunDir
from engine.contract.traits import TraitFile
from engine.contract.units import Extent, Unit, append_unit
from engine.contract.world import Prompt, World
from engine.controls import Controls
from engine.evaluate.evaluation import Items
from engine.evaluate.scores import Scores
from engine.evaluate.verdict import asked_for_verdict
from engine.heal.checkpoint import Checkpoints
from engine.model.adapter import Student
from engine.model.load import Loaded
from engine.resume import Past
from engine.steer.keep import Completion
from engine.steer.pool import Pool
from engine.steer.vector import Vector
from engine.tally import Tally

_ADAPTERS = tuple(
    f"{folder}/{name}"
    for folder in ("adapter", "student")
    for name in ("adapter_model.safetensors", "adapter_config.json")
)
_FILES: dict[str, tuple[str, ...]] = {
    "baseline": ("base.json",),
    "extract": ("vector.safetensors",),
    "generate": ("pool.jsonl",),
    "keep": ("healset.jsonl",),
    "bake": _ADAPTERS,
}
"""What a unit writes into the folder of its round."""


@dataclass
class Lab:
    """One run's state. `pristine` is the base's fingerprint before any adapter; `vectors` and `doses` by round; `val_metrics` of each
    healed round; `replayed` how many neutral prompts were used up."""

    config: Config
    out: RunDir
    controls: Controls
    trait: TraitFile
    world: World
    loaded: Loaded
    student: Student
    val: Items
    parameters: int
    trainable: int
    pristine: Tensor
    tally: Tally
    base_val: Scores | None = None
    vectors: dict[int, Vector] = field(default_factory=dict)
    doses: dict[int, float] = field(default_factory=dict)
    val_metrics: dict[int, dict[str, float]] = field(default_factory=dict)
    replayed: int = 0
    past: Past = field(default_factory=Past)
    reason: str = "all rounds done"
    _pools: dict[int, Pool] = field(default_factory=dict)

    @property
    def seed(self) -> int:
        return self.config.run.seed

    @cached_property
    def training(self) -> list[Prompt]:
        """The training prompts, which a world draws anew every time it is asked."""
        return self.world.prompts("train")

    @cached_property
    def verdict_prompts(self) -> list[Prompt]:
        """The training vignettes as they are asked for a verdict, their two orders of options in turn where they have two."""
        return [asked_for_verdict(v, n) for n, v in enumerate(self.world.vignettes("train"))]

    def record(self, completions: Iterable[Completion]) -> None:
        """Append to completions.jsonl in one write."""
        lines = b"\n".join(msgspec.json.encode(c) for c in completions)
        if lines:
            append_line(self.out.completions, lines)

    def pool(self, r: int) -> Pool:
        """The completions of a round that were generated so far."""
        if r not in self._pools:
            self._pools = {r: Pool(self.out.round(r) / "pool.jsonl")}
        return self._pools[r]

    def checkpoints(self, r: int) -> Checkpoints:
        """The checkpoints of a round's heal."""
        run = self.config.run
        return Checkpoints(self.out, r, every=run.checkpoint_every, keep=run.checkpoints_kept, extent=self.extent)

    def extent(self) -> Extent:
        """How far the run's files and counts have come, once what they hold is on the disk."""
        for file in (self.out.events, self.out.completions):
            sync(file)
        return Extent(
            events=_size(self.out.events),
            completions=_size(self.out.completions),
            tokens=self.tally.tokens,
            replayed=self.replayed,
        )

    def finish(self, name: str, r: int) -> None:
        """Write down that a unit is finished. Its last event must have been written before."""
        files = {str((self.out.round(r) / f).relative_to(self.out.path)) for f in _FILES.get(name, ())}
        values = {"healed": self.val_metrics.get(r, {})}.get(name, {})
        if name == "dose":
            values = {"dose": self.doses[r], "probed": float(len(self.pool(r).of("dose")))}
        hashes = {path: sha256_file(self.out.path / path) for path in sorted(files)}
        for path in hashes:
            sync(self.out.path / path)
        append_unit(self.out, Unit(name=name, round=r, extent=self.extent(), files=hashes, values=values))
        if name == "bake":
            self.checkpoints(r).clear()  # its adapter says all that they said

    def best_round(self) -> int:
        """The best of the healed rounds so far."""
        return best_of(self.val_metrics, self.config)


def best_of(rounds: Mapping[int, Mapping[str, float]], config: Config) -> int:
    """The round with the highest val trait among those above the coherence, capability and tail floors; 0 when none is.

    Of a control's rounds it is the last one: the highest of several that should not have moved would look as if it had."""
    floors = config.evaluate
    sound = [
        r
        for r, metrics in rounds.items()
        if metrics["coherence"] >= floors.coherence_floor
        and metrics["capability"] >= floors.capability_floor
        and metrics["tail_ppl"] <= floors.tail_ppl_ceiling
    ]
    if config.steer.method in CONTROLS:
        return max(sound, default=0)
    return max(sound, key=lambda r: (rounds[r]["trait_rate"], -r), default=0)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
