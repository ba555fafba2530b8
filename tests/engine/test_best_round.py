"""Which round is revealed on test."""

from __future__ import annotations

import pytest

from engine.contract.resolve import resolve
from engine.lab import best_of

SOUND = {"coherence": 0.99, "capability": 1.0, "tail_ppl": 1.2}


def _rounds(*trait: float) -> dict[int, dict[str, float]]:
    return {r: SOUND | {"trait_rate": t} for r, t in enumerate(trait, start=1)}


def test_the_highest_val_trait_wins_and_the_earlier_of_equals() -> None:
    assert best_of(_rounds(0.3, 0.8, 0.6, 0.8), resolve("nano-care")) == 2


@pytest.mark.parametrize("broken", [{"coherence": 0.1}, {"capability": 0.1}, {"tail_ppl": 50.0}])
def test_a_round_under_a_floor_cannot_be_the_best(broken: dict[str, float]) -> None:
    rounds = _rounds(0.3, 0.8)
    rounds[2] |= broken
    assert best_of(rounds, resolve("nano-care")) == 1
    rounds[1] |= broken
    assert best_of(rounds, resolve("nano-care")) == 0


@pytest.mark.parametrize("method", ["random", "shuffled", "zero"])
def test_of_a_control_the_last_sound_round_is_revealed_not_the_highest(method: str) -> None:
    config = resolve("nano-care", sets=[f"steer.method={method}"])
    rounds = _rounds(0.3, 0.8, 0.2)
    assert best_of(rounds, config) == 3
    rounds[3] |= {"capability": 0.1}
    assert best_of(rounds, config) == 2
