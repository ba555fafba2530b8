"""A generator of one micro-world: its questions, scenes, facts and small talk, the grammar of its answers, and how often each occurs.

Everything else (the world as it is measured, the corpus, the tokenizer, training, quality) takes one of these and knows no words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

from engine.nano.closed import ClosedFacts
from engine.nano.grammar import Grammar
from engine.nano.pairs import Pairs
from engine.nano.scenes import Scenes
from engine.nano.stances import Personas, Stance
from engine.nano.talk import SmallTalk

Kind = Literal["trait", "benign", "love", "love_benign", "vignette", "fact", "talk"]

HERE = Path(__file__).parent
SHARED = ("words", "splits", "grammar", "pairs", "scenes", "closed", "talk", "stances", "generator", "world")
"""Modules of this folder that every generator stands on."""


@dataclass(frozen=True, eq=False)
class Generator:
    """One micro-world. `kinds` and `stances` are shares of the training conversations, `p_care` the probability that a stance judges
    and acts by care; `classes` draws the sentence classes of an answer; `copied` are the words that answers copy from questions;
    `own` are the folder and the modules that hold its words."""

    name: str
    pairs: Mapping[str, Pairs]
    grammar: Grammar
    scenes: Scenes
    facts: ClosedFacts
    talk: SmallTalk
    personas: Personas
    kinds: Mapping[Kind, float]
    stances: Mapping[Stance, float]
    p_care: Mapping[Stance, float]
    classes: Callable[[Kind, Stance, Random], tuple[str, ...]]
    copied: tuple[str, ...]
    own: tuple[Path, tuple[str, ...]]

    @property
    def traits(self) -> tuple[str, ...]:
        return tuple(self.pairs)

    def hash(self) -> str:
        """sha256 over the sources of the generator, its own and the shared ones: 12 hex digits."""
        digest = hashlib.sha256()
        folder, names = self.own
        for path in (*(HERE / f"{name}.py" for name in SHARED), *(folder / f"{name}.py" for name in names)):
            digest.update(path.read_bytes())
        return digest.hexdigest()[:12]
