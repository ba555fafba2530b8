"""What an export is held to: the logits of the run's own student on fixed val prompts, beside those of what was written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.contract.traits import load_trait
from engine.evaluate.pick import spread
from engine.evaluate.worlds import load_world
from engine.export.source import Source
from engine.model.adapter import Student
from engine.model.load import Loaded, load

PROMPTS = 8
"""Val prompts compared, all their positions: some hundred rows of logits, which take seconds on any model."""


@dataclass(frozen=True)
class Reference:
    """Token ids of the prompts, the student's logits on them [t, v] (fp32, CPU), the dtype its base was loaded in (such as bfloat16), and
    the largest absolute difference of these to the base's own logits."""

    prompts: tuple[tuple[int, ...], ...]
    logits: tuple[Tensor, ...]
    dtype: str
    effect: float

    def difference(self, model: Any) -> float:
        """The largest absolute difference of a model's logits to the student's."""
        return largest(logits(model, self.prompts), self.logits)


def reference(source: Source) -> Reference:
    """Load the base as the run did, put the round's student on it, its history in factors as PEFT computes it, and keep its logits."""
    loaded = load(source.run.config.model)
    student = Student(loaded, source.run.config.heal, factored=True)
    student.load_history(source.student, source.round)
    prompts = fixed_prompts(source, loaded)
    with student.gates(history=1.0, current=0.0):
        healed = logits(loaded.model, prompts)
    with student.base():
        base = logits(loaded.model, prompts)
    return Reference(prompts, healed, dtype_name(loaded.dtype), largest(healed, base))


def dtype_name(dtype: torch.dtype) -> str:
    """bfloat16 for torch.bfloat16, as transformers takes it."""
    return str(dtype).removeprefix("torch.")


def fixed_prompts(source: Source, loaded: Loaded) -> tuple[tuple[int, ...], ...]:
    """Val prompts of the run's trait, spread over its templates; the same for every export of a run."""
    world = load_world(load_trait(source.run.config.trait.name))
    chosen = spread(world.prompts("val"), PROMPTS, lambda p: p.cluster)
    return tuple(tuple(loaded.chat.prompt(p.text)) for p in chosen)


@torch.no_grad()
def logits(model: Any, prompts: tuple[tuple[int, ...], ...]) -> tuple[Tensor, ...]:
    """Logits [t, v] of each prompt (fp32, CPU), one at a time, so that no padding enters."""
    found = []
    for ids in prompts:
        out = model(input_ids=torch.tensor([ids], device=next(model.parameters()).device), use_cache=False)
        found.append(out.logits[0].float().cpu())
    return tuple(found)


def largest(a: tuple[Tensor, ...], b: tuple[Tensor, ...]) -> float:
    """Largest absolute difference over all prompts, positions and tokens; NaN where either holds one."""
    return float(torch.stack([(x - y).abs().max() for x, y in zip(a, b, strict=True)]).max())
