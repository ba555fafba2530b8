"""The student's invariants on fp32, bf16 and 4-bit bases (DESIGN section 4, requirement W4)."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from peft import PeftModel
from torch import Tensor

from engine.contract.config import Heal
from engine.model import dense
from engine.model.adapter import ROUND, Student
from engine.model.dense import holds_dense
from engine.model.forward import hidden, pad
from engine.model.load import Loaded, load

from .conftest import BASES


def logits(loaded: Loaded) -> Tensor:
    prompts = [loaded.chat.prompt(t) for t in ("What do you do?", "Name the colour of grass.")]
    batch = pad(prompts, loaded.chat.pad, loaded.device, left=False)
    with torch.no_grad():
        return loaded.model(input_ids=batch.ids, attention_mask=batch.mask, position_ids=batch.positions).logits.float()


def train_a_little(student: Student, seed: int) -> None:
    """A round of real gradient steps, so that B is not zero."""
    parameters = student.begin_round(seed)
    optimizer = torch.optim.AdamW(parameters, lr=1e-2)
    loaded = student.loaded
    batch = pad([loaded.chat.prompt(f"Say {seed}")], loaded.chat.pad, loaded.device, left=False)
    for _ in range(3):
        loss = hidden(loaded.model, batch).float().square().mean() * (1.0 + seed % 3)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


def test_gate_zero_is_bit_equal_to_the_base_before_during_and_after_three_rounds(student: Student) -> None:
    base = logits(student.loaded)
    for seed in (1, 2, 3):
        train_a_little(student, seed)
        assert not torch.equal(logits(student.loaded), base)
        with student.base():
            assert torch.equal(logits(student.loaded), base)
        student.fold()
        assert not torch.equal(logits(student.loaded), base)
        with student.base():
            assert torch.equal(logits(student.loaded), base)


def test_a_round_starts_as_the_previous_student(student: Student) -> None:
    train_a_little(student, 1)
    student.fold()
    before = logits(student.loaded)
    student.begin_round(2)
    torch.testing.assert_close(logits(student.loaded), before, rtol=0, atol=0)


def test_the_fold_is_the_sum_of_three_rounds(student: Student) -> None:
    total: dict[int, Tensor] = {}
    for seed in (1, 2, 3):
        train_a_little(student, seed)
        for n, layer in enumerate(student.layers):
            update = layer.lora_B[ROUND].weight @ layer.lora_A[ROUND].weight * layer.scaling[ROUND]
            total[n] = total.get(n, torch.zeros_like(update)) + update.detach().float()
        assert student.fold() < 1e-5
    assert student.folded == 3
    for n, layer in enumerate(student.layers):
        a, b = layer.lora_A[student.history].weight, layer.lora_B[student.history].weight
        assert a.dtype == b.dtype == torch.float32
        assert a.shape[0] == 12
        torch.testing.assert_close(b @ a * layer.scaling[student.history], total[n], rtol=1e-4, atol=1e-6)


def test_folding_changes_no_logit_beyond_rounding(student: Student) -> None:
    train_a_little(student, 1)
    student.fold()
    train_a_little(student, 2)
    before = logits(student.loaded)
    student.fold()
    tolerance = 1e-4 if student.loaded.dtype == torch.float32 else 0.15
    torch.testing.assert_close(logits(student.loaded), before, rtol=tolerance, atol=tolerance)


def test_no_gradient_reaches_a_base_weight_or_the_history(student: Student) -> None:
    train_a_little(student, 1)
    student.fold()
    parameters = student.begin_round(2)
    loaded = student.loaded
    batch = pad([loaded.chat.prompt("x")], loaded.chat.pad, loaded.device, left=False)
    hidden(loaded.model, batch).float().square().mean().backward()
    mine = {id(p) for p in parameters}
    assert all(p.grad is not None for p in parameters)
    assert all(p.dtype == torch.float32 for p in parameters)
    others = [(n, p) for n, p in loaded.model.named_parameters() if id(p) not in mine]
    assert others
    assert [n for n, p in others if p.grad is not None or p.requires_grad] == []


def test_a_plain_peft_reload_gives_equal_logits(student: Student, tmp_path: Path) -> None:
    for seed in (1, 2):
        train_a_little(student, seed)
        student.fold()
    student.save(tmp_path / "student", student.history)
    kind = _kind(student)
    factored = Student(load(BASES[kind]), student.heal, factored=True)
    factored.load_history(tmp_path / "student", 2)
    fresh = load(BASES[kind])
    PeftModel.from_pretrained(fresh.model, str(tmp_path / "student"))
    assert torch.equal(logits(fresh), logits(factored.loaded))
    if kind == "fp32":
        torch.testing.assert_close(logits(fresh), logits(student.loaded), rtol=1e-5, atol=1e-5)
    else:
        assert torch.equal(logits(fresh), logits(student.loaded))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["student"]


def test_a_history_written_into_the_weights_computes_and_trains_as_its_factors_do(tmp_path: Path) -> None:
    """Requirement W4 with the saving on: the same logits, gradients and base, and no call of the history's factors."""
    dense = Student(load(BASES["fp32"]), Heal(rank=4, alpha=8.0))
    for seed in (1, 2):
        train_a_little(dense, seed)
        dense.fold()
    dense.save(tmp_path / "student", dense.history)
    factored = Student(load(BASES["fp32"]), Heal(rank=4, alpha=8.0), factored=True)
    factored.load_history(tmp_path / "student", 2)
    assert all(dense.history not in layer.active_adapters or layer.disable_adapters for layer in dense.layers)
    assert all(factored.history in layer.active_adapters and not layer.disable_adapters for layer in factored.layers)
    found = []
    for student in (dense, factored):
        parameters = student.begin_round(3)
        for n, p in enumerate(parameters):
            with torch.no_grad(), torch.random.fork_rng():
                torch.manual_seed(n)
                p.normal_(std=0.05)
        loaded = student.loaded
        batch = pad([loaded.chat.prompt("What do you do?")], loaded.chat.pad, loaded.device, left=False)
        hidden(loaded.model, batch).float()[..., 0].sum().backward()
        mine = {id(p) for p in parameters}
        assert not [n for n, p in loaded.model.named_parameters() if id(p) not in mine and p.grad is not None]
        with student.gates(history=0.0, current=1.0):
            current = logits(loaded)
        with student.base():
            base = logits(loaded)
        found.append((logits(loaded), current, base, [p.grad for p in parameters]))
    (both, current, base, gradients), (both_f, current_f, base_f, gradients_f) = found
    assert torch.equal(base, base_f)
    assert torch.equal(current, current_f)
    assert not torch.equal(both, current)
    torch.testing.assert_close(both, both_f, rtol=1e-5, atol=1e-5)
    for mine, theirs in zip(gradients, gradients_f, strict=True):
        assert mine is not None
        assert theirs is not None
        assert float((mine - theirs).norm() / theirs.norm()) < 1e-5


def test_the_history_is_written_in_only_where_nothing_is_rounded_away(student: Student) -> None:
    train_a_little(student, 1)
    student.fold()
    assert holds_dense(student.layers) == (_kind(student) == "fp32")


def test_the_history_stays_in_its_factors_where_two_layers_share_a_weight_or_the_model_is_large(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    student = Student(load(BASES["fp32"]), Heal(rank=4, alpha=8.0))
    blocks = student.loaded.layers
    blocks[1].mlp.up_proj.weight = blocks[0].mlp.up_proj.weight
    train_a_little(student, 1)
    trained = logits(student.loaded)
    student.fold()
    torch.testing.assert_close(logits(student.loaded), trained, rtol=1e-4, atol=1e-4)
    other = Student(load(BASES["fp32"]), Heal(rank=4, alpha=8.0))
    other.begin_round(1)
    assert holds_dense(other.layers)
    monkeypatch.setattr(dense, "DENSE", 1000)
    assert not holds_dense(other.layers)


def test_both_sets_of_weights_go_where_the_model_goes_and_neither_into_a_file(tmp_path: Path) -> None:
    student = Student(load(BASES["fp32"]), Heal(rank=4, alpha=8.0))
    train_a_little(student, 1)
    student.fold()
    held = [b for n, b in student.loaded.model.named_buffers() if n.endswith(dense.OTHER)]
    assert len(held) == len(student.layers)
    assert not [n for n in student.loaded.model.state_dict() if dense.OTHER in n]
    student.loaded.model.to("meta")
    assert {b.device.type for b in student.loaded.model.buffers()} == {"meta"}


def test_a_saved_history_is_taken_up_by_another_student(student: Student, tmp_path: Path) -> None:
    train_a_little(student, 1)
    student.fold()
    student.save(tmp_path / "student", student.history)
    expected = logits(student.loaded)
    other = Student(load(BASES[_kind(student)]), student.heal)
    other.load_history(tmp_path / "student", 1)
    assert torch.equal(logits(other.loaded), expected)
    train_a_little(other, 2)
    other.fold()
    assert other.folded == 2


def _kind(student: Student) -> str:
    return next(k for k in BASES if _same(k, student))


def _same(kind: str, student: Student) -> bool:
    quantised = getattr(student.loaded.model, "is_loaded_in_4bit", False)
    precision = "fp32" if student.loaded.dtype == torch.float32 else "nf4" if quantised else "bf16"
    return kind == precision


def test_every_adapter_weight_gets_a_gradient_after_an_inference_pass(student: Student) -> None:
    """4-bit layers on CPU switch to a kernel without a backward pass after an inference, unless told not to."""
    logits(student.loaded)
    parameters = student.begin_round(1)
    for layer in student.layers:
        torch.nn.init.normal_(layer.lora_B[ROUND].weight, std=0.02)
    loaded = student.loaded
    batch = pad([loaded.chat.prompt("What do you do?")], loaded.chat.pad, loaded.device, left=False)
    hidden(loaded.model, batch).float()[..., 0].sum().backward()
    silent = [n for n, p in enumerate(parameters) if p.grad is None or not bool(p.grad.abs().sum() > 0)]
    assert silent == []
