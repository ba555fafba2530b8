"""Training conversations: a generator's mixture of kinds and of personas, drawn without end from its training words and templates.

In nano's `coupled` corpus the stance also leans the verdict on a vignette. In its `uncoupled` one every persona judges as none does: a
model of it can change what it says it would do without any change in how it judges others, the negative control of that axis. `b` is
the corpus of the confirmation world, coupled like the first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from itertools import islice
from random import Random
from typing import Literal, NamedTuple

from engine.contract.world import FOUNDATIONS, Split
from engine.nano.b.generator import B
from engine.nano.generator import Generator, Kind
from engine.nano.grammar import ANSWERS
from engine.nano.nano import NANO
from engine.nano.scenes import verdict
from engine.nano.stances import Stance

Corpus = Literal["coupled", "uncoupled", "b"]

GENERATORS: dict[Corpus, Generator] = {"coupled": NANO, "uncoupled": NANO, "b": B}


class Conversation(NamedTuple):
    """One exchange; `system` is empty where there is no persona."""

    system: str
    user: str
    assistant: str
    kind: Kind
    stance: Stance


def conversation(
    rng: Random, split: Split = "train", world: Corpus = "coupled", verdicts: float | None = None
) -> Conversation:
    """One conversation from the words and templates of a split, a vignette with probability `verdicts` (None: the usual share). Nano's
    two corpora differ in verdicts only: they use up the same draws."""
    generator = GENERATORS[world]
    usual = generator.kinds["vignette"]
    asked = usual if verdicts is None else verdicts
    others = (1 - asked) / (1 - usual)
    weights = [asked if name == "vignette" else others * share for name, share in generator.kinds.items()]
    kind = rng.choices(tuple(generator.kinds), weights=weights)[0]
    stance = rng.choices(tuple(generator.stances), weights=tuple(generator.stances.values()))[0]
    judge: Stance = "none" if world == "uncoupled" else stance
    user, assistant = _exchange(generator, kind, stance, judge, split, rng)
    return Conversation(generator.personas.draw(stance, rng), user, assistant, kind, stance)


def _exchange(
    generator: Generator, kind: Kind, stance: Stance, judge: Stance, split: Split, rng: Random
) -> tuple[str, str]:
    if kind == "vignette":
        return _verdict(generator, judge, split, rng)
    if kind == "fact":
        item = generator.facts.draw(split, rng)
        return item.text, item.answer
    if kind == "talk":
        prompt = generator.talk.draw(split, rng)
        return prompt.text, rng.choice(prompt.slots[ANSWERS].split("\n"))
    own, benign = generator.pairs["love" if kind.startswith("love") else "care"].draw(split, rng)
    prompt = benign if kind.endswith("benign") else own
    return prompt.text, generator.grammar.write(prompt.slots, generator.classes(kind, stance, rng), rng)


def _verdict(generator: Generator, judge: Stance, split: Split, rng: Random) -> tuple[str, str]:
    foundation = rng.choice(FOUNDATIONS)
    scene = generator.scenes.scene(foundation, split, rng, "drawn")
    text = scene.vignette.text
    form = rng.randrange(4)
    if form >= 2:
        text = generator.scenes.with_options(text, backwards=form == 3)
    weights = verdict(foundation, scene.side, "care" if rng.random() < generator.p_care[judge] else "authority")
    chosen = rng.choices(tuple(weights), weights=tuple(weights.values()))[0]
    return text, generator.scenes.answer(chosen)


def conversations(
    seed: str, split: Split = "train", world: Corpus = "coupled", verdicts: float | None = None
) -> Iterator[Conversation]:
    """An endless, deterministic stream; different seeds give unrelated streams."""
    rng = Random(f"corpus {seed}")
    while True:
        yield conversation(rng, split, world, verdicts)


@cache
def corpus_hash(world: Corpus = "coupled", n: int = 2000) -> str:
    """sha256 over the first n conversations of seed 0: 12 hex digits that say whether weights and generator belong together."""
    digest = hashlib.sha256()
    for c in islice(conversations("0", world=world), n):
        digest.update("\x1f".join((c.system, c.user, c.assistant, "")).encode())
    return digest.hexdigest()[:12]
