"""Gradients that are not finite, explode, vanish, or never arrive."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from ..inject import Fault, counted, wrapped

Bite = Callable[[], None]


def at_the_head(change: Callable[[Any, int], Any], bite: Bite) -> AbstractContextManager[None]:
    """`change(out, call)` to what the head of every batch says; None leaves it as it is."""
    import engine.heal.step as step

    count = counted()

    def around(head: Any, *args: Any, **kwargs: Any) -> Any:
        out = head(*args, **kwargs)
        changed = change(out, count())
        if changed is None:
            return out
        bite()
        return changed

    return wrapped(step, "head", around)


def _nan_loss(first: int, bite: Bite) -> AbstractContextManager[None]:
    """The forward pass overflows from call `first` on: hidden states are NaN, so is the loss."""
    import engine.heal.step as step

    count = counted()

    def around(head: Any, model: Any, h: Any, *args: Any, **kwargs: Any) -> Any:
        if count() < first:
            return head(model, h, *args, **kwargs)
        bite()
        return head(model, h * float("nan"), *args, **kwargs)

    return wrapped(step, "head", around)


def _infinite_gradient(first: int, bite: Bite) -> AbstractContextManager[None]:
    """The backward pass overflows from call `first` on while the loss is finite."""
    return at_the_head(
        lambda out, call: replace(out, gradient=out.gradient.clone().fill_(float("inf"))) if call >= first else None,
        bite,
    )


def _scaled(strength: tuple[float, int], bite: Bite) -> AbstractContextManager[None]:
    """The gradient that enters the trunk is multiplied from some call on."""
    factor, first = strength
    return at_the_head(lambda out, call: replace(out, gradient=out.gradient * factor) if call >= first else None, bite)


def _frozen(share: float, bite: Bite) -> AbstractContextManager[None]:
    """The first `share` of the adapter's parameters get a gradient of exactly 0, as a detached branch gives."""
    from engine.model.adapter import Student

    def around(begin: Any, student: Any, *args: Any, **kwargs: Any) -> Any:
        parameters = begin(student, *args, **kwargs)
        for p in parameters[: round(share * len(parameters))]:
            p.register_hook(lambda g: g * 0.0)
        bite()
        return parameters

    return wrapped(Student, "begin_round", around)


def _vanishing(strength: tuple[float, float], bite: Bite) -> AbstractContextManager[None]:
    """The gradient shrinks by a factor at some depth, so that every adapter below it learns next to nothing."""
    from engine.model.adapter import Student

    factor, depth = strength

    def around(begin: Any, student: Any, *args: Any, **kwargs: Any) -> Any:
        parameters = begin(student, *args, **kwargs)
        for p in parameters[: round(depth * len(parameters))]:
            p.register_hook(lambda g: g * factor)
        bite()
        return parameters

    return wrapped(Student, "begin_round", around)


FAULTS = (
    Fault("nan_loss", 1, "the forward pass is NaN from a step on", ("non-finite",), 6, 11, inject=_nan_loss),
    Fault(
        "infinite_gradient",
        2,
        "the gradient is infinite while the loss is finite",
        ("non-finite",),
        6,
        11,
        inject=_infinite_gradient,
    ),
    Fault(
        "exploding_gradient",
        0,
        "the gradient is a thousand times too large",
        ("exploding gradients",),
        (1000.0, 5),
        (300.0, 9),
        inject=_scaled,
    ),
    Fault("frozen", 6, "adapters whose gradient is exactly 0", ("frozen or disconnected",), 1.0, 0.5, inject=_frozen),
    Fault(
        "vanishing",
        7,
        "the gradient vanishes on its way down",
        ("vanishing gradients",),
        (1e-9, 1.0),
        (1e-9, 0.6),
        inject=_vanishing,
    ),
)
