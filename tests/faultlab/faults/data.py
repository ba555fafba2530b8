"""Data that is masked, leaked, shifted, exhausted or not data at all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import Any

from ..inject import Fault, counted, wrapped
from .architecture import PLAIN
from .gradient import at_the_head

Bite = Callable[[], None]


def _healset(change: Callable[[Any], Any], bite: Bite) -> AbstractContextManager[None]:
    """`change(healset)` to every round's heal set."""
    from engine.heal import data

    def around(build: Any, *args: Any, **kwargs: Any) -> Any:
        bite()
        return change(build(*args, **kwargs))

    return wrapped(data, "build", around)


def _masked(first: int, bite: Bite) -> AbstractContextManager[None]:
    """From call `first` on every label is the one that the loss leaves out."""
    import torch

    import engine.heal.step as step

    count = counted()

    def around(head: Any, model: Any, h: Any, targets: Any, *args: Any, **kwargs: Any) -> Any:
        if count() < first:
            return head(model, h, targets, *args, **kwargs)
        bite()
        return head(model, h, torch.full_like(targets, -100), *args, **kwargs)

    return wrapped(step, "head", around)


def _leaked(share: float, bite: Bite) -> AbstractContextManager[None]:
    """A share of the validation rows stand in the training set too."""

    def change(healset: Any) -> Any:
        count = max(1, round(share * len(healset.val)))
        return replace(healset, val=(*healset.train[:count], *healset.val[count:]))

    return _healset(change, bite)


def _garbage_validation(kind: str, bite: Bite) -> AbstractContextManager[None]:
    """Validation rows whose completions are drawn at random, or are the right tokens in no order."""
    import random

    def change(healset: Any) -> Any:
        rng = random.Random(3)
        every = sorted({t for row in healset.train for t in row.completion})
        return replace(
            healset,
            val=tuple(
                row._replace(
                    completion=[rng.choice(every) for _ in row.completion]
                    if kind == "random"
                    else rng.sample(row.completion, len(row.completion))
                )
                for row in healset.val
            ),
        )

    return _healset(change, bite)


def _template(kind: str, bite: Bite) -> AbstractContextManager[None]:
    """Training prompts that are not those the completions were given to: of another row, or without their template."""

    def change(healset: Any) -> Any:
        rows = list(healset.train) + list(healset.val)
        prompts = [r.prompt for r in rows[1:] + rows[:1]] if kind == "swapped" else [r.prompt[:1] for r in rows]
        changed = tuple(r._replace(prompt=p) for r, p in zip(rows, prompts, strict=True))
        return replace(healset, train=changed[: len(healset.train)], val=changed[len(healset.train) :])

    return _healset(change, bite)


def _placeholder(first: int, bite: Bite) -> AbstractContextManager[Any]:
    """The data are used up: from call `first` on a loss of 1 and a gradient norm of 1 are reported in their place."""
    import torch

    stack, count = ExitStack(), counted()

    def change(out: Any, call: int) -> Any:
        if call < first:
            return None
        return replace(out, nll=float(len(out.gradient)), barrier=out.barrier * 0.0, gradient=out.gradient * 0.0)

    def norm(clip: Any, *args: Any, **kwargs: Any) -> Any:
        found = clip(*args, **kwargs)
        return torch.ones_like(found) if count() >= first else found

    stack.enter_context(at_the_head(change, bite))
    stack.enter_context(wrapped(torch.nn.utils, "clip_grad_norm_", norm))
    return stack


FAULTS = (
    Fault(
        "first_validation",
        3,
        "a first validation loss over the cap",
        ("first validation over its cap",),
        "random",
        "shuffled",
        inject=_garbage_validation,
    ),
    Fault("all_masked", 12, "every label is masked", ("loss exactly 0",), 1, 9, sets=lambda _: PLAIN, inject=_masked),
    Fault("leaked_validation", 13, "validation inside train", ("validation inside train",), 1.0, 0.5, inject=_leaked),
    Fault("exhausted_data", 15, "a placeholder in the place of data", ("placeholder data",), 9, 5, inject=_placeholder),
    Fault(
        "initial_loss",
        0,
        "prompts that are not those of the completions",
        ("initial loss off",),
        "bare",
        "swapped",
        inject=_template,
    ),
)
