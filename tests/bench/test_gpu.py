"""bench-gpu's script on a shape small enough for any machine, and its arithmetic against numbers that are known."""

from __future__ import annotations

import pytest
import torch

from tests.bench import gpu

FIT = gpu.Size(2, 6, 8)


@pytest.mark.slow
def test_every_form_runs_in_bf16_and_in_four_bits() -> None:
    lines = gpu.measured(gpu.SHAPES["tiny"], torch.device("cpu"), gpu.Size(3, 6, 8), FIT, gpu.CARDS[0], 1)
    works = ["generate, one at a time", "generate", "heal step, plain", "heal step"]
    assert [line[:24].strip() for line in lines] == works * 2
    assert [line[24:29].strip() for line in lines] == ["16"] * 4 + ["4"] * 4
    assert all(float(line.split()[-5].replace(",", "")) > 0 for line in lines)


def test_the_counted_weights_are_those_of_gemma_3_4b() -> None:
    trunk, head, read = gpu.count(gpu.SHAPES["gemma-3-4b"], 16)
    assert trunk == pytest.approx(3.209e9, rel=1e-3)
    assert head == 262_144 * 2560
    assert read == pytest.approx(2 * (trunk + head))


def test_batched_decoding_reads_the_weights_once_a_step() -> None:
    shape, size = gpu.SHAPES["gemma-3-4b"], gpu.Size(64, 96, 128)
    together, apart = gpu.generation(shape, 16, size, 64), gpu.generation(shape, 16, size, 1)
    assert together.flops == apart.flops
    assert apart.bytes / together.bytes == pytest.approx(64, rel=0.2)


def test_the_plain_heal_step_counts_a_third_pass_and_a_head_at_every_position() -> None:
    shape = gpu.SHAPES["gemma-3-4b"]
    trunk, head, _ = gpu.count(shape, 16)
    said, every = 2 * 8, 2 * 14
    assert gpu.heal_step(shape, 16, FIT, plain=True).flops == every * 6 * (trunk + head)
    assert gpu.heal_step(shape, 16, FIT, plain=False).flops == every * 4 * trunk + said * 8 * head
