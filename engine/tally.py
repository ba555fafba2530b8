"""What a run has come to so far. It outlives the loop, so that a run that fails still says it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Tally:
    """`best` round so far (0: none above the floors), looks at the test split, tokens generated and trained on."""

    best: int = 0
    reveals: int = 0
    tokens: int = 0
