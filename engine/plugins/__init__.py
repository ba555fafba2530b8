"""What a plugin file may bring. Mark a function at the top level of the file; its own name goes into the setting.

    from engine.plugins import vector_method

    @vector_method                      # --plugin FILE.py --set steer.method=median_diff
    def median_diff(pairs):             # Pairs -> Tensor [d]
        return (pairs.positive - pairs.negative).median(0).values

    @barrier_aggregate                  # heal.aggregate:      kl, Tensor [n] in nats -> Tensor [], differentiable, D of one completion
    @completion_filter                  # keep.filters:        Judged -> bool, True drops the completion and the name is the reason
    @evaluator                          # evaluate.evaluators: (Subject, [Completion]) -> one float each; the mean is the metric's value

Any of them may raise: the run then fails with one line that names the file and the line. Results that are not finite, or of another
shape, are refused. The file's text is part of the run's identity and is copied into its folder; examples/plugins has one of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from jaxtyping import Float
from torch import Tensor

F = TypeVar("F", bound=Callable[..., Any])
MARK = "cockpit_plugin_kind"


class Pairs(NamedTuple):
    """Outputs of one layer at the assistant tag (fp32, CPU): `positive` and `negative` of the same context in the same row, with the
    context's kind (trait, benign, neutral)."""

    positive: Float[Tensor, "n d"]
    negative: Float[Tensor, "n d"]
    kinds: list[str]


def vector_method(function: F) -> F:
    """Pairs -> Tensor [d]: a direction of any length, which gets that of the norm rule."""
    return _marked(function, "vector_method")


def barrier_aggregate(function: F) -> F:
    """kl Tensor [n] (nats at each position of one completion, n at least 1) -> Tensor []: D, differentiable by kl, also at kl = 0."""
    return _marked(function, "barrier_aggregate")


def completion_filter(function: F) -> F:
    """engine.steer.keep.Judged -> bool: whether to drop this completion, which no filter before found fault with."""
    return _marked(function, "completion_filter")


def evaluator(function: F) -> F:
    """(engine.evaluate.subject.Subject, list of engine.steer.keep.Completion) -> one finite float for each completion."""
    return _marked(function, "evaluator")


def _marked(function: F, kind: str) -> F:
    setattr(function, MARK, kind)
    return function
