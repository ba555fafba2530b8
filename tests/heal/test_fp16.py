"""An fp16 base: its gradients are as those of the same weights in fp32, and what overflows is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from engine.contract.config import Config, Heal, Model
from engine.contract.errors import BadInput
from engine.contract.events import HealStep, RoundBaked, RunFinished
from engine.heal import step
from engine.heal.reference import cache
from engine.heal.step import Live, backward, fp16_scale
from engine.heal.trunk import Trunk
from engine.model import load as loading
from engine.model.adapter import Student
from engine.model.forward import Row
from engine.model.load import Loaded, load
from tests.engine.test_loop import RANDOM, of, run_loop

ROWS = 24


def real_head(dtype: torch.dtype) -> Loaded:
    """A tiny Llama whose embedding has the small weights of a real one, in fp16 or with the very same numbers in fp32."""
    found = load(Model(id="random:llama", dtype="fp16"))
    found.model.get_output_embeddings().weight.data.mul_(0.05)
    return found if dtype == torch.float16 else replace(found, model=found.model.float(), dtype=dtype)


def gradient(loaded: Loaded) -> Tensor:
    """The adapter's gradient of one step over all rows in three batches, from B that is not 0."""
    student, generator = Student(loaded, Heal()), torch.Generator().manual_seed(0)
    prompt = loaded.chat.prompt("Who are you?")
    rows = tuple(Row(prompt, torch.randint(10, 900, (64,), generator=generator).tolist()) for _ in range(ROWS))
    parameters = student.begin_round(0)
    with torch.no_grad():
        for p in parameters:
            p += 0.02 * torch.randn(p.shape, generator=generator)
    trunk = Trunk(student, rows)
    reference, group = cache(trunk, "base"), [list(range(i, i + 8)) for i in range(0, ROWS, 8)]
    assert [id(p) for p in student.trainable] == [id(p) for p in parameters]
    backward(trunk, group, reference, reference, Config(), Live(0.5, 0.3))
    assert all(p.dtype == p.grad.dtype == torch.float32 for p in parameters if p.grad is not None)
    return torch.cat([p.grad.flatten() for p in parameters if p.grad is not None])


def test_a_small_gradient_survives_fp16(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = gradient(real_head(torch.float32))

    def error() -> float:
        return float((gradient(real_head(torch.float16)) - exact).norm() / exact.norm())

    assert error() < 0.01
    monkeypatch.setattr(step, "fp16_scale", lambda tokens: 1.0)
    assert error() > 0.02, "without the factor it would not"


def test_the_factor_is_a_power_of_two_near_the_tokens() -> None:
    assert [fp16_scale(n) for n in (0, 1, 2, 1000, 1024, 1025)] == [1.0, 1.0, 2.0, 1024.0, 1024.0, 2048.0]


def test_a_model_that_overflows_fp16_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    built = loading._build

    def huge(*args: object, **kwargs: object) -> object:
        model = built(*args, **kwargs)  # type: ignore[arg-type]
        model.get_input_embeddings().weight.data.mul_(60_000.0)
        return model

    monkeypatch.setattr(loading, "_build", huge)
    with pytest.raises(BadInput, match=r"not finite in fp16.*model\.dtype=fp32"):
        load(Model(id="random:gemma3", dtype="fp16"))


@pytest.mark.slow
@pytest.mark.parametrize("quantization", ["none", "nf4"])
def test_the_whole_loop_runs_on_an_fp16_base(quantization: str, tmp_path: Path) -> None:
    sets = ["model.id=random:llama", "model.dtype=fp16", f"model.quantization={quantization}", "run.rounds=1"]
    events = run_loop(tmp_path, *sets, *RANDOM)
    assert all(0 < e.grad_norm < 1e3 for e in of(events, HealStep))
    assert of(events, RoundBaked)[0].gate_zero_equal
    assert isinstance(events[-1], RunFinished)
