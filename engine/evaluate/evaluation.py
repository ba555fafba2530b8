"""The whole measurement of a subject on a split: trait, foundations, coherence and capability in one `evaluated` event."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from engine.contract.config import Config
from engine.contract.events import Evaluated, Progress
from engine.contract.world import Fact, Prompt, Vignette, World
from engine.evaluate import capability, foundations, trait
from engine.evaluate.pick import minimal_pairs, spread
from engine.evaluate.scores import Scores, changes, table
from engine.evaluate.steps import Count
from engine.evaluate.subject import Subject
from engine.steer.keep import Completion

Measured = tuple[Evaluated, Scores, list[Completion]]


@dataclass(frozen=True)
class Items:
    """The fixed items of a split."""

    split: str
    prompts: list[Prompt]
    vignettes: list[Vignette]
    facts: list[Fact]

    def __len__(self) -> int:
        return len(self.prompts) + len(self.vignettes) + len(self.facts)


def items(world: World, config: Config, split: str) -> Items:
    """Items of val or test at the sizes of the config, spread over templates and foundations."""
    assert split in ("val", "test"), split
    size = config.evaluate.test_prompts if split == "test" else config.evaluate.prompts
    return Items(
        split,
        minimal_pairs(world.prompts(split), size),  # type: ignore[arg-type]
        spread(world.vignettes(split), config.evaluate.vignettes, lambda v: v.foundation),  # type: ignore[arg-type]
        spread(world.facts(split), config.evaluate.facts, lambda f: f.cluster),  # type: ignore[arg-type]
    )


def evaluate(
    subject: Subject, world: World, measured: Items, config: Config, round_number: int, base: Scores | None
) -> Generator[Progress, None, Measured]:
    """Measure a subject as its gates stand, telling how far it is. With `base` the event also holds paired changes and intervals."""
    seed, size = config.run.seed, config.evaluate.batch_size
    count = Count(len(measured))
    first = trait.measure(subject, world, measured.prompts, config.evaluate, seed, round_number)
    scores, records = yield from count.along(first)
    for part in (
        foundations.measure(subject, measured.vignettes, size, seed),
        capability.measure(subject, measured.facts, size, seed),
    ):
        scores.items |= (yield from count.along(part)).items
    metrics, ci, n = table(scores, config.evaluate.bootstrap, seed)
    change, change_ci = changes(scores, base, config.evaluate.bootstrap, seed) if base is not None else ({}, {})
    event = Evaluated(
        round=round_number,
        stage="evaluate",
        subject=subject.name,
        split=measured.split,  # type: ignore[arg-type]
        metrics=metrics,
        ci=ci,
        n=n,
        dropped=scores.dropped,
        vector=subject.vector.method if subject.vector else "none",
        dose=subject.dose,
        change=change,
        change_ci=change_ci,
    )
    return event, scores, records
