"""What a running loop holds: model, student, trait, world, its exact size, and the few results that later rounds look back at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec
from torch import Tensor

from engine.contract.config import CONTROLS, Config
from engine.contract.files import append_line
from engine.contract.rundir import RunDir
from engine.contract.traits import TraitFile
from engine.contract.world import World
from engine.controls import Controls
from engine.evaluate.evaluation import Items
from engine.evaluate.scores import Scores
from engine.model.adapter import Student
from engine.model.load import Loaded
from engine.steer.keep import Completion
from engine.steer.vector import Vector
from engine.tally import Tally


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
    reason: str = "all rounds done"

    @property
    def seed(self) -> int:
        return self.config.run.seed

    def record(self, completions: Iterable[Completion]) -> None:
        """Append to completions.jsonl in one write."""
        lines = b"\n".join(msgspec.json.encode(c) for c in completions)
        if lines:
            append_line(self.out.completions, lines)

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
