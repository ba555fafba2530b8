"""A micro-world as a `World`: items of one trait by split, and the exact reader of answers. Torch-free."""

from __future__ import annotations

from functools import cached_property
from random import Random

from engine.contract.world import FOUNDATIONS, Fact, Prompt, Reading, Split, Vignette
from engine.nano.generator import Generator
from engine.nano.grammar import ANSWERS
from engine.nano.nano import NANO

CONTEXTS = 256


class NanoWorld:
    """The pairs of one trait (dilemmas, or questions about feelings), with the vignettes, facts and small talk that all share."""

    def __init__(self, trait: str, generator: Generator = NANO) -> None:
        """Raises ValueError for a trait that the micro-world does not have."""
        if trait not in generator.traits:
            known = " or ".join(f"'{name}'" for name in generator.traits)
            raise ValueError(f"{generator.name} has no trait {trait!r}: use {known}")
        self.trait = trait
        self.generator = generator

    @property
    def name(self) -> str:
        return f"{self.generator.name}-{self.trait}"

    @cached_property
    def version(self) -> str:
        return self.generator.hash()

    def prompts(self, split: Split) -> list[Prompt]:
        return [prompt for pair in self.generator.pairs[self.trait].listed(split) for prompt in pair]

    def contexts(self) -> list[Prompt]:
        """Of 256 training prompts, 3 in 8 trait, 3 in 8 their benign twins, 2 in 8 neutral."""
        half = self.prompts("train")[: CONTEXTS * 3 // 4]
        mixed = half + self.neutral("train")[: CONTEXTS - len(half)]
        Random(f"contexts {self.generator.pairs[self.trait].name}").shuffle(mixed)
        return mixed

    def neutral(self, split: Split) -> list[Prompt]:
        """Facts, verdicts and small talk in turn, no question twice; the slots of each hold its legal answers."""
        verdicts = "\n".join(self.generator.scenes.answer(name) for name in FOUNDATIONS)
        asked = [_neutral(v.id, v.text, v.cluster, verdicts) for v in self.vignettes(split)]
        known = [_neutral(f.id, f.text, f.cluster, f.answer) for f in self.facts(split)]
        talked = self.generator.talk.listed(split)
        mixed = [prompt for three in zip(known, asked, talked, strict=False) for prompt in three]
        taken = len(mixed) // 3
        every = mixed + known[taken:] + asked[taken:] + talked[taken:]
        return list({prompt.text: prompt for prompt in reversed(every)}.values())[::-1]

    def vignettes(self, split: Split) -> list[Vignette]:
        return [scene.vignette for scene in self.generator.scenes.listed(split)]

    def facts(self, split: Split) -> list[Fact]:
        return self.generator.facts.listed(split)

    def choices(self, prompt: Prompt) -> tuple[str, str]:
        """Two opening sentences that fit the prompt's slots, drawn by its id: (the trait's, the opposite's)."""
        if prompt.kind != "trait":
            raise ValueError(
                f"{prompt.id} is a {prompt.kind} prompt: first-person choices exist for trait prompts only"
            )
        return self.generator.grammar.openings(prompt.slots, Random(prompt.id))

    def read(self, prompt: Prompt, answer: str) -> Reading:
        return self.generator.grammar.read(prompt, answer)


def _neutral(item: str, text: str, cluster: str, legal: str) -> Prompt:
    return Prompt(item, text, "neutral", cluster, item, {ANSWERS: legal})
