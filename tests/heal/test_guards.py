"""Divergence guards hold requirements A1 to A5."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.heal.guards import (
    GUARDS,
    Finetune,
    FromScratch,
    Trip,
    check_doubling,
    check_finite,
    check_first_validation,
    check_validation,
    cycled,
    decode_regime,
    encode_regime,
    first_validation_cap,
    resolve,
)

LOSSES = st.floats(min_value=0.0, max_value=50.0)


@given(st.one_of(st.just(Finetune()), st.integers(2, 500_000).map(FromScratch)))
def test_A1_a_regime_survives_its_json(regime: Finetune | FromScratch) -> None:
    assert decode_regime(encode_regime(regime)) == regime


def test_A1_the_json_is_tagged_and_from_scratch_needs_its_vocabulary() -> None:
    assert msgspec.json.decode(encode_regime(FromScratch(50257))) == {"regime": "from_scratch", "vocabulary": 50257}
    with pytest.raises(msgspec.ValidationError, match="vocabulary"):
        decode_regime('{"regime":"from_scratch"}')
    with pytest.raises(msgspec.ValidationError):
        decode_regime('{"regime":"pretrain"}')


def test_A2_caps_are_ten_nats_and_twice_ln_v() -> None:
    assert first_validation_cap(Finetune()) == pytest.approx(10.0)
    assert first_validation_cap(FromScratch(50257)) == pytest.approx(21.6498, abs=1e-4)


def test_A2_from_scratch_18_passes_and_25_aborts_where_a_finetune_aborts_on_both() -> None:
    assert check_first_validation(18.0, FromScratch(50257)) is None
    trip = check_first_validation(25.0, FromScratch(50257))
    assert trip is not None
    assert trip.guard == "first_validation"
    assert trip.limit == pytest.approx(21.6498, abs=1e-4)
    assert check_first_validation(18.0, Finetune()) is not None
    assert check_first_validation(9.9, Finetune()) is None


@pytest.mark.parametrize("regime", [Finetune(), FromScratch(2048)])
def test_A3_doubling_aborts_only_with_a_real_rise_in_both_regimes(regime: Finetune | FromScratch) -> None:
    assert check_validation([3.5, 7.1], regime) is not None
    assert check_validation([3.5, 7.0], regime) is None
    assert check_validation([0.05, 0.12], regime) is None
    assert check_validation([0.2, 0.49], regime) is None
    assert check_validation([0.2, 0.51], regime) is not None


@given(LOSSES, LOSSES)
def test_A3_a_loss_that_does_not_rise_never_trips(previous: float, value: float) -> None:
    if value <= previous:
        assert check_doubling(previous, value, Finetune()) is None


def test_A3_only_the_newest_two_count_and_the_first_has_its_own_cap() -> None:
    assert check_validation([1.0, 5.0, 5.1], Finetune()) is None
    assert check_validation([25.0], FromScratch(2048)) is not None
    with pytest.raises(ValueError, match="validate once"):
        check_validation([], Finetune())


def test_A4_the_regime_flips_all_three_defaults_and_an_explicit_value_wins() -> None:
    fine, scratch = resolve(Finetune()), resolve(FromScratch(2048))
    assert fine.lr != scratch.lr
    assert fine.warmup != scratch.warmup
    assert fine.target != scratch.target
    given_lr = resolve(FromScratch(2048), lr=1e-4)
    assert given_lr.lr == pytest.approx(1e-4)
    assert given_lr.warmup == scratch.warmup
    assert given_lr.target == scratch.target
    assert resolve(Finetune(), warmup=0).warmup == 0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_A5_a_non_finite_loss_or_gradient_trips(bad: float) -> None:
    assert check_finite(1.0, 1.0, Finetune()) is None
    trips = (check_finite(bad, 1.0, Finetune()), check_finite(1.0, bad, FromScratch(9)))
    for trip, of in zip(trips, ("loss", "gradient norm"), strict=True):
        assert trip is not None
        assert trip.guard == "nonfinite"
        assert trip.value == f"{of} {bad}"


def test_A5_nan_validation_trips_too() -> None:
    assert check_validation([math.nan], Finetune()) is not None
    assert check_validation([1.0, math.nan], Finetune()) is not None


@given(st.integers(1, 20), st.lists(st.integers(1, 15), min_size=1, max_size=12))
def test_A9_data_that_is_used_up_is_said_once(available: int, sizes: list[int]) -> None:
    starts = [sum(sizes[:n]) for n in range(len(sizes))]
    said = [cycled("prompts", start, size, available) for start, size in zip(starts, sizes, strict=True)]
    assert sum(map(bool, said)) == (sum(sizes) > available)
    assert all(f"the {available} prompts are used up" in s for s in said if s)


def test_A11_every_guard_names_tests_that_exist() -> None:
    assert [g.requirement for g in GUARDS] == [f"A{n}" for n in range(1, 12)]
    for name in (name for guard in GUARDS for name in guard.tests):
        file, _, test = name.partition("::")
        assert f"def {test}(" in (Path(__file__).parents[1] / file).read_text(), name


def test_A11_a_trip_says_what_to_do_next() -> None:
    assert "lower learning rate" in str(Trip("doubling", "7.1000", 7.0, "finetune"))
