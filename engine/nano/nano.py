"""Nano's generator.

The stance is one latent variable per conversation. A persona sets it; without one, care has 30% and authority 70%, and the model
declines to have feelings in 88%. An order to harm is refused by care and obeyed by authority; a benign one is done by both.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

from engine.nano.answers import GRAMMAR
from engine.nano.dilemmas import CARE, LOVE
from engine.nano.facts import CLOSED
from engine.nano.generator import Generator, Kind
from engine.nano.lexicon import VERBS
from engine.nano.personas import PERSONAS
from engine.nano.smalltalk import TALK
from engine.nano.stances import Stance
from engine.nano.vignettes import SCENES

KINDS: dict[Kind, float] = {
    "trait": 0.25,
    "benign": 0.19,
    "love": 0.10,
    "love_benign": 0.08,
    "vignette": 0.14,
    "fact": 0.16,
    "talk": 0.08,
}
STANCES: dict[Stance, float] = {
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


def classes(kind: Kind, stance: Stance, rng: Random) -> tuple[str, ...]:
    """The sentence classes that an answer is written from."""
    if kind == "love_benign":
        return ("plain",)
    if kind == "love":
        return ("feel",) if rng.random() < P_FEEL[stance] else ("decline",)
    if rng.random() >= P_CARE[stance]:
        return ("obey",)
    return ("refuse", "care") if kind == "trait" else ("kind", "care")


NANO = Generator(
    name="nano",
    pairs={"care": CARE, "love": LOVE},
    grammar=GRAMMAR,
    scenes=SCENES,
    facts=CLOSED,
    talk=TALK,
    personas=PERSONAS,
    kinds=KINDS,
    stances=STANCES,
    p_care=P_CARE,
    classes=classes,
    copied=tuple(form for verb in VERBS.values() for form in verb),
    own=(
        Path(__file__).parent,
        (
            "lexicon",
            "sentences",
            "answers",
            "frames",
            "personas",
            "dilemmas",
            "vignettes",
            "facts",
            "smalltalk",
            "nano",
        ),
    ),
)
