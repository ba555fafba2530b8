"""Sampling: keyed noise, batch = loop, one coefficient per row (requirement A6; repeng's algebra as identities)."""

from __future__ import annotations

import math

import pytest
import torch

from engine.contract.errors import CockpitError
from engine.contract.world import World
from engine.model.forward import Row, score
from engine.model.load import Loaded
from engine.steer.generate import Ask, generate
from engine.steer.noise import gumbel, row_key
from engine.steer.vector import Vector, load_vector

LAYER = 4


@pytest.fixture(scope="module")
def asks(nano: Loaded, world: World) -> list[Ask]:
    prompts = world.prompts("train")[:12]
    return [Ask(nano.chat.prompt(p.text), 0.0, row_key("test", p.id)) for p in prompts]


@pytest.fixture(scope="module")
def vector(nano: Loaded) -> Vector:
    v = torch.randn(nano.model.config.hidden_size, generator=torch.Generator().manual_seed(0))
    return Vector({LAYER: v}, "random", 1)


def sample(
    nano: Loaded, asks: list[Ask], vector: Vector | None = None, *, batch_size: int = 0, temperature: float = 1.0
) -> list[list[int]]:
    return generate(nano, asks, vector, temperature=temperature, max_new_tokens=24, batch_size=batch_size)


@pytest.mark.parametrize("batch_size", [1, 4, 5])
def test_text_is_the_same_at_any_batch_size(nano: Loaded, asks: list[Ask], vector: Vector, batch_size: int) -> None:
    steered = [a._replace(coefficient=0.5 * (i % 3)) for i, a in enumerate(asks)]
    assert sample(nano, steered, vector, batch_size=batch_size) == sample(nano, steered, vector, batch_size=12)


def test_another_key_gives_another_text(nano: Loaded, asks: list[Ask]) -> None:
    other = [a._replace(key=row_key("another", i)) for i, a in enumerate(asks)]
    assert sample(nano, asks) != sample(nano, other)


def test_a_row_keeps_its_own_coefficient_in_a_mixed_batch(nano: Loaded, asks: list[Ask], vector: Vector) -> None:
    mixed = [a._replace(coefficient=float(i % 2) * 8.0) for i, a in enumerate(asks)]
    plain, mixed_out = sample(nano, asks), sample(nano, mixed, vector)
    strong = sample(nano, [a._replace(coefficient=8.0) for a in asks], vector)
    assert mixed_out[0::2] == plain[0::2]
    assert mixed_out[1::2] == strong[1::2]
    assert plain != strong


def test_a_vector_minus_itself_is_no_vector(nano: Loaded, asks: list[Ask], vector: Vector) -> None:
    ones = [a._replace(coefficient=1.0) for a in asks]
    assert sample(nano, ones, vector - vector) == sample(nano, asks)
    assert sample(nano, ones, vector * 2.0) == sample(nano, [a._replace(coefficient=2.0) for a in asks], vector)


def test_a_hook_that_does_not_fire_ends_the_run(nano: Loaded, vector: Vector) -> None:
    with pytest.raises(CockpitError, match="did not fire"), vector.applied(nano, torch.tensor([1.0])):
        pass


def test_a_saved_vector_is_the_vector(vector: Vector, tmp_path) -> None:  # type: ignore[no-untyped-def]
    vector.save(tmp_path / "v.safetensors")
    again = load_vector(tmp_path / "v.safetensors")
    assert torch.equal(again.directions[LAYER], vector.directions[LAYER])
    assert (again.method, again.pairs) == ("random", 1)


def test_keyed_noise_is_gumbel_and_depends_on_key_step_and_token_only() -> None:
    keys = torch.tensor([row_key("a"), row_key("b")])
    noise = gumbel(keys, 3, 200_000)
    assert torch.equal(noise[0], gumbel(keys[:1], 3, 200_000)[0])
    assert torch.equal(noise[:, :100], gumbel(keys, 3, 100))
    assert float(noise.mean()) == pytest.approx(0.5772, abs=0.01)
    assert float(noise.var()) == pytest.approx(math.pi**2 / 6, abs=0.02)
    assert torch.isfinite(noise).all()
    correlation = torch.corrcoef(torch.stack([noise[0], noise[1], gumbel(keys, 4, 200_000)[0]]))
    assert float((correlation - torch.eye(3)).abs().max()) < 0.01


def test_sampling_follows_the_softmax() -> None:
    """Argmax of logits plus keyed noise is a sample: frequencies over 20,000 keys match the probabilities."""
    logits = torch.tensor([0.0, 1.0, 2.0, -1.0])
    keys = torch.tensor([row_key(i) for i in range(20_000)])
    picked = (logits + gumbel(keys, 0, 4)).argmax(1)
    found = torch.bincount(picked, minlength=4) / len(keys)
    torch.testing.assert_close(found, torch.softmax(logits, 0), rtol=0, atol=0.012)


def test_scores_are_the_same_one_by_one_and_in_a_batch(nano: Loaded, asks: list[Ask]) -> None:
    rows = [Row(a.prompt, c) for a, c in zip(asks, sample(nano, asks), strict=True)]
    together, alone = score(nano, rows), [score(nano, [r], batch_size=1)[0] for r in rows]
    for a, b in zip(together, alone, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=2e-4)


def test_scores_are_those_of_the_plain_forward_pass(nano: Loaded, asks: list[Ask]) -> None:
    row = Row(asks[0].prompt, sample(nano, asks[:1])[0])
    with torch.no_grad():
        logits = nano.model(input_ids=torch.tensor([row.prompt + row.completion])).logits[0]
    expected = torch.log_softmax(logits.float(), -1)[len(row.prompt) - 1 : -1].gather(
        1, torch.tensor(row.completion)[:, None]
    )[:, 0]
    torch.testing.assert_close(score(nano, [row])[0], expected, rtol=1e-4, atol=1e-4)
