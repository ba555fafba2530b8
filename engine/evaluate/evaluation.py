"""The whole measurement of a subject on a split: trait, foundations, coherence and capability in one `evaluated` event."""

from __future__ import annotations

from dataclasses import dataclass

from engine.contract.config import Config
from engine.contract.events import Evaluated
from engine.contract.world import Fact, Prompt, Vignette, World
from engine.evaluate import capability, foundations, trait
from engine.evaluate.pick import minimal_pairs, spread
from engine.evaluate.scores import Scores, changes, table
from engine.evaluate.subject import Subject
from engine.steer.keep import Completion


@dataclass(frozen=True)
class Items:
    """The fixed items of a split."""

    split: str
    prompts: list[Prompt]
    vignettes: list[Vignette]
    facts: list[Fact]


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
) -> tuple[Evaluated, Scores, list[Completion]]:
    """Measure a subject as its gates stand. With `base` the event also holds paired changes and their intervals."""
    seed, size = config.run.seed, config.evaluate.batch_size
    scores, records = trait.measure(subject, world, measured.prompts, config.evaluate, seed, round_number)
    for part in (
        foundations.measure(subject, measured.vignettes, size, seed),
        capability.measure(subject, measured.facts, size, seed),
    ):
        scores.items |= part.items
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
