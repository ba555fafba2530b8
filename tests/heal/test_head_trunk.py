"""Through nano's trunk, neither the form of the head nor the cutting of a step into passes changes an adapter's gradient (W6; KB29)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
import torch
from torch import Tensor

from engine.contract.config import Heal, Model
from engine.heal.head import head
from engine.heal.reference import cache
from engine.heal.trunk import Trunk
from engine.model.adapter import Student
from engine.model.forward import Row, by_length, completion_positions, hidden, pad
from engine.model.load import load

TAU, LAM = 0.05, 0.5


@pytest.fixture(scope="module")
def student() -> Student:
    """Nano with a round's adapter that has moved, so that there is a KL to speak of."""
    made = Student(load(Model()), Heal())
    g = torch.Generator().manual_seed(0)
    for p in made.begin_round(0):
        p.data += 0.05 * torch.randn(p.shape, generator=g)
    return made


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """Samples of unlike lengths, one of a single token."""
    g = torch.Generator().manual_seed(1)
    sizes = [(9, 30), (21, 1), (5, 12), (14, 44), (30, 7)]
    return [Row(*(torch.randint(5, 900, (n,), generator=g).tolist() for n in size)) for size in sizes]


def gradient(student: Student, rows: Sequence[Row], passes: Sequence[Sequence[int]], form: str) -> Tensor:
    """Every adapter's gradient of one optimizer step, taken in these passes."""
    loaded = student.loaded
    parameters = [p for p in loaded.model.parameters() if p.requires_grad]
    for p in parameters:
        p.grad = None
    reference = cache(Trunk(student, rows), "base")
    tokens = sum(len(r.completion) for r in rows)
    for chosen in passes:
        part = [rows[i] for i in chosen]
        ref = torch.cat([reference[i] for i in chosen])
        batch = pad([r.prompt + r.completion for r in part], loaded.chat.pad, loaded.device, left=False)
        where, targets = completion_positions(part, batch.ids.shape[1], loaded.device)
        with student.gates():
            h = hidden(loaded.model, batch).flatten(0, 1)[where]
            out = head(
                loaded.model, h, targets, [len(r.completion) for r in part], ref, ref, Heal(head=form),  # type: ignore[arg-type]
                tau=TAU, lam=LAM, tokens=tokens, samples=len(rows),
            )  # fmt: skip
            h.backward(out.gradient)
        assert out.g_bar > 0
    return torch.cat([p.grad.flatten() for p in parameters if p.grad is not None])


def ways(rows: Sequence[Row]) -> Iterator[tuple[str, list[list[int]]]]:
    """Ways to cut the step: padded together, by length, one sample at a time."""
    yield "together", [list(range(len(rows)))]
    yield "by length", list(by_length([len(r.prompt) + len(r.completion) for r in rows], 2))
    yield "one by one", [[i] for i in range(len(rows))]


def test_W6_the_adapters_gradient_is_the_same_whatever_the_head_and_the_passes(
    student: Student, rows: list[Row]
) -> None:
    expected = gradient(student, rows, [list(range(len(rows)))], "plain")
    assert expected.norm() > 0
    for name, passes in ways(rows):
        for form in ("plain", "chunked"):
            off = (gradient(student, rows, passes, form) - expected).norm() / expected.norm()
            assert off < 1e-5, f"{form} head, {name}"
