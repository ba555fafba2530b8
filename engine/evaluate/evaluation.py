"""The whole measurement of a subject on a split: trait, foundations, coherence and capability in one `evaluated` event.

Where vignettes are asked by number (the English world), first-person dilemmas stand beside them, and selectivity against the base and the
comparison with people's ratings are worked out of the same scores."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field

from engine.contract.config import Config
from engine.contract.events import Evaluated, Progress
from engine.contract.world import Dilemma, Fact, FirstPerson, Prompt, Vignette, World
from engine.evaluate import capability, enumerated, foundations, human, trait
from engine.evaluate.pick import minimal_pairs, spread
from engine.evaluate.scores import Scores, Table, changes, table
from engine.evaluate.selectivity import selectivity
from engine.evaluate.steps import Count
from engine.evaluate.subject import Subject
from engine.evaluate.thinking import Thinking, Thought
from engine.steer.keep import Completion

Measured = tuple[Evaluated, Scores, list[Completion]]


@dataclass(frozen=True)
class Items:
    """The fixed items of a split."""

    split: str
    prompts: list[Prompt]
    vignettes: list[Vignette]
    facts: list[Fact]
    dilemmas: list[Dilemma] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.prompts) + len(self.vignettes) + len(self.facts) + len(self.dilemmas)

    @property
    def numbered(self) -> bool:
        """Whether the vignettes are asked by number."""
        return bool(self.vignettes and self.vignettes[0].asked)


def items(world: World, config: Config, split: str) -> Items:
    """Items of val or test at the sizes of the config, spread over templates and foundations."""
    assert split in ("val", "test"), split
    size = config.evaluate.test_prompts if split == "test" else config.evaluate.prompts
    return Items(
        split,
        minimal_pairs(world.prompts(split), size),  # type: ignore[arg-type]
        spread(world.vignettes(split), config.evaluate.vignettes, lambda v: v.foundation),  # type: ignore[arg-type]
        spread(world.facts(split), config.evaluate.facts, lambda f: f.cluster),  # type: ignore[arg-type]
        _dilemmas(world, config.evaluate.vignettes, split),
    )


def _dilemmas(world: World, size: int, split: str) -> list[Dilemma]:
    """A dilemma for every two vignettes at most, spread over the foundations of the first action."""
    found = world.dilemmas(split) if isinstance(world, FirstPerson) else []  # type: ignore[arg-type]
    return spread(found, max(1, size // 2), lambda d: d.asked[0].order[0])


def evaluate(
    subject: Subject, world: World, measured: Items, config: Config, round_number: int, base: Scores | None
) -> Generator[Progress, None, Measured]:
    """Measure a subject as its gates stand, telling how far it is. With `base` the event also holds paired changes and intervals."""
    seed, size = config.run.seed, config.evaluate.batch_size
    count = Count(len(measured))
    first = trait.measure(subject, world, measured.prompts, config.evaluate, seed, round_number)
    scores, records = yield from count.along(first)
    thinking = Thinking(config.evaluate, seed) if config.evaluate.thinking_tokens else None
    parts = [
        enumerated.measure(subject, measured.vignettes, size, seed, thinking)
        if measured.numbered
        else foundations.measure(subject, measured.vignettes, size, seed),
        capability.measure(subject, measured.facts, size, seed),
    ]
    if measured.dilemmas:
        parts.append(enumerated.first_person(subject, measured.dilemmas, size, thinking))
    for part in parts:
        scores.items |= (yield from count.along(part)).items
    metrics, ci, n = table(scores, config.evaluate.bootstrap, seed)
    if measured.numbered:
        for found, into in zip(_worked_out(subject, measured, config, scores, base), (metrics, ci, n), strict=True):
            into |= found  # type: ignore[operator]
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
        thinking_tokens=config.evaluate.thinking_tokens if measured.numbered else 0,
    )
    return (
        event,
        scores,
        records + [_thought(subject, round_number, t) for t in (thinking.thoughts if thinking else [])],
    )


def _thought(subject: Subject, round_number: int, thought: Thought) -> Completion:
    """A thought as a record, beside the answers."""
    return Completion(
        id=f"r{round_number}-{subject.name}-{thought.name}", round=round_number, subject=subject.name, probe="thinking",
        prompt=thought.question, dose=subject.dose, text=thought.text, scores={}, label="", kept=True, reason="",
    )  # fmt: skip


def _worked_out(subject: Subject, measured: Items, config: Config, scores: Scores, base: Scores | None) -> Table:
    """Selectivity against the base, and the comparison with people where the vignettes bring ratings."""
    resamples, seed = config.evaluate.bootstrap, config.run.seed
    metrics, ci, n = human.compare(scores, measured.vignettes, resamples, seed)
    if base is not None:
        found = selectivity(scores, base, subject.trait.axis, resamples, seed)
        metrics["selectivity"], ci["selectivity"] = found.value, (found.low, found.high)
        n["selectivity"] = len(measured.vignettes)
    return metrics, ci, n
