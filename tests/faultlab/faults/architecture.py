"""Wrong heads, wrong tokens, and a bake that is not the sum of its rounds."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from ..inject import Fault, wrapped

Bite = Callable[[], None]


def _double_softmax(sharpness: float, bite: Bite) -> AbstractContextManager[None]:
    """The loss takes probabilities for logits."""
    from engine.heal import head_plain

    def around(log_probs: Any, logits: Any) -> Any:
        bite()
        return log_probs(sharpness * log_probs(logits).exp())

    return wrapped(head_plain, "log_probs", around)


def _stuck(scale: float, bite: Bite) -> AbstractContextManager[None]:
    """The loss sees logits that are scaled to next to nothing, so that no answer is likelier than another."""
    from engine.heal import head_plain

    def around(logits: Any, model: Any, h: Any) -> Any:
        bite()
        return logits(model, h) * scale

    return wrapped(head_plain, "logits", around)


def _other_tokens(share: float, bite: Bite) -> AbstractContextManager[None]:
    """A share of the vocabulary means other tokens than the checkpoint was trained with."""
    import torch

    from engine import stages

    def around(load: Any, *args: Any, **kwargs: Any) -> Any:
        loaded = load(*args, **kwargs)
        rows = len(loaded.model.get_input_embeddings().weight)
        chosen = torch.randperm(rows, generator=torch.Generator().manual_seed(7))[: int(share * rows)]
        tables = {
            id(m.weight): m.weight for m in (loaded.model.get_input_embeddings(), loaded.model.get_output_embeddings())
        }
        for table in tables.values():
            table.data[chosen] = table.data[chosen.roll(1)]
        bite()
        return loaded

    return wrapped(stages, "load", around)


def _fold_in_bf16(drift: float, bite: Bite) -> AbstractContextManager[None]:
    """The folded history loses digits, and the fold says how many; over a drift of 1 the base itself is changed as well."""
    import torch

    from engine.model.adapter import Student

    def around(fold: Any, student: Any) -> float:
        error = float(fold(student))
        bite()
        if drift >= 1.0:
            next(
                p for n, p in student.loaded.model.named_parameters() if "layers.0" in n and "lora" not in n
            ).data.mul_(1.01)
            return error
        for layer in student.layers:
            a, b = layer.lora_A[student.history].weight, layer.lora_B[student.history].weight
            before = b.data @ a.data
            for p in (a, b):
                p.data.mul_(1.0 + drift * torch.randn(p.shape, generator=torch.Generator().manual_seed(1))).copy_(
                    p.data.bfloat16().float()
                )
            error = max(error, float((b.data @ a.data - before).norm() / before.norm().clamp(min=1e-30)))
        return error

    return wrapped(Student, "fold", around)


PLAIN = ('heal.head="plain"',)
OPEN = ("keep.enabled=false", "evaluate.coherence_floor=0.0")

FAULTS = (
    Fault(
        "double_softmax",
        8,
        "softmax over softmax",
        ("stuck near ln V",),
        1.0,
        0.5,
        sets=lambda _: PLAIN,
        inject=_double_softmax,
    ),
    Fault(
        "stuck_near_ln_v",
        0,
        "logits scaled to nothing",
        ("stuck near ln V",),
        1e-3,
        1e-2,
        sets=lambda _: PLAIN,
        inject=_stuck,
    ),
    Fault(
        "wrong_tokenizer",
        14,
        "the tokenizer of another checkpoint",
        ("wrong tokenizer or weights",),
        1.0,
        0.6,
        sets=lambda _: OPEN,
        inject=_other_tokens,
    ),
    Fault(
        "baked_drift", 0, "a fold that is not the sum of its rounds", ("baked drift",), 0.0, 1.0, inject=_fold_in_bf16
    ),
)
