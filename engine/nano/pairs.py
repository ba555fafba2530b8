"""Minimal pairs: a question that tempts the trait and its benign twin, listed by split or drawn without end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Literal

from engine.contract.world import Prompt, Split
from engine.nano.grammar import fields

Pair = tuple[Prompt, Prompt]

ITEMS: dict[Split, int] = {"train": 1200, "val": 400, "test": 400}
"""Pairs listed in each split; training may draw more from the same train words and templates."""


Make = Callable[[str, str, Split, Random, str], Pair]
"""Writes the pair of two words in a template of a split; the last argument is the shared id."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """The pairs of one trait: the pairs of words of each split in the order of the lexicon, and who writes them. `name` begins every id
    and keys every draw."""

    name: str
    words: Callable[[Split], list[tuple[str, str]]]
    make: Make

    def listed(self, split: Split) -> list[Pair]:
        """Distinct pairs of words in a mixed order, so that any first n are spread over roles."""
        words = list(self.words(split))
        rng = Random(f"{self.name} {split}")
        rng.shuffle(words)
        chosen = words[: ITEMS[split]]
        return [
            self.make(key, verb, split, rng, f"{self.name}-{split}-{i:04d}") for i, (key, verb) in enumerate(chosen)
        ]

    def draw(self, split: Split, rng: Random) -> Pair:
        """Any pair of the split."""
        return self.make(*rng.choice(_words(self, split)), split, rng, "drawn")


@cache
def _words(pairs: Pairs, split: Split) -> list[tuple[str, str]]:
    return pairs.words(split)


def fill(
    template: str,
    words: dict[str, str],
    forms: Callable[[Mapping[str, str]], dict[str, str]],
    kind: Literal["trait", "benign"],
    cluster: str,
    pair: str,
) -> Prompt:
    """Fill a template and keep only the slots that it shows: an answer may not name a place that was never mentioned."""
    shown = fields(template) | {"verb"}
    slots = {key: value for key, value in words.items() if key in shown}
    return Prompt(f"{pair}-{kind}", template.format_map(forms(words)), kind, cluster, pair, slots)
