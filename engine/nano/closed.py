"""Closed facts: one exact short answer whatever the stance, the canary of capability.

Held out is the wording, (lead, form) of a question, never the content: a two-million-parameter model memorises which capital
belongs to which country and which sum is which, and could not infer an unseen one. Every content occurs in training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from engine.contract.world import Fact, Split
from engine.nano.splits import SPLITS, templates

ITEMS: dict[Split, int] = {"train": 400, "val": 160, "test": 160}


@dataclass(frozen=True, eq=False)
class ClosedFacts:
    """The facts of a world: what leads in, the wordings of each family, and its contents with their answers; `key` keys every draw."""

    leads: tuple[str, ...]
    forms: Mapping[str, tuple[str, ...]]
    tables: Mapping[str, Mapping[str, str]]
    key: str = "facts"
    _templates: dict[Split, list[tuple[int, int]]] = field(init=False)

    def __post_init__(self) -> None:
        forms = min(map(len, self.forms.values()))
        object.__setattr__(self, "_templates", {s: templates(s, len(self.leads), forms) for s in SPLITS})

    def fact(self, family: str, x: str, split: Split, rng: Random, item: str) -> Fact:
        """One question about content `x`, in a wording of its split."""
        lead, form = rng.choice(self._templates[split])
        text = f"{self.leads[lead]} {self.forms[family][form].format(x=x)}".strip()
        return Fact(item, text, self.tables[family][x], f"{family}-{lead}-{form}")

    def draw(self, split: Split, rng: Random) -> Fact:
        """A fact at random: families weigh by their size to the power 3/4, so that no table is seen too rarely."""
        family = rng.choices(tuple(self.tables), weights=[len(table) ** 0.75 for table in self.tables.values()])[0]
        return self.fact(family, rng.choice(tuple(self.tables[family])), split, rng, "drawn")

    def listed(self, split: Split) -> list[Fact]:
        """Contents drawn without repetition until they run out, so that any first n spread over families."""
        rng = Random(f"{self.key} {split}")
        contents = [(family, x) for family, table in self.tables.items() for x in table]
        rng.shuffle(contents)
        order = [contents[i % len(contents)] for i in range(ITEMS[split])]
        return [
            self.fact(family, x, split, rng, f"fact-{split}-{i:03d}-{family}") for i, (family, x) in enumerate(order)
        ]


def table(text: str) -> dict[str, str]:
    """Contents and answers from "hot:cold, big:small"."""
    return dict(item.strip().split(":") for item in text.split(",") if item.strip())
