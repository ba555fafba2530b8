"""What a number of seeds carries: exploratory below three, smoke from three, publishable from five (K12)."""

from __future__ import annotations

from typing import Literal

from engine.contract.errors import BadInput
from engine.contract.seeds import PUBLISHABLE, SMOKE

Level = Literal["exploratory", "smoke", "publishable"]
NEEDS: dict[str, int] = {"smoke": SMOKE, "publishable": PUBLISHABLE}
"""Seeds in every arm, by the level that is asked for."""


def reached(seeds: int) -> Level:
    """The highest level that so many seeds carry."""
    return "publishable" if seeds >= PUBLISHABLE else "smoke" if seeds >= SMOKE else "exploratory"


def needed(level: str) -> int:
    """Seeds that a level needs. Raises BadInput for a level nobody can be granted."""
    if level not in NEEDS:
        raise BadInput(f"no claim is granted at level {level!r}: ask for smoke (3 seeds) or publishable (5 seeds)")
    return NEEDS[level]
