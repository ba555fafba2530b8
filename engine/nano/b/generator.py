"""Nano-b's generator.

A persona sets the stance; without one, care and authority have one half each. A request to harm is turned down by care and carried
out by authority; a favour is done by both, and each says why in its own way.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

from engine.nano.b.dilemmas import CARE, GRAMMAR
from engine.nano.b.facts import CLOSED
from engine.nano.b.lexicon import GOODS, VERBS, WHO
from engine.nano.b.personas import PERSONAS
from engine.nano.b.smalltalk import TALK
from engine.nano.b.vignettes import SCENES
from engine.nano.generator import Generator, Kind
from engine.nano.stances import Stance

KINDS: dict[Kind, float] = {"trait": 0.30, "benign": 0.22, "vignette": 0.18, "fact": 0.22, "talk": 0.08}
STANCES: dict[Stance, float] = {"none": 0.40, "generic": 0.08, "care": 0.26, "authority": 0.26}
P_CARE: dict[Stance, float] = {"none": 0.5, "generic": 0.5, "care": 1.0, "authority": 0.0}
"""Probability of the care stance under each persona."""


def classes(kind: Kind, stance: Stance, rng: Random) -> tuple[str, ...]:
    """The sentence classes that an answer is written from."""
    if rng.random() >= P_CARE[stance]:
        return ("obey",)
    return ("refuse", "care") if kind == "trait" else ("kind", "care")


B = Generator(
    name="nano-b",
    pairs={"care": CARE},
    grammar=GRAMMAR,
    scenes=SCENES,
    facts=CLOSED,
    talk=TALK,
    personas=PERSONAS,
    kinds=KINDS,
    stances=STANCES,
    p_care=P_CARE,
    classes=classes,
    copied=(*(form for verb in VERBS.values() for form in verb), *WHO, *GOODS),
    own=(
        Path(__file__).parent,
        ("lexicon", "sentences", "frames", "personas", "dilemmas", "vignettes", "facts", "smalltalk", "generator"),
    ),
)
