"""What the trunk saves in a heal changes nothing of it: activations below the first adapted block, and blocks computed again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.contract.config import Heal, Model
from engine.heal import trunk as trunks
from engine.heal.reference import cache
from engine.heal.trunk import Trunk
from engine.model.adapter import Student
from engine.model.forward import Row
from engine.model.load import load

FAMILIES = ("llama", "gemma3", "qwen3", "mistral", "phi3", "olmo2")
GROUPS = ([0, 3, 1], [2, 4])


def rows(limit: int) -> list[Row]:
    """Rows of unlike lengths, one with a single completion token."""
    g = torch.Generator().manual_seed(1)
    sizes = [(9, 30), (21, 1), (5, 12), (14, 44), (30, 7)]
    return [Row(*(torch.randint(5, limit, (n,), generator=g).tolist() for n in size)) for size in sizes]


def moved(model: str, dtype: str = "fp32", **knobs: Any) -> Student:
    """A student whose round's adapter has moved, on a fresh model."""
    student = Student(load(Model(id=model, dtype=dtype)), Heal(**knobs))  # type: ignore[arg-type]
    for n, p in enumerate(student.begin_round(0)):
        p.data += 0.05 * torch.randn(p.shape, generator=torch.Generator().manual_seed(n))
    return student


def learned(student: Student, take: Callable[[Trunk], Trunk] = lambda t: t) -> tuple[Tensor, Tensor, Tensor]:
    """(the base's states, the student's, the adapter's gradient) over all rows in two passes."""
    trunk = take(Trunk(student, rows(900)))
    reference = torch.cat(cache(trunk, "base"))
    states = []
    with student.gates():
        for group in GROUPS:
            h, targets, lengths = trunk(group)
            assert len(h) == len(targets) == sum(lengths)
            (h * torch.randn(h.shape, generator=torch.Generator().manual_seed(len(h)))).sum().backward()
            states.append(h.detach())
    return reference, torch.cat(states), torch.cat([p.grad.flatten() for p in student.trainable if p.grad is not None])


def off(a: Tensor, b: Tensor) -> float:
    return float((a - b).norm() / b.norm())


@pytest.mark.parametrize("family", FAMILIES)
def test_a_heal_that_starts_in_the_middle_learns_the_same_from_kept_activations(family: str) -> None:
    student = moved(f"random:{family}", layer_from=0.5)
    assert student.first_block > 0

    def whole(trunk: Trunk) -> Trunk:
        trunk._below = []
        return trunk

    kept = learned(student)
    assert Trunk(student, rows(900))._below, "nothing was kept"
    for p in student.trainable:
        p.grad = None
    for mine, theirs in zip(kept, learned(student, whole), strict=True):
        assert theirs.norm() > 0
        assert off(mine, theirs) < 1e-5


def test_the_blocks_below_run_once_a_row_however_often_the_rows_pass() -> None:
    student = moved("nano", layer_from=0.5)
    blocks, ran = student.loaded.layers, [0, 0]
    for which, block in enumerate((blocks[0], blocks[-1])):
        block.self_attn.register_forward_hook(lambda *_, which=which: ran.__setitem__(which, ran[which] + 1))
    trunk = Trunk(student, rows(900))
    before = list(ran)
    for _ in range(3):
        trunk([0, 1])
    assert ran[0] == before[0]
    assert ran[1] == before[1] + 3


@pytest.mark.parametrize("taken", [list.pop, lambda left: left[-1]], ids=["once", "again and again"])
def test_nothing_is_kept_for_a_model_whose_upper_blocks_read_the_lower_ones_otherwise(
    taken: Callable[[list[Tensor]], Tensor],
) -> None:
    """What a lower block leaves lying is gone or stale when that block is skipped; gone, it may raise."""
    student = moved("random:llama", layer_from=0.5)
    lower, upper = student.loaded.layers[0], student.loaded.layers[-1]
    left: list[Tensor] = []
    lower.self_attn.register_forward_hook(lambda _m, _a, out: left.append(out[0]))
    upper.register_forward_hook(lambda _m, _a, out: out + taken(left))
    assert Trunk(student, rows(900))._below == []


@pytest.mark.parametrize("family", FAMILIES)
def test_blocks_computed_again_give_the_same_gradients_to_the_bit(family: str) -> None:
    held, again = (moved(f"random:{family}", gradient_checkpointing=how) for how in ("off", "on"))
    for mine, theirs in zip(learned(again), learned(held), strict=True):
        assert torch.equal(mine, theirs)


def saved_bytes(student: Student) -> int:
    """Distinct bytes that autograd keeps of one pass, weights left out."""
    weights = {p.untyped_storage().data_ptr() for p in student.loaded.model.parameters()}
    found: dict[int, int] = {}

    def note(t: Tensor) -> Tensor:
        storage = t.untyped_storage()
        if storage.data_ptr() not in weights:
            found[storage.data_ptr()] = storage.nbytes()
        return t

    trunk = Trunk(student, rows(900))
    with student.gates(), torch.autograd.graph.saved_tensors_hooks(note, lambda t: t):
        kept = trunk([0, 1, 2, 3, 4])
    assert kept.h.requires_grad
    return sum(found.values())


def test_blocks_computed_again_hold_a_small_part_of_the_activations() -> None:
    assert (
        saved_bytes(moved("nano", gradient_checkpointing="on"))
        < saved_bytes(moved("nano", gradient_checkpointing="off")) / 8
    )


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
@pytest.mark.parametrize("model", ["nano", "random:llama", "random:gemma3"])
def test_the_bytes_that_a_step_will_hold_are_foreseen(model: str, dtype: str) -> None:
    student = moved(model, dtype=dtype, gradient_checkpointing="off")
    tokens = 5 * max(len(r.prompt) + len(r.completion) for r in rows(900))
    assert 0.6 < saved_bytes(student) / Trunk(student, rows(900)).held(tokens) < 1.2


def test_blocks_of_unlike_widths_are_foreseen_by_the_widest() -> None:
    student = moved("random:llama")
    config, held = student.loaded.model.config, Trunk(student, []).held
    width = config.intermediate_size
    one = held(10)
    config.__dict__["intermediate_size"] = [width, width // 2]  # as Gemma 3n's is
    assert held(10) == one


def test_activations_are_computed_again_only_where_memory_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    student = moved("nano")
    plenty = saved_bytes(student)
    monkeypatch.setattr(trunks, "free_memory", lambda _device: 1_000_000)
    assert saved_bytes(student) < plenty / 8
