"""Thinking before a forced choice by number: the model writes at most so many tokens of its own, and only then the number is scored.

A thought is sampled at the temperature of the answers, with noise keyed by (seed, question), so that all subjects of a run share it; a
steered subject thinks under its vector, a prompted one under its persona. What it wrote is cut where it ended its thought or began the
answer, and closed. Values of different numbers of tokens are not comparable: between 1 and 256 they differ by up to ten times (KB45)."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import NamedTuple

from engine.contract.config import Evaluate
from engine.contract.world import Enumerated
from engine.evaluate.subject import Subject


class Thought(NamedTuple):
    """What was thought of a question, as it was written, before it was cut and closed."""

    name: str
    question: str
    text: str


class Thinking:
    """Makes a subject think, and keeps what it thought."""

    def __init__(self, config: Evaluate, seed: int) -> None:
        self._config, self._seed = config, seed
        self.thoughts: list[Thought] = []

    def before(
        self, subject: Subject, names: Sequence[str], asked: Sequence[tuple[Enumerated, ...]], lead: str
    ) -> Generator[int, None, list[list[list[int]]]]:
        """The prompt ids of every question of every item, with the thought that comes before an answer that begins with `lead`. Yields
        0 after each batch: nothing is measured yet."""
        chat, pairs = subject.loaded.chat, list(zip(names, asked, strict=True))
        opened = [chat.thinking(subject.prompt(q.text, name)) for name, item in pairs for q in item]
        keys = [f"thinking-{name}-{n}" for name, item in pairs for n in range(len(item))]
        steps = subject.answering(
            opened, keys, self._seed, temperature=self._config.temperature, max_new_tokens=self._config.thinking_tokens,
            batch_size=self._config.batch_size,
        )  # fmt: skip
        thought = yield from _silently(steps)
        closed = [ids + chat.concluded(t, lead) for ids, t in zip(opened, thought, strict=True)]
        questions = [q.text for item in asked for q in item]
        self.thoughts += map(Thought, keys, questions, map(chat.text, thought))
        ends = iter(closed)
        return [[next(ends) for _ in item] for item in asked]


def _silently(steps: Generator[int, None, list[list[int]]]) -> Generator[int, None, list[list[int]]]:
    """A measurement that tells it is alive and counts nothing."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        yield 0
