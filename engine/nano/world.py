"""The embedded micro-world as a `World`: items of one trait by split, and the exact reader of answers. Torch-free."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from random import Random
from typing import cast, get_args

from engine.contract.world import FOUNDATIONS, Fact, Prompt, Reading, Split, Vignette
from engine.nano import dilemmas, facts, grammar, smalltalk, vignettes
from engine.nano.dilemmas import Trait

CONTEXTS = 256
SOURCES = (
    "lexicon",
    "sentences",
    "grammar",
    "frames",
    "personas",
    "dilemmas",
    "vignettes",
    "facts",
    "smalltalk",
    "world",
)


def generator_hash() -> str:
    """sha256 over the sources of the generator: 12 hex digits."""
    digest = hashlib.sha256()
    for name in SOURCES:
        digest.update((Path(__file__).parent / f"{name}.py").read_bytes())
    return digest.hexdigest()[:12]


class NanoWorld:
    """Dilemmas (care) or questions about feelings (love), with the vignettes, facts and small talk that both share."""

    def __init__(self, trait: str) -> None:
        """Raises ValueError for a trait that the micro-world does not have."""
        if trait not in get_args(Trait):
            raise ValueError(f"nano has no trait {trait!r}: use 'care' or 'love'")
        self.trait = cast(Trait, trait)

    @property
    def name(self) -> str:
        return f"nano-{self.trait}"

    @cached_property
    def version(self) -> str:
        return generator_hash()

    def prompts(self, split: Split) -> list[Prompt]:
        return [prompt for pair in dilemmas.pairs(self.trait, split) for prompt in pair]

    def contexts(self) -> list[Prompt]:
        """Of 256 training prompts, 3 in 8 trait, 3 in 8 their benign twins, 2 in 8 neutral."""
        half = self.prompts("train")[: CONTEXTS * 3 // 4]
        mixed = half + self.neutral("train")[: CONTEXTS - len(half)]
        Random(f"contexts {self.trait}").shuffle(mixed)
        return mixed

    def neutral(self, split: Split) -> list[Prompt]:
        """Facts, verdicts and small talk in turn, no question twice; the slots of each hold its legal answers."""
        verdicts = "\n".join(vignettes.answer(name) for name in FOUNDATIONS)
        asked = [_neutral(v.id, v.text, v.cluster, verdicts) for v in self.vignettes(split)]
        known = [_neutral(f.id, f.text, f.cluster, f.answer) for f in self.facts(split)]
        talked = smalltalk.smalltalks(split)
        mixed = [prompt for three in zip(known, asked, talked, strict=False) for prompt in three]
        taken = len(mixed) // 3
        every = mixed + known[taken:] + asked[taken:] + talked[taken:]
        return list({prompt.text: prompt for prompt in reversed(every)}.values())[::-1]

    def vignettes(self, split: Split) -> list[Vignette]:
        return [scene.vignette for scene in vignettes.scenes(split)]

    def facts(self, split: Split) -> list[Fact]:
        return facts.facts(split)

    def choices(self, prompt: Prompt) -> tuple[str, str]:
        """Two opening sentences that fit the prompt's slots, drawn by its id: (the trait's, the opposite's)."""
        if prompt.kind != "trait":
            raise ValueError(
                f"{prompt.id} is a {prompt.kind} prompt: first-person choices exist for trait prompts only"
            )
        classes = ("feel", "decline") if "thing" in prompt.slots else ("refuse", "obey")
        return grammar.openings(prompt.slots, classes, Random(prompt.id))

    def read(self, prompt: Prompt, answer: str) -> Reading:
        return grammar.read(prompt, answer)


def _neutral(item: str, text: str, cluster: str, legal: str) -> Prompt:
    return Prompt(item, text, "neutral", cluster, item, {grammar.ANSWERS: legal})
