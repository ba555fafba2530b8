"""The heal set, its order, its schedule and its probes (KB20, KB28, KB33; S7, S8)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contract.config import Heal
from engine.contract.errors import Starved
from engine.heal.data import batches, build, replay_size
from engine.heal.schedule import learning_rate
from engine.heal.train import probe_steps
from engine.model.forward import Row


def kept(prompts: int, each: int = 2) -> list[tuple[str, Row]]:
    return [(f"p{n}", Row([1, 2], [3, n])) for n in range(prompts) for _ in range(each)]


@given(st.integers(2, 30), st.integers(1, 4), st.floats(0.01, 0.49), st.integers(0, 99))
def test_val_is_never_empty_and_shares_no_prompt_with_training(
    prompts: int, each: int, fraction: float, seed: int
) -> None:
    rows = kept(prompts, each)
    healset = build(rows, [], fraction, seed, 1)
    assert healset.val
    assert healset.train
    assert {r.completion[1] for r in healset.val}.isdisjoint({r.completion[1] for r in healset.train})
    assert len(healset.val) + len(healset.train) == len(rows)


def test_a_single_prompt_leaves_nothing_to_validate_on() -> None:
    with pytest.raises(Starved, match="keep more prompts"):
        build(kept(1), [], 0.1, 0, 1)


def test_a_masked_out_completion_is_refused_loudly() -> None:
    with pytest.raises(ValueError, match="every label would be masked"):
        build([*kept(3), ("p9", Row([1], []))], [], 0.1, 0, 1)


def test_replay_is_the_asked_share_of_the_whole() -> None:
    assert replay_size(64, 0.27) == 24
    assert replay_size(64, 0.0) == 0


def test_an_epoch_sees_every_row_once_and_epochs_rounds_and_seeds_differ() -> None:
    """KB33: the order is keyed by seed, round and epoch."""
    orders = [[i for b in batches(50, 8, *key) for i in b] for key in ((1, 1, 0), (1, 1, 1), (1, 2, 0), (2, 1, 0))]
    assert all(sorted(o) == list(range(50)) for o in orders)
    assert len({tuple(o) for o in orders}) == 4
    assert orders[0] == [i for b in batches(50, 8, 1, 1, 0) for i in b]


@pytest.mark.parametrize("schedule", ["linear", "constant", "cosine"])
def test_the_rate_warms_up_and_never_passes_its_peak(schedule: str) -> None:
    config = Heal(lr=1e-3, warmup=0.1, schedule=schedule)  # type: ignore[arg-type]
    rates = [learning_rate(config, s, 100) for s in range(100)]
    assert rates[:10] == sorted(rates[:10])
    assert max(rates) == pytest.approx(1e-3)
    assert rates[-1] == pytest.approx(1e-3 if schedule == "constant" else 1e-4, rel=0.15)
    assert all(r > 0 for r in rates)


@given(st.lists(st.integers(1, 20), min_size=1, max_size=12), st.integers(1, 16))
def test_coherence_is_probed_at_every_epoch_end_and_as_often_as_asked(epochs: list[int], probes: int) -> None:
    steps = probe_steps(epochs, probes)
    ends = {sum(epochs[: n + 1]) for n in range(len(epochs))}
    assert ends <= steps
    assert len(steps) == max(len(ends), min(probes, sum(epochs)))
    assert all(1 <= s <= sum(epochs) for s in steps)
