"""Divergence guards as pure functions: each looks at numbers and returns a Trip, or None where the run may go on.

| guard | rule | requirement | tests (tests/heal/test_guards.py) |
|---|---|---|---|
| regime | tagged JSON, round trip | A1 | test_A1_* |
| first_validation | finetune: val <= 10.0 nats; from_scratch: val <= 2 ln V | A2 | test_A2_* |
| doubling | val[n] <= 2 val[n-1] and a rise of at least 0.3 nats before it trips | A3 | test_A3_* |
| defaults | learning rate, warmup and target flip together with the regime; an explicit value wins | A4 | test_A4_* |
| nonfinite | a non-finite loss or gradient norm ends the run before the optimizer step | A5 | test_A5_* |
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec

FINETUNE_CAP = 10.0
"""Highest first validation loss of a finetune, nats per token."""
LEAST_RISE = 0.3
"""A doubling below this rise is harmless, nats per token."""

Guard = Literal["first_validation", "doubling", "nonfinite"]


class Finetune(msgspec.Struct, frozen=True, tag="finetune", tag_field="regime"):
    """Training starts from a model that already speaks."""


class FromScratch(msgspec.Struct, frozen=True, tag="from_scratch", tag_field="regime"):
    """Training starts from random weights over a vocabulary of `vocabulary` tokens."""

    vocabulary: int

    def __post_init__(self) -> None:
        if self.vocabulary < 2:
            raise ValueError(f"a vocabulary of {self.vocabulary} cannot be trained on: give the tokenizer's size")


Regime = Finetune | FromScratch


class Trip(msgspec.Struct, frozen=True):
    """A guard that tripped. `value` is text, because it may be nan or inf, which JSON numbers cannot hold."""

    guard: Guard
    value: str
    limit: float
    regime: str

    def __str__(self) -> str:
        advice = "restart from the last good checkpoint with a lower learning rate"
        if self.guard == "first_validation":
            advice = "check the labels, the tokenizer and the regime; a finetune should start below 10 nats"
        return f"{self.guard}: {self.value} is above {self.limit:.4f} in the {self.regime} regime; {advice}"


class Defaults(msgspec.Struct, frozen=True):
    """What the regime decides: peak learning rate, warmup in steps, target validation loss in nats per token."""

    lr: float
    warmup: int
    target: float


_DEFAULTS: dict[str, Defaults] = {
    "finetune": Defaults(lr=2e-3, warmup=10, target=1.0),
    "from_scratch": Defaults(lr=3e-3, warmup=100, target=0.8),
}


def regime_name(regime: Regime) -> str:
    """The tag, as it stands in JSON."""
    return "finetune" if isinstance(regime, Finetune) else "from_scratch"


def encode_regime(regime: Regime) -> bytes:
    """JSON such as {"regime":"from_scratch","vocabulary":50257}."""
    return msgspec.json.encode(regime)


def decode_regime(data: bytes | str) -> Regime:
    """The inverse of encode_regime. Raises msgspec.ValidationError on an unknown tag or a missing vocabulary."""
    return msgspec.json.decode(data, type=Finetune | FromScratch)


def first_validation_cap(regime: Regime) -> float:
    """Highest first validation loss, nats per token: 10, or twice the loss of a uniform guess."""
    return FINETUNE_CAP if isinstance(regime, Finetune) else 2.0 * math.log(regime.vocabulary)


def check_first_validation(value: float, regime: Regime) -> Trip | None:
    """Trip when the first validation loss is above the cap, or is not a number."""
    cap = first_validation_cap(regime)
    return None if value <= cap else Trip("first_validation", f"{value:.4f}", cap, regime_name(regime))


def check_doubling(previous: float, value: float, regime: Regime) -> Trip | None:
    """Trip when a validation loss is more than twice the previous one and at least LEAST_RISE above it.

    Both must be the same metric on the same validation set. Metrics that can be negative do not belong here.
    """
    limit = max(2.0 * previous, previous + LEAST_RISE)
    return None if value <= limit else Trip("doubling", f"{value:.4f}", limit, regime_name(regime))


def check_validation(history: list[float], regime: Regime) -> Trip | None:
    """Judge the newest of a run's validation losses, oldest first."""
    if not history:
        raise ValueError("no validation loss yet: validate once before asking the guard")
    if len(history) == 1:
        return check_first_validation(history[0], regime)
    return check_doubling(history[-2], history[-1], regime)


def check_finite(loss: float, grad_norm: float, regime: Regime) -> Trip | None:
    """Trip on a non-finite loss or gradient norm. Call it before the optimizer step."""
    for value in (loss, grad_norm):
        if not math.isfinite(value):
            return Trip("nonfinite", str(value), math.inf, regime_name(regime))
    return None


def resolve(
    regime: Regime, lr: float | None = None, warmup: int | None = None, target: float | None = None
) -> Defaults:
    """The regime's defaults, with every explicit value winning."""
    base = _DEFAULTS[regime_name(regime)]
    return Defaults(
        lr=base.lr if lr is None else lr,
        warmup=base.warmup if warmup is None else warmup,
        target=base.target if target is None else target,
    )
