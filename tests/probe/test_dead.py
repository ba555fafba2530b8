"""Dead units are those that never fire, counted by block."""

from __future__ import annotations

import pytest
import torch

from engine.probe.dead import dead
from engine.probe.specimen import Specimen


def test_units_that_never_fire_are_counted_in_their_block(specimen: Specimen) -> None:
    gate = specimen.student.loaded.layers[2].mlp.gate_proj.base_layer.weight  # type: ignore[union-attr]
    with torch.no_grad():
        gate[:32] = 0.0  # silu(0) is 0, whatever comes in
    record = dead(specimen)
    assert record.per_layer == pytest.approx({f"model.layers.{n}": 0.25 if n == 2 else 0.0 for n in range(4)})
    assert record.value == pytest.approx(0.25)
    assert record.sound is False
    assert "model.layers.2" in record.verdict


def test_a_model_without_such_a_matrix_is_said_not_to_be_measured(specimen: Specimen) -> None:
    specimen.student.loaded.model.config.intermediate_size = 77
    record = dead(specimen)
    assert record.sound is None
    assert "not measured" in record.verdict
