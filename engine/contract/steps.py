"""Events as readers of whole runs decode them: a heal step as plain numbers, NaN where it was not measured.

A long run has so many steps that an unset value in each would cost more than all the rest: `Step` is what columns are made of.
"""

from __future__ import annotations

from typing import Union, get_args

import msgspec

from engine.contract.events import AnyEvent, Event, HealStep

_NAN = float("nan")


class Step(Event, frozen=True, kw_only=True, gc=False, tag="heal_step"):
    """A heal step, the same fields as HealStep; the collector never looks at it."""

    step: int
    epoch: int
    tokens: int
    loss: float
    nll: float
    grad_norm: float
    lr: float
    update_ratio: float
    tokens_per_second: float
    util: float = _NAN
    kl: float = _NAN
    kl_mean: float = _NAN
    kl_rmse: float = _NAN
    kl_p95: float = _NAN
    kl_max: float = _NAN
    kl_base: float = _NAN
    tau: float = _NAN
    lam: float = _NAN
    barrier: float = _NAN
    fired: float = _NAN
    g_nll: float = _NAN
    g_bar: float = _NAN


Stepped = AnyEvent | Step
"""An event of a run's events.jsonl; its heal steps are Steps."""
decoder: msgspec.json.Decoder[Stepped] = msgspec.json.Decoder(
    Union[tuple(Step if kind is HealStep else kind for kind in get_args(AnyEvent))]  # noqa: UP007
)
"""Raises msgspec.DecodeError for a line that is no event of this version."""
