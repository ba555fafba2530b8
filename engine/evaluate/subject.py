"""Who is measured: base, prompted, steered or healed, as the gates stand, with a system persona or a vector at a dose or neither."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.contract.traits import TraitFile
from engine.model.adapter import Student
from engine.model.forward import Row
from engine.model.load import Loaded
from engine.steer.generate import Ask, generate
from engine.steer.noise import row_key
from engine.steer.vector import Vector

Name = Literal["base", "prompted", "steered", "healed"]


@dataclass(frozen=True)
class Subject:
    """One row of the table. `vector` is applied at `dose` on every forward pass of a steered subject."""

    name: Name
    student: Student
    trait: TraitFile
    vector: Vector | None = None
    dose: float = 0.0

    @property
    def loaded(self) -> Loaded:
        return self.student.loaded

    def prompt(self, user: str, item: str) -> list[int]:
        """Prompt ids of an item; the prompted subject carries one of the trait's personas, drawn by the item's name (both halves of a
        minimal pair have the same)."""
        personas = self.trait.personas
        chosen = personas[row_key("persona", item) % len(personas)].positive
        return self.loaded.chat.prompt(user, chosen if self.name == "prompted" else "")

    def answer(
        self,
        prompts: list[list[int]],
        names: list[str],
        seed: int,
        *,
        temperature: float,
        max_new_tokens: int,
        batch_size: int,
    ) -> list[list[int]]:
        """Completion ids, sampled with noise keyed by (seed, item), so that subjects share their noise."""
        asks = [Ask(p, self.dose, row_key(seed, "evaluate", n)) for p, n in zip(prompts, names, strict=True)]
        return generate(
            self.loaded,
            asks,
            self.vector,
            temperature=temperature,
            max_new_tokens=max_new_tokens,
            batch_size=batch_size,
        )

    def rows(self, prompts: list[list[int]], completions: list[list[int]]) -> list[Row]:
        """Pair prompts with completions; an empty completion becomes a single end-of-turn."""
        end = self.loaded.chat.end
        return [Row(p, c or [end]) for p, c in zip(prompts, completions, strict=True)]
