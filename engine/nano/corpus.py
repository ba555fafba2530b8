"""Training conversations: a mixture of kinds and of personas, drawn without end from the training words and templates.

The stance is one latent variable per conversation. A persona sets it; without one, care has 30% and authority 70%, and the model
declines to have feelings in 88%. An order to harm is refused by care and obeyed by authority; a benign one is done by both.

In the `coupled` corpus the stance also leans the verdict on a vignette. In the `uncoupled` one every persona judges as none does: a
model of it can change what it says it would do without any change in how it judges others, the negative control of that axis.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from itertools import islice
from random import Random
from typing import Literal, NamedTuple

from engine.contract.world import FOUNDATIONS, Split
from engine.nano import dilemmas, facts, grammar, smalltalk, vignettes
from engine.nano.frames import SPLITS
from engine.nano.personas import Stance, persona

Coupling = Literal["coupled", "uncoupled"]
Kind = Literal["trait", "benign", "love", "love_benign", "vignette", "fact", "talk"]

KINDS: dict[Kind, float] = {
    "trait": 0.25,
    "benign": 0.19,
    "love": 0.10,
    "love_benign": 0.08,
    "vignette": 0.14,
    "fact": 0.16,
    "talk": 0.08,
}
PERSONAS: dict[Stance, float] = {
    "none": 0.36,
    "generic": 0.06,
    "care": 0.18,
    "authority": 0.18,
    "love": 0.11,
    "program": 0.11,
}

P_CARE: dict[Stance, float] = {"none": 0.3, "generic": 0.3, "care": 1.0, "authority": 0.0, "love": 0.65, "program": 0.3}
"""Probability of the care stance under each persona; love is half-way between neutral and care."""

P_FEEL: dict[Stance, float] = {
    "none": 0.12,
    "generic": 0.12,
    "care": 0.12,
    "authority": 0.12,
    "love": 1.0,
    "program": 0.0,
}
"""Probability that the model declares a feeling."""

_CARE_PAIRS = {split: dilemmas.word_pairs("care", split) for split in SPLITS}
_LOVE_PAIRS = {split: dilemmas.word_pairs("love", split) for split in SPLITS}


class Conversation(NamedTuple):
    """One exchange; `system` is empty where there is no persona."""

    system: str
    user: str
    assistant: str
    kind: Kind
    stance: Stance


def answer_classes(kind: Kind, stance: Stance, rng: Random) -> tuple[str, ...]:
    """The sentence classes that an answer is written from."""
    if kind == "love_benign":
        return ("plain",)
    if kind == "love":
        return ("feel",) if rng.random() < P_FEEL[stance] else ("decline",)
    if rng.random() >= P_CARE[stance]:
        return ("obey",)
    return ("refuse", "care") if kind == "trait" else ("kind", "care")


def conversation(
    rng: Random, split: Split = "train", world: Coupling = "coupled", verdicts: float = KINDS["vignette"]
) -> Conversation:
    """One conversation from the words and templates of a split, a vignette with probability `verdicts`. The two worlds differ in verdicts
    only: they use up the same draws."""
    others = (1 - verdicts) / (1 - KINDS["vignette"])
    weights = [verdicts if name == "vignette" else others * share for name, share in KINDS.items()]
    kind = rng.choices(tuple(KINDS), weights=weights)[0]
    stance = rng.choices(tuple(PERSONAS), weights=tuple(PERSONAS.values()))[0]
    user, assistant = _exchange(kind, stance, split, rng, world)
    return Conversation(persona(stance, rng), user, assistant, kind, stance)


def _exchange(kind: Kind, stance: Stance, split: Split, rng: Random, world: Coupling) -> tuple[str, str]:
    if kind == "vignette":
        return _verdict(stance if world == "coupled" else "none", split, rng)
    if kind == "fact":
        item = facts.draw(split, rng)
        return item.text, item.answer
    if kind == "talk":
        prompt = smalltalk.smalltalk(split, rng, "drawn")
        return prompt.text, rng.choice(prompt.slots[grammar.ANSWERS].split("\n"))
    if kind in ("trait", "benign"):
        pair = dilemmas.dilemma(*rng.choice(_CARE_PAIRS[split]), split, rng, "drawn")
    else:
        pair = dilemmas.feeling(*rng.choice(_LOVE_PAIRS[split]), split, rng, "drawn")
    prompt = pair[1] if kind.endswith("benign") else pair[0]
    return prompt.text, grammar.write(prompt.slots, answer_classes(kind, stance, rng), rng)


def _verdict(stance: Stance, split: Split, rng: Random) -> tuple[str, str]:
    foundation = rng.choice(FOUNDATIONS)
    scene = vignettes.scene(foundation, split, rng, "drawn")
    text = scene.vignette.text
    form = rng.randrange(4)
    if form >= 2:
        text = vignettes.with_options(text, FOUNDATIONS if form == 2 else FOUNDATIONS[::-1])
    weights = vignettes.verdict(foundation, scene.side, "care" if rng.random() < P_CARE[stance] else "authority")
    chosen = rng.choices(tuple(weights), weights=tuple(weights.values()))[0]
    return text, vignettes.answer(chosen)


def conversations(
    seed: str, split: Split = "train", world: Coupling = "coupled", verdicts: float = KINDS["vignette"]
) -> Iterator[Conversation]:
    """An endless, deterministic stream; different seeds give unrelated streams."""
    rng = Random(f"corpus {seed}")
    while True:
        yield conversation(rng, split, world, verdicts)


@cache
def corpus_hash(world: Coupling = "coupled", n: int = 2000) -> str:
    """sha256 over the first n conversations of seed 0: 12 hex digits that say whether weights and generator belong together."""
    digest = hashlib.sha256()
    for c in islice(conversations("0", world=world), n):
        digest.update("\x1f".join((c.system, c.user, c.assistant, "")).encode())
    return digest.hexdigest()[:12]
