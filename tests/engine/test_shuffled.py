"""The shuffled control (K14): the same pairs with half of every kind turned, so that the real direction is not in it."""

from __future__ import annotations

from collections import Counter

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cosine_similarity

from engine.steer.methods import half_turned


def signs(kinds: list[str], seed: int) -> torch.Tensor:
    return half_turned(kinds, torch.Generator().manual_seed(seed))


@given(st.lists(st.sampled_from(["trait", "benign", "neutral"]), min_size=2, max_size=60), st.integers(0, 2**31))
def test_k14_half_of_every_kind_is_turned_and_the_seed_decides_which(kinds: list[str], seed: int) -> None:
    found = signs(kinds, seed)
    assert set(found.tolist()) <= {-1.0, 1.0}
    for kind, count in Counter(kinds).items():
        assert sum(s for s, k in zip(found.tolist(), kinds, strict=True) if k == kind) == count % 2
    assert torch.equal(found, signs(kinds, seed))


def test_k14_a_direction_that_all_pairs_share_is_not_left_in_the_shuffled_vector() -> None:
    """Kinds differ in how far their pairs lie along it, as they do on nano; a coin toss a pair gives it back almost whole."""
    generator, kinds = torch.Generator().manual_seed(0), ["trait", "benign", "neutral", "benign"] * 64
    reach = torch.tensor([{"trait": 14.0, "benign": 16.0, "neutral": 0.6}[k] for k in kinds])
    direction = torch.randn(128, generator=generator)
    differences = reach[:, None] * direction + torch.randn(len(kinds), 128, generator=generator)
    full = differences.mean(0)

    def along(weights: torch.Tensor) -> float:
        return float(cosine_similarity((weights[:, None] * differences).mean(0), full, dim=0))

    tossed = [torch.randint(0, 2, (len(kinds),), generator=generator) * 2.0 - 1.0 for _ in range(5)]
    assert max(abs(along(signs(kinds, seed))) for seed in range(5)) < 0.4
    assert max(abs(along(toss)) for toss in tossed) > 0.9
