"""iso-KL: the dose at a target KL, on curves and on the embedded model."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.contract.config import Steer
from engine.contract.errors import CockpitError
from engine.contract.events import DoseProbed, decode, encode
from engine.contract.world import World
from engine.model.forward import Row
from engine.model.load import Loaded
from engine.steer.calibrate import CLOSE, TRIES, Unsteered, search
from engine.steer.generate import Ask, generate
from engine.steer.vector import Vector


def found(config: Steer, curve: Callable[[float], float]) -> tuple[list[DoseProbed], float]:
    *probes, dose = search(config, curve)
    assert isinstance(dose, float)
    return [p for p in probes if isinstance(p, DoseProbed)], dose


def knee(at: float, steepness: float, top: float) -> Callable[[float], float]:
    """Grows with the square of the dose, then steeply at a knee, then saturates, as models do."""
    return lambda c: top * (1 - math.exp(-((c / at) ** 2) / top - (c / at) ** (2 + steepness) / top))


@given(at=st.floats(0.05, 200), steepness=st.floats(0, 12), top=st.floats(5, 50), target=st.floats(0.05, 3))
def test_the_dose_is_the_one_of_the_target_and_never_over_it(
    at: float, steepness: float, top: float, target: float
) -> None:
    config = Steer(calibration="kl", target_kl=target, dose_low=0.001, dose_high=1024.0, bisections=4)
    curve = knee(at, steepness, top)
    probes, dose = found(config, curve)
    assert [p.kappa for p in probes[:2]] == [1024.0, 0.001]
    assert len(probes) <= 2 + TRIES * config.bisections
    assert all(p.accepted == (p.kl <= target) and p.kl == curve(p.kappa) for p in probes)
    assert dose == max(p.kappa for p in probes if p.accepted)
    assert (1 - CLOSE) * target <= curve(dose) <= target


def test_a_target_outside_takes_the_nearest_end() -> None:
    config = Steer(calibration="kl", target_kl=1.0, dose_low=0.5, dose_high=2.0)
    probes, dose = found(config, lambda c: 0.01 * c)
    assert (dose, [p.kappa for p in probes], probes[-1].accepted) == (2.0, [2.0], True)
    probes, dose = found(config, lambda c: 10.0 * c)
    assert (dose, [p.kappa for p in probes], probes[-1].accepted) == (0.5, [2.0, 0.5], False)
    with pytest.raises(CockpitError, match=r"not finite: lower steer\.dose_high"):
        found(config, lambda c: math.nan)


def test_an_event_holds_the_kl_or_the_survivors_and_nothing_that_was_not_measured() -> None:
    by_kl = encode(DoseProbed(kappa=0.5, kl=0.9, accepted=True))
    walked = encode(DoseProbed(kappa=0.5, survivors=3, probed=4, low=0.4, high=0.9, accepted=True))
    assert [name in by_kl for name in (b'"kl"', b'"low"', b'"high"')] == [True, False, False]
    assert [name in walked for name in (b'"kl"', b'"low"', b'"high"')] == [False, True, True]
    assert decode(by_kl).kl == 0.9  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def answers(nano: Loaded, world: World) -> Unsteered:
    prompts = [nano.chat.prompt(p.text) for p in world.prompts("train")[:6]]
    said = generate(nano, [Ask(p) for p in prompts], temperature=0.0, max_new_tokens=32)
    return Unsteered(nano, [Row(p, a) for p, a in zip(prompts, said, strict=True)])


def test_no_dose_makes_no_kl_and_the_kl_of_one_answer_is_the_textbook_one(
    nano: Loaded, world: World, vectors: dict[str, Vector], answers: Unsteered
) -> None:
    assert all(answers.p95(v, 0.0) == pytest.approx(0.0, abs=1e-6) for v in vectors.values())
    prompt = nano.chat.prompt(world.prompts("train")[0].text)
    (said,) = generate(nano, [Ask(prompt)], temperature=0.0, max_new_tokens=32)
    ids, vector = torch.tensor([prompt + said]), vectors["mean_diff"]
    with torch.no_grad():
        plain = nano.model(input_ids=ids).logits[0, len(prompt) - 1 : -1].double().log_softmax(-1)
        with vector.applied(nano, torch.tensor([0.4])):
            steered = nano.model(input_ids=ids).logits[0, len(prompt) - 1 : -1].double().log_softmax(-1)
    kl = (steered.exp() * (steered - plain)).sum(-1)
    one = Unsteered(nano, [Row(prompt, said)])
    assert one.p95(vector, 0.4) == pytest.approx(float(kl.quantile(0.95)), rel=1e-3)


@pytest.mark.parametrize("method", ["mean_diff", "pca_diff", "ablation", "random", "shuffled"])
def test_every_method_is_matched_on_kl(answers: Unsteered, vectors: dict[str, Vector], method: str) -> None:
    config = Steer(calibration="kl", target_kl=0.3, dose_low=0.01, dose_high=64.0)
    _, dose = found(config, lambda c: answers.p95(vectors[method], c))
    assert (1 - CLOSE) * 0.3 <= answers.p95(vectors[method], dose) <= 0.3
