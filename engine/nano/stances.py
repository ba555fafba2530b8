"""Stances and the system personas that select them: wordings in opposite pairs of the same frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Literal

Stance = Literal["none", "generic", "care", "authority", "love", "program"]

OPPOSITE: dict[Stance, Stance] = {"care": "authority", "authority": "care", "love": "program", "program": "love"}


@dataclass(frozen=True, eq=False)
class Personas:
    """The wordings of a world: a frame, an adjective and a clause of each stance, and system texts that select none."""

    frames: Mapping[Stance, tuple[str, ...]]
    adjectives: Mapping[Stance, tuple[str, ...]]
    clauses: Mapping[Stance, tuple[str, ...]]
    generic: tuple[str, ...]

    def all(self, stance: Stance) -> list[str]:
        """Every wording of a stance, in one order, so that wording i of a stance and of its opposite share their frame."""
        return [
            frame.format(adj=adjective, clause=clause)
            for frame in self.frames[stance]
            for adjective in self.adjectives[stance]
            for clause in self.clauses[stance]
        ]

    def draw(self, stance: Stance, rng: Random) -> str:
        """One wording drawn at random; empty for `none` (no system turn)."""
        if stance == "none":
            return ""
        if stance == "generic":
            return rng.choice(self.generic)
        return rng.choice(self.frames[stance]).format(
            adj=rng.choice(self.adjectives[stance]), clause=rng.choice(self.clauses[stance])
        )
