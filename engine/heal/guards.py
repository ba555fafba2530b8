"""Divergence guards as pure functions: each looks at numbers and returns a Trip, or None where the run may go on.

GUARDS lists every rule with the tests that hold it; a test checks that they exist."""

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
    """A guard that tripped. `value` is text, because it may be nan or inf, which JSON cannot hold; for nonfinite it says of what."""

    guard: Guard
    value: str
    limit: float
    regime: str

    def __str__(self) -> str:
        if self.guard == "nonfinite":
            return f"nonfinite: {self.value} in the {self.regime} regime, and the step was not applied; find the operation that made it"
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
    for name, value in (("loss", loss), ("gradient norm", grad_norm)):
        if not math.isfinite(value):
            return Trip("nonfinite", f"{name} {value}", math.inf, regime_name(regime))
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


def cycled(what: str, start: int, size: int, available: int) -> str:
    """What to say when `size` draws from `start` on pass the end of `available` items for the first time, '' when they do not: data that
    is used up comes again from the first, and is never padded."""
    if not start <= available < start + size:
        return ""
    return f"the {available} {what} are used up; they come again from the first"


class Rule(msgspec.Struct, frozen=True):
    """One rule: the requirement it holds, what it says, and the tests that hold it (file::test, under tests/)."""

    requirement: str
    rule: str
    tests: tuple[str, ...]


GUARDS = (
    Rule(
        "A1",
        "the regime is finetune, or from_scratch with its vocabulary",
        ("heal/test_guards.py::test_A1_a_regime_survives_its_json",),
    ),
    Rule(
        "A2",
        "first validation loss at most 10 nats (finetune) or 2 ln V (from_scratch)",
        (
            "heal/test_guards.py::test_A2_caps_are_ten_nats_and_twice_ln_v",
            "heal/test_guards.py::test_A2_from_scratch_18_passes_and_25_aborts_where_a_finetune_aborts_on_both",
        ),
    ),
    Rule(
        "A3",
        "a validation loss at most twice the one before it, or less than 0.3 nats above it",
        (
            "heal/test_guards.py::test_A3_doubling_aborts_only_with_a_real_rise_in_both_regimes",
            "heal/test_guards.py::test_A3_a_loss_that_does_not_rise_never_trips",
            "engine/test_resume.py::test_on_trip_keep_best_epoch_bakes_the_best_epoch_and_says_so",
        ),
    ),
    Rule(
        "A4",
        "the regime sets learning rate, warmup and target together; an explicit value wins",
        ("heal/test_guards.py::test_A4_the_regime_flips_all_three_defaults_and_an_explicit_value_wins",),
    ),
    Rule(
        "A5",
        "a non-finite loss or gradient norm ends the run before the optimizer step",
        (
            "heal/test_guards.py::test_A5_a_non_finite_loss_or_gradient_trips",
            "heal/test_guards.py::test_A5_nan_validation_trips_too",
            "engine/test_heal_batches.py::test_a_loss_that_is_not_a_number_ends_the_run_before_the_step",
        ),
    ),
    Rule(
        "A6",
        "one seed, one run: text, losses, gradient norms and weights, at any batch size and after any resume",
        (
            "engine/test_loop.py::test_the_same_seed_gives_the_same_run_and_another_seed_another",
            "engine/test_heal_batches.py::test_row_by_row_equals_one_batch",
            "engine/test_resume.py::test_fault19_a_run_interrupted_a_dozen_times_equals_the_uninterrupted_one",
        ),
    ),
    Rule(
        "A7",
        "every step says all that it must, and nothing that is not a number",
        ("engine/test_loop.py::test_the_heal_stream_is_complete",),
    ),
    Rule(
        "A8",
        "a finished epoch or round has its state with its sha256",
        ("engine/test_resume.py::test_A8_every_finished_epoch_and_round_has_its_state_with_its_sha256",),
    ),
    Rule(
        "A9",
        "data that is used up is cycled with one line, never padded",
        ("heal/test_guards.py::test_A9_data_that_is_used_up_is_said_once",),
    ),
    Rule(
        "A10",
        "a reduced run is asked for, marked smoke, and carries no claim",
        (
            "cockpit/test_runs.py::test_a_fast_dev_run_is_marked_smoke_sealed_and_one_line_in_the_journal",
            "journal/test_claims.py::test_fault_35_smoke_runs_carry_no_claim",
        ),
    ),
    Rule(
        "A11",
        "every guard names the tests that hold it",
        ("heal/test_guards.py::test_A11_every_guard_names_tests_that_exist",),
    ),
)
