"""Probes of training on real modules, healthy and with a fault in them (S3; FAULTS 6, 7, 8, 12 and their signatures)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import torch
from torch import Tensor, nn

from engine.contract.probed import ProbeRecord
from engine.model.adapter import ROUND
from engine.model.forward import Row
from engine.probe.gradients import gradients
from engine.probe.initial import initial
from engine.probe.overfit import one_batch, overfit
from engine.probe.specimen import Specimen, of_config

from .conftest import tiny


def by_name(records: Any) -> dict[str, ProbeRecord]:
    return {record.probe: record for record in records}


def test_a_healthy_round_passes_every_probe_and_is_left_as_it_was(specimen: Specimen) -> None:
    found = by_name([*initial(specimen), *gradients(specimen), overfit(specimen)])
    assert {name for name, record in found.items() if record.sound is not True} == set()
    assert all(torch.equal(p, fresh) for p, fresh in zip(specimen.parameters, specimen.fresh, strict=True))
    assert list(found["gradient_norm"].per_layer) == [f"model.layers.{n}" for n in range(4)]
    assert set(found["update_ratio"].per_layer) == {
        n for n, m in specimen.student.loaded.model.named_modules() if hasattr(m, "lora_A")
    }
    assert all(msgspec.json.decode(msgspec.json.encode(r), type=ProbeRecord) == r for r in found.values())


@pytest.mark.parametrize("precision", ["model.quantization=nf4", "heal.adapter_dtype=bf16"])
def test_S3_every_trainable_matrix_gets_a_gradient_at_every_precision_and_nothing_else_does(precision: str) -> None:
    found = by_name(gradients(of_config(tiny("model.dtype=bf16", precision))))
    assert found["frozen"].sound
    assert found["leaks"].sound
    assert found["update_ratio"].sound


def test_fault6_a_frozen_matrix_is_named_by_its_path(specimen: Specimen) -> None:
    layer = specimen.student.layers[3]
    layer.lora_B[ROUND].weight.register_hook(torch.zeros_like)
    record = by_name(gradients(specimen))["frozen"]
    assert record.sound is False
    assert "model.layers.0.self_attn.o_proj.lora_B.round.weight" in record.per_layer
    assert next(iter(record.per_layer)) in record.verdict


def test_a_weight_of_the_base_that_gets_a_gradient_is_named(specimen: Specimen) -> None:
    norm = specimen.student.loaded.layers[1].input_layernorm.weight  # type: ignore[union-attr]
    norm.requires_grad_(True)  # type: ignore[operator]
    record = by_name(gradients(specimen))["leaks"]
    assert list(record.per_layer) == ["model.layers.1.input_layernorm.weight"]
    assert record.sound is False


def scaled(block: nn.Module, by: float) -> None:
    """Let the gradient that leaves a block downwards be `by` times what it is."""

    def hook(module: nn.Module, given: tuple[Tensor, ...], got: Any) -> Any:
        return tuple(g * by if isinstance(g, Tensor) else g for g in given)

    block.register_full_backward_hook(hook)


def test_fault7_vanishing_gradients_are_seen_from_first_to_last(specimen: Specimen) -> None:
    scaled(specimen.student.loaded.layers[1], 1e-6)
    record = by_name(gradients(specimen))["gradient_ratio"]
    assert record.sound is False
    assert "vanish" in record.verdict


def test_exploding_gradients_are_named_with_the_block_they_are_largest_in(specimen: Specimen) -> None:
    scaled(specimen.student.loaded.layers[1], 1e4)
    found = by_name(gradients(specimen))
    assert found["gradient_norm"].sound is False
    assert "exploding" in found["gradient_norm"].verdict
    assert "model.layers.0" in found["gradient_norm"].verdict
    assert found["gradient_ratio"].sound is False


@pytest.mark.parametrize(("rate", "says"), [(2e-6, "raise heal.lr"), (0.2, "lower heal.lr")])
def test_fault4_and_fault5_a_rate_far_off_shows_in_the_update_ratio(rate: float, says: str) -> None:
    record = by_name(gradients(of_config(tiny(f"heal.lr={rate}"))))["update_ratio"]
    assert record.sound is False
    assert says in record.verdict


def test_a_gradient_that_is_not_finite_is_told_from_a_loss_that_is_not(specimen: Specimen) -> None:
    specimen.student.layers[0].lora_B[ROUND].weight.register_hook(lambda g: g * float("inf"))
    record = by_name(gradients(specimen))["gradient_norm"]
    assert record.sound is None, "what could not be measured is not healthy"
    assert "backward pass" in record.verdict
    specimen.student.loaded.layers[2].register_forward_hook(lambda m, args, out: out * float("nan"))
    assert "forward pass" in by_name(gradients(specimen))["gradient_norm"].verdict


def squash(specimen: Specimen) -> None:
    """Hold every logit between -1 and 1, as a softmax before the softmax does."""
    specimen.student.loaded.model.config.get_text_config().final_logit_softcapping = 1.0


@pytest.mark.slow
def test_fault8_a_head_that_squashes_its_logits_cannot_learn_one_batch_by_heart() -> None:
    specimen = of_config(tiny("heal.layer_from=0.75"))
    squash(specimen)
    record = overfit(specimen)
    assert record.sound is False
    assert "after 200 steps" in record.verdict


def test_an_adapter_that_is_cut_off_learns_nothing_and_the_verdict_says_so() -> None:
    specimen = of_config(tiny("heal.layer_from=0.75"))
    for parameter in specimen.parameters:
        parameter.register_hook(torch.zeros_like)
    assert "nothing is learnt" in overfit(specimen).verdict


def test_one_batch_holds_no_prompt_twice() -> None:
    rows = [Row([n // 2], [n]) for n in range(40)]
    assert one_batch(rows) == [Row([n], [2 * n]) for n in range(8)]


def test_an_adapter_that_does_not_start_at_zero_shows_in_the_first_loss(specimen: Specimen) -> None:
    for value in specimen.fresh[1::2]:
        value.normal_(std=0.5)
    record = by_name(initial(specimen))["initial_gap"]
    assert record.sound is False
    assert "B = 0 adds nothing" in record.verdict


def test_fault12_a_row_without_a_target_is_counted_and_nothing_is_followed_further(specimen: Specimen) -> None:
    specimen.texts.rows[3] = Row(specimen.texts.rows[3].prompt, [])
    found = by_name(initial(specimen))
    assert list(found) == ["targets"]
    assert found["targets"].sound is False
    assert "masked" in found["targets"].verdict


def test_random_weights_start_near_a_uniform_guess_and_twice_that_is_the_cap(specimen: Specimen) -> None:
    record = by_name(initial(specimen))["initial_loss"]
    vocabulary = specimen.student.loaded.model.config.vocab_size
    assert record.healthy == (0.0, pytest.approx(2 * torch.tensor(float(vocabulary)).log().item(), rel=1e-5))
    assert record.sound
