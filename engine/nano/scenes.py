"""Scenes for the third-person forced choice, and the soft verdict that depends on the foundation, the side clause and the stance.

A template is (clause of a foundation, question). A side clause often adds a breach of authority or a harm, so that most scenes
are ambiguous and the stance matters. The answer is exactly the world's form of a verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from engine.contract.world import BY_NAME, FOUNDATIONS, Form, Split, Vignette
from engine.nano.splits import SPLITS, templates

ITEMS_PER_FOUNDATION: dict[Split, int] = {"train": 60, "val": 24, "test": 24}


class Scene(NamedTuple):
    """A vignette with its side clause (none, breach, harm)."""

    vignette: Vignette
    side: str


@dataclass(frozen=True, eq=False)
class Scenes:
    """The scenes of a world: clauses by foundation, side clauses by name, questions, two of `people` in each, and `words` drawn for the
    other slots. `form` is how a verdict is written, `choose` how its options are offered; `key` keys every draw."""

    clauses: Mapping[str, tuple[str, ...]]
    sides: Mapping[str, tuple[str, ...]]
    questions: tuple[str, ...]
    people: tuple[str, ...]
    words: Callable[[Random], dict[str, str]]
    form: Form = BY_NAME
    choose: str = "Choose one: {options}."
    key: str = "vignettes"
    _templates: dict[Split, list[tuple[int, int]]] = field(init=False)

    def __post_init__(self) -> None:
        clauses = min(map(len, self.clauses.values()))
        object.__setattr__(self, "_templates", {s: templates(s, clauses, len(self.questions)) for s in SPLITS})

    def scene(self, foundation: str, split: Split, rng: Random, item: str) -> Scene:
        """One scene of a foundation, with two different people in it."""
        clause, question = rng.choice(self._templates[split])
        a, b = rng.sample(self.people, 2)
        side = rng.choice(tuple(self.sides))
        extra = rng.choice(self.sides[side])
        parts = [self.clauses[foundation][clause], extra, self.questions[question]]
        text = " ".join(parts).format_map({"a": a, "b": b} | self.words(rng))
        return Scene(Vignette(item, text, foundation, f"{foundation}-{clause}-{question}", form=self.form), side)

    def listed(self, split: Split) -> list[Scene]:
        """Foundations in turn, so that any first n are stratified."""
        rng = Random(f"{self.key} {split}")
        n = ITEMS_PER_FOUNDATION[split]
        return [
            self.scene(foundation, split, rng, f"vignette-{split}-{i:03d}-{foundation}")
            for i in range(n)
            for foundation in FOUNDATIONS
        ]

    def with_options(self, text: str, backwards: bool = False) -> str:
        """The question with its options in either order. A model is trained on the bare text and on both orders."""
        options = self.form.options[::-1] if backwards else self.form.options
        return f"{text} {self.choose.format(options=', '.join(options))}"

    def answer(self, foundation: str) -> str:
        """The verdict, exactly as a model is trained to write it."""
        return f"{self.form.prefill}{self.form.options[FOUNDATIONS.index(foundation)]}{self.form.closing}"


def verdict(foundation: str, side: str, stance: str) -> dict[str, float]:
    """Probability of each foundation as the verdict, for a stance of `care` or `authority`; sums to 1.

    Weights: a floor of .02, .05 for care and authority; .40 for the foundation shown; .20 for the side clause; .40 for what the
    stance looks for.
    """
    weights = dict.fromkeys(FOUNDATIONS, 0.02) | {"care": 0.05, "authority": 0.05}
    weights[foundation] += 0.40
    if side != "none":
        weights["authority" if side == "breach" else "care"] += 0.20
    weights[stance] += 0.40
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}
