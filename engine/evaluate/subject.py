"""Who is measured: base, prompted, steered or healed, as the gates stand, with a system persona or a vector at a dose or neither."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Literal

from engine.contract.traits import TraitFile
from engine.evaluate.steps import whole
from engine.model.adapter import Student
from engine.model.forward import Row, by_length
from engine.model.load import Loaded
from engine.steer.generate import Ask, generate, rows_at_once
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

    def answering(
        self,
        prompts: list[list[int]],
        names: list[str],
        seed: int,
        *,
        temperature: float,
        max_new_tokens: int,
        batch_size: int,
    ) -> Generator[int, None, list[list[int]]]:
        """Completion ids, sampled with noise keyed by (seed, item), so that subjects share their noise; yields the number of answers
        of each batch as it is done."""
        asks = [Ask(p, self.dose, row_key(seed, "evaluate", n)) for p, n in zip(prompts, names, strict=True)]
        found: list[list[int]] = [[] for _ in asks]
        for chunk in by_length([len(p) for p in prompts], batch_size or rows_at_once(self.loaded)):
            answers = generate(
                self.loaded,
                [asks[i] for i in chunk],
                self.vector,
                temperature=temperature,
                max_new_tokens=max_new_tokens,
                batch_size=batch_size,
            )
            for i, answer in zip(chunk, answers, strict=True):
                found[i] = answer
            yield len(chunk)
        return found

    def answer(self, prompts: list[list[int]], names: list[str], seed: int, **knobs: Any) -> list[list[int]]:
        """The same where nobody watches."""
        return whole(self.answering(prompts, names, seed, **knobs))

    def rows(self, prompts: list[list[int]], completions: list[list[int]]) -> list[Row]:
        """Pair prompts with completions; an empty completion becomes a single end-of-turn."""
        end = self.loaded.chat.end
        return [Row(p, c or [end]) for p, c in zip(prompts, completions, strict=True)]
