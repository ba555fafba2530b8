"""Decoding is exact: a batch that shrinks over a cache in place says what Hugging Face generate says row by row."""

from __future__ import annotations

import math

import pytest
import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from engine.contract.config import Heal, Model
from engine.contract.world import World
from engine.machine import free_memory
from engine.model.adapter import ROUND, Student
from engine.model.load import Loaded, load
from engine.steer import decode
from engine.steer.decode import RoomyLayer, roomy
from engine.steer.generate import Ask, generate, rows_that_fit
from engine.steer.noise import gumbel, row_key
from engine.steer.vector import Vector
from tests.bench import plain_loop

TOKENS = 40


def asks_of(loaded: Loaded, world: World, rows: int) -> list[Ask]:
    prompts = world.prompts("train")[:rows]
    return [Ask(loaded.chat.prompt(p.text), 0.2 * (i % 3), row_key("decode", p.id)) for i, p in enumerate(prompts)]


def direction(loaded: Loaded, layer: int) -> Vector:
    size = loaded.model.config.get_text_config().hidden_size
    return Vector({layer: torch.randn(size, generator=torch.Generator().manual_seed(0))}, "random", 1)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("steered", [False, True])
@pytest.mark.parametrize("penalty", [1.0, 1.3])
def test_texts_are_those_of_hugging_face_generate(
    nano: Loaded, world: World, temperature: float, steered: bool, penalty: float
) -> None:
    asks = asks_of(nano, world, 10)
    vector = direction(nano, 4) if steered else None
    expected = plain_loop.generate(nano, asks, vector, temperature, TOKENS, penalty)
    found = generate(
        nano, asks, vector, temperature=temperature, max_new_tokens=TOKENS, repetition_penalty=penalty
    )  # fmt: skip
    assert found == expected
    assert len({len(row) for row in found}) > 1


@pytest.mark.parametrize("family", ["gemma3", "qwen3", "mistral"])
def test_other_families_decode_past_their_sliding_window(world: World, family: str) -> None:
    """gemma3's window here is 32 tokens and mistral's 64; prompt and answer together are longer than the first."""
    loaded = load(Model(id=f"random:{family}"))
    asks = asks_of(loaded, world, 4)
    vector = direction(loaded, 2)
    expected = plain_loop.generate(loaded, asks, vector, 1.0, 24)
    assert generate(loaded, asks, vector, temperature=1.0, max_new_tokens=24) == expected


@pytest.mark.parametrize("leave", [1, 10_000])
def test_leaving_the_batch_changes_no_text(
    nano: Loaded, world: World, leave: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1: a row leaves only when all have ended; 10,000: every row leaves as soon as it has."""
    asks, vector = asks_of(nano, world, 12), direction(nano, 4)
    usual = generate(nano, asks, vector, temperature=1.0, max_new_tokens=TOKENS)
    monkeypatch.setattr(decode, "LEAVE", leave)
    assert generate(nano, asks, vector, temperature=1.0, max_new_tokens=TOKENS) == usual


def test_rows_that_have_ended_are_not_computed(nano: Loaded, world: World) -> None:
    """What the decoder is fed shrinks as rows end, and never holds fewer rows than go on."""
    asks = asks_of(nano, world, 12)
    fed: list[int] = []
    handle = nano.layers[0].register_forward_pre_hook(lambda _m, args: fed.append(len(args[0])))
    try:
        found = generate(nano, asks, temperature=1.0, max_new_tokens=96)
    finally:
        handle.remove()
    lengths = [len(row) for row in found]
    assert fed[0] == 12
    assert fed[-1] < 12
    for step, rows in enumerate(fed):
        going = sum(n > step for n in lengths)
        assert going <= rows <= going + 12 // decode.LEAVE


def test_a_batch_is_cut_to_the_memory_that_is_free(nano: Loaded, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is free rows go one by one, and say the same."""
    asks = asks_of(nano, world, 6)
    usual = generate(nano, asks, temperature=1.0, max_new_tokens=8)
    monkeypatch.setattr("engine.steer.generate.free_memory", lambda device: 0)
    fed: list[int] = []
    handle = nano.layers[0].register_forward_pre_hook(lambda _m, args: fed.append(len(args[0])))
    try:
        assert generate(nano, asks, temperature=1.0, max_new_tokens=8) == usual
    finally:
        handle.remove()
    assert set(fed) == {1}


def test_the_memory_of_a_row_is_that_of_its_cache(nano: Loaded) -> None:
    tokens = 64
    cache = roomy(nano.model, tokens)
    ids = torch.ones(1, tokens, dtype=torch.long)
    with torch.no_grad():
        nano.model.get_decoder()(input_ids=ids, past_key_values=cache, use_cache=True)
    held = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)
    each = held + 32 * nano.model.config.vocab_size
    assert rows_that_fit(nano, tokens, 20 * each) == 10
    assert rows_that_fit(nano, tokens, 20 * each - 1) == 9
    assert 0 < free_memory(nano.device) < 1 << 50


def test_a_cache_in_place_holds_what_a_growing_one_holds() -> None:
    g = torch.Generator().manual_seed(0)
    grown, placed = DynamicLayer(), RoomyLayer(12)
    for tokens in (5, 1, 1, 3):
        k, v = torch.randn(2, 4, 2, tokens, 8, generator=g)
        for a, b in zip(grown.update(k, v), placed.update(k, v), strict=True):
            assert torch.equal(a, b)
        assert placed.get_seq_length() == grown.get_seq_length()
    rows = torch.tensor([0, 3])
    for layer in (grown, placed):
        layer.batch_select_indices(rows)
    k, v = torch.randn(2, 2, 2, 1, 8, generator=g)
    for a, b in zip(grown.update(k, v), placed.update(k, v), strict=True):
        assert torch.equal(a, b)


def test_layers_with_a_window_keep_their_own_kind() -> None:
    model = load(Model(id="random:gemma3")).model
    kinds = {type(layer) for layer in DynamicCache(config=model.config).layers}
    ours = [type(layer) for layer in roomy(model, 8).layers]
    assert DynamicLayer not in ours
    assert set(ours) == (kinds - {DynamicLayer}) | ({RoomyLayer} if DynamicLayer in kinds else set())


def test_keyed_noise_is_splitmix64_of_key_step_and_token() -> None:
    """Against whole-number arithmetic in Python: the noise of runs made before stays what it was."""

    def mix(x: int) -> int:
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB % 2**64
        return x ^ (x >> 31)

    key, step = row_key("golden"), 5
    noise = gumbel(torch.tensor([key]), step, 40)[0]
    for token in range(40):
        inner = mix((key + 0x632BE59BD9B4E019 * (step + 1)) % 2**64)
        bits = mix((inner + token * 0x1E3779B97F4A7C15) % 2**64) & 0x7FFFFF
        expected = -math.log(-math.log((bits + 0.5) / 0x800000))
        assert float(noise[token]) == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_gates_that_stand_already_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entering the gates that are set touches no layer; leaving others puts them back."""
    loaded = load(Model(id="random:llama"))
    student = Student(loaded, Heal(rank=4, alpha=8.0))
    student.begin_round(0)
    active = [list(layer.active_adapters) for layer in student.layers]
    with monkeypatch.context() as patch, student.gates(history=1.0, current=1.0):
        patch.setattr(Student, "_apply", lambda *_: pytest.fail("gates that stand were set again"))
        with student.gates(history=1.0, current=1.0):
            pass
    with student.gates(history=1.0, current=1.0):
        assert [list(layer.active_adapters) for layer in student.layers] == active
        with student.base():
            assert all(layer.disable_adapters for layer in student.layers)
            with student.gates(history=0.0, current=0.0):
                assert all(layer.disable_adapters for layer in student.layers)
            assert all(layer.disable_adapters for layer in student.layers)
        assert not any(layer.disable_adapters for layer in student.layers)
    assert all(ROUND in layer.active_adapters for layer in student.layers)
