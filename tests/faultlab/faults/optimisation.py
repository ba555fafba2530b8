"""Learning rates, schedules and optimizers that are wrong, and validation losses that show it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from ..inject import Fault, counted, wrapped

Bite = Callable[[], None]


def _each_step(change: Callable[[Any, int, Callable[[], None]], bool], bite: Bite) -> AbstractContextManager[None]:
    """`change(optimizer, step, go)` in the place of every optimizer step; it says whether it changed anything."""
    import torch

    count = counted()

    def around(step: Any, optimizer: Any, *args: Any, **kwargs: Any) -> None:
        if change(optimizer, count(), lambda: step(optimizer, *args, **kwargs)):
            bite()

    return wrapped(torch.optim.AdamW, "step", around)


def _jump(strength: tuple[float, int], bite: Bite) -> AbstractContextManager[None]:
    """One optimizer step throws the adapter far from where it was."""
    factor, at = strength

    def change(optimizer: Any, step: int, go: Callable[[], None]) -> bool:
        go()
        if step == at:
            for p in optimizer.param_groups[0]["params"]:
                p.data.mul_(factor)
        return step == at

    return _each_step(change, bite)


def _stalled(strength: tuple[float, int], bite: Bite) -> AbstractContextManager[None]:
    """From a step on only a small share of every update arrives, as with weights that round it away."""
    share, first = strength

    def change(optimizer: Any, step: int, go: Callable[[], None]) -> bool:
        before = [p.detach().clone() for p in optimizer.param_groups[0]["params"]]
        go()
        if step >= first:
            for p, old in zip(optimizer.param_groups[0]["params"], before, strict=True):
                p.data.copy_(old + share * (p.data - old))
        return step >= first

    return _each_step(change, bite)


def _bad_batch(strength: tuple[int, float], bite: Bite) -> AbstractContextManager[None]:
    """One batch of garbage: its targets are drawn at random, a share of them."""
    import torch

    import engine.heal.step as step

    at, share = strength
    count = counted()

    def around(head: Any, model: Any, h: Any, targets: Any, *args: Any, **kwargs: Any) -> Any:
        if count() == at:
            bite()
            drawn = torch.randint(0, model.config.vocab_size, targets.shape)
            targets = torch.where(torch.rand(targets.shape) < share, drawn, targets)
        return head(model, h, targets, *args, **kwargs)

    return wrapped(step, "head", around)


def _miscounted(factor: float, bite: Bite) -> AbstractContextManager[None]:
    """The schedule counts something else than optimizer steps."""
    import engine.heal.train as train

    def around(rate: Any, knobs: Any, step: int, steps: int) -> float:
        bite()
        return float(rate(knobs, min(steps - 1, int(step * factor)), steps))

    return wrapped(train, "learning_rate", around)


def _swinging(strength: tuple[float, int], bite: Bite) -> AbstractContextManager[None]:
    """The adapter is thrown to and fro between two places, a few steps at a time, as by a rate far over its edge."""
    size, period = strength

    def change(optimizer: Any, step: int, go: Callable[[], None]) -> bool:
        go()
        if step % period:
            return False
        factor = size if (step // period) % 2 else 1.0 / size
        for p in optimizer.param_groups[0]["params"][1::2]:
            p.data.mul_(factor)
        return True

    return _each_step(change, bite)


def _rate(lr: float) -> tuple[str, ...]:
    return (f"heal.lr={lr}",)


FAULTS = (
    Fault(
        "validation_jumps",
        3,
        "validation more than doubles after one wild step",
        ("validation doubles",),
        (12.0, 6),
        (8.0, 9),
        inject=_jump,
    ),
    Fault(
        "rate_x100", 4, "a learning rate a hundred times too high", ("learning rate too high",), 0.2, 0.6, sets=_rate
    ),
    Fault(
        "rate_per_1000",
        5,
        "a learning rate a thousand times too low",
        ("learning rate too low",),
        2e-6,
        8e-6,
        sets=_rate,
    ),
    Fault(
        "spike",
        0,
        "one batch of garbage",
        ("spike",),
        (80, 1.0),
        (88, 0.6),
        sets=lambda _: ("heal.epochs=24", "evaluate.probes=1"),
        inject=_bad_batch,
    ),
    Fault(
        "plateau",
        0,
        "updates stop arriving",
        ("plateau",),
        (1e-3, 8),
        (1e-2, 6),
        sets=lambda _: ("heal.epochs=12", "evaluate.probes=1"),
        inject=_stalled,
    ),
    Fault(
        "oscillation",
        0,
        "the adapter swings between two places",
        ("oscillation",),
        (2.0, 4),
        (2.6, 4),
        sets=lambda _: ("heal.epochs=12", "evaluate.probes=1"),
        inject=_swinging,
    ),
    Fault(
        "overfit",
        0,
        "too many passes over too few texts",
        ("overfit",),
        30,
        40,
        sets=lambda epochs: (
            f"heal.epochs={epochs}",
            "heal.lr=4e-3",
            "heal.rank=32",
            "heal.alpha=64.0",
            "heal.replay=0.0",
            'heal.divergence="none"',
            "keep.max_kept=12",
            "heal.val_fraction=0.3",
            "evaluate.probes=1",
        ),
    ),
    Fault(
        "schedule",
        0,
        "the schedule counts micro-batches",
        ("learning-rate schedule wrong",),
        4.0,
        2.0,
        inject=_miscounted,
    ),
)
