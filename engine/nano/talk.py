"""Small talk: everyday questions whose legal answers are listed in full, for replay and as text that must survive healing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from random import Random

from engine.contract.world import Prompt, Split
from engine.nano.grammar import ANSWERS, fields
from engine.nano.splits import SPLITS, templates

ITEMS: dict[Split, int] = {"train": 200, "val": 60, "test": 60}

Topics = tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
"""Of each topic the ways to ask and the ways to answer."""


@dataclass(frozen=True, eq=False)
class SmallTalk:
    """The small talk of a world: a template is (opener, way to ask). `words` fill the slots of question and answer alike, `free` those
    that an answer may choose; `key` keys every draw."""

    topics: Topics
    openers: tuple[str, ...]
    words: Mapping[str, tuple[str, ...]]
    free: Mapping[str, tuple[str, ...]]
    key: str = "smalltalk"
    _templates: dict[Split, list[tuple[int, int]]] = field(init=False)

    def __post_init__(self) -> None:
        ways = min(len(questions) for questions, _ in self.topics)
        object.__setattr__(self, "_templates", {s: templates(s, len(self.openers), ways) for s in SPLITS})

    def draw(self, split: Split, rng: Random, item: str = "drawn") -> Prompt:
        """One exchange; its slots hold the legal answers, one a line."""
        number = rng.randrange(len(self.topics))
        questions, answers = self.topics[number]
        opener, form = rng.choice(self._templates[split])
        words = {name: rng.choice(choices) for name, choices in self.words.items()}
        text = f"{self.openers[opener]} {questions[form]}".strip().format_map(words)
        legal = "\n".join(self._expand(answers, words))
        return Prompt(item, text, "neutral", f"talk{number}-{opener}-{form}", item, {ANSWERS: legal})

    def listed(self, split: Split) -> list[Prompt]:
        rng = Random(f"{self.key} {split}")
        return [self.draw(split, rng, f"talk-{split}-{i:03d}") for i in range(ITEMS[split])]

    def _expand(self, answers: tuple[str, ...], words: dict[str, str]) -> list[str]:
        """Every legal answer."""
        out = []
        for answer in answers:
            chosen = [name for name in self.free if name in fields(answer)]
            for filling in product(*(self.free[name] for name in chosen)):
                out.append(answer.format_map(words | dict(zip(chosen, filling, strict=True))))
        return out
