"""What is written says the same as the student: in plain PEFT to the bit, merged within rounding, as a vector number by number."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from engine.contract.config import Model
from engine.contract.errors import BadInput
from engine.contract.exported import RECORD, Exported
from engine.contract.hashes import sha256_file
from engine.contract.rundir import RunDir
from engine.export.command import export
from engine.export.gguf import read, write
from engine.export.logits import fixed_prompts, largest, logits, reference
from engine.export.merged import merge, updates
from engine.export.source import find_source
from engine.model.adapter import Student
from engine.model.load import NANO, load
from engine.steer.vector import Vector, load_vector

from .conftest import LAYER, bake


def exported(run: RunDir, out: Path, form: str, *options: str) -> Exported:
    assert export([str(run.path), "--format", form, "--out", str(out), *options]) == 0
    return msgspec.json.decode((out / RECORD).read_bytes(), type=Exported)


@pytest.fixture(scope="module")
def peft_folder(run: RunDir, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Exported]:
    out = tmp_path_factory.mktemp("peft") / "adapter"
    return out, exported(run, out, "peft")


@pytest.fixture(scope="module")
def bf16(run: RunDir, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Exported]:
    out = tmp_path_factory.mktemp("merged") / "model"
    return out, exported(run, out, "merged", "--dtype", "bf16")


def test_plain_peft_gives_the_students_logits_to_the_bit(run: RunDir, peft_folder: tuple[Path, Exported]) -> None:
    out, told = peft_folder
    source = find_source(run.path, "peft", 2)
    loaded = load(Model())
    student = Student(loaded, source.run.config.heal, factored=True)
    student.load_history(source.student, 2)
    prompts = fixed_prompts(source, loaded)
    expected = logits(loaded.model, prompts)
    measured = Student(load(Model()), source.run.config.heal)
    measured.load_history(source.student, 2)
    assert largest(logits(measured.loaded.model, prompts), expected) < 1e-4  # the run's own form: one matrix a layer
    plain, base = (AutoModelForCausalLM.from_pretrained(NANO, dtype=told.base_dtype) for _ in range(2))
    plain = PeftModel.from_pretrained(plain, str(out))
    assert largest(logits(plain, prompts), expected) == 0.0 == told.logit_difference
    assert (
        largest(logits(base, prompts), expected) == told.logit_effect > 0.1
    )  # an adapter that did nothing would pass the line above


def test_a_peft_folder_says_its_base_and_holds_the_history_up_to_its_round(
    run: RunDir, peft_folder: tuple[Path, Exported]
) -> None:
    config = json.loads((peft_folder[0] / "adapter_config.json").read_text())
    assert (config["base_model_name_or_path"], config["task_type"]) == (str(NANO), "CAUSAL_LM")
    assert (peft_folder[1].round, peft_folder[1].rank) == (2, 16)
    first = json.loads((find_source(run.path, "peft", 1).student / "adapter_config.json").read_text())
    assert first["r"] == 8


def test_every_file_of_an_export_has_its_hash_in_export_json(
    peft_folder: tuple[Path, Exported], bf16: tuple[Path, Exported]
) -> None:
    for out, told in (peft_folder, bf16):
        there = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()} - {RECORD}
        assert there == set(told.files)
        assert all(sha256_file(out / name) == digest for name, digest in told.files.items())


def test_a_model_merged_in_fp32_differs_from_its_adapter_by_rounding_alone(run: RunDir, tmp_path: Path) -> None:
    told = exported(run, tmp_path / "model", "merged")
    assert told.dtype == "float32"
    assert told.logit_difference < 1e-3 * told.logit_effect  # type: ignore[operator]
    assert max(told.update_lost.values()) < 1e-4


def test_a_merged_model_needs_no_adapter_and_differs_by_what_was_reported(
    run: RunDir, bf16: tuple[Path, Exported]
) -> None:
    out, told = bf16
    assert AutoModelForCausalLM.from_pretrained(out).dtype == torch.bfloat16 == getattr(torch, told.dtype)
    held = reference(find_source(run.path, "merged", 2))
    assert held.difference(AutoModelForCausalLM.from_pretrained(out, dtype=told.base_dtype)) == told.logit_difference
    assert 0 < told.logit_difference < told.logit_effect  # type: ignore[operator]
    assert AutoTokenizer.from_pretrained(out).chat_template == AutoTokenizer.from_pretrained(NANO).chat_template


def test_KB32_what_bf16_lost_of_the_update_is_reported_by_matrix(run: RunDir, bf16: tuple[Path, Exported]) -> None:
    """From the files alone: what is stored, minus the base, beside the product of the factors."""
    out, told = bf16
    stored, base = load_file(out / "model.safetensors"), load_file(NANO / "model.safetensors")
    expected = {}
    for path, update in updates(run.round(2) / "student"):
        kept = stored[f"{path}.weight"].double() - base[f"{path}.weight"].double()
        expected[path] = float((kept - update).norm() / update.norm())
    assert told.update_lost == pytest.approx(expected, rel=1e-3)
    assert min(expected.values()) > 0.001


def test_merging_a_sum_of_rounds_adds_every_rounds_update(run: RunDir) -> None:
    both = dict(updates(run.round(2) / "student"))
    parts = [dict(updates(run.round(r) / "adapter")) for r in (1, 2)]
    assert both.keys() == parts[0].keys() == parts[1].keys()
    assert all(torch.allclose(both[n], parts[0][n] + parts[1][n], atol=1e-7) for n in both)


@settings(max_examples=30)
@given(arrays(np.float32, (3, 4), elements=st.floats(-2, 2, width=32)))
def test_no_update_is_lost_that_needs_no_rounding(update: np.ndarray) -> None:
    weight, lost = merge(torch.zeros(3, 4, dtype=torch.bfloat16), torch.from_numpy(update), torch.float32)
    assert lost == 0.0
    assert torch.equal(weight, torch.from_numpy(update))


def test_a_quantised_base_is_dequantised_into_weights_that_the_adapter_fits(tmp_path: Path) -> None:
    base = shutil.copytree(NANO, tmp_path / "base")
    run = bake(tmp_path, "q4q4", f"model.id={base}", "model.quantization=nf4", "model.dtype=fp32", rounds=1, best=1)
    told = exported(run, tmp_path / "model", "merged")
    assert told.quantization == "nf4"
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert "quantization_config" not in config
    assert told.logit_difference < 1e-3 * told.logit_effect  # type: ignore[operator]


def test_a_control_vector_reads_back_by_the_public_reader_at_the_block_it_steers(run: RunDir, tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf", reason="the optional gguf package is not installed")
    told = exported(run, tmp_path / "v", "gguf")
    reader = gguf.GGUFReader(tmp_path / "v" / "vector.gguf")
    said = {name: field.contents() for name, field in reader.fields.items()}
    assert said["general.architecture"] == "controlvector"
    assert (said["controlvector.model_hint"], said["controlvector.layer_count"]) == ("llama", 1)
    (tensor,) = reader.tensors
    assert (tensor.name, tensor.tensor_type.name, list(tensor.shape)) == (f"direction.{LAYER}", "F32", [128])
    assert np.array_equal(tensor.data, load_vector(run.round(1) / "vector.safetensors").directions[LAYER].numpy())
    assert (told.round, told.dose) == (1, 0.4)


@settings(max_examples=30)
@given(
    st.dictionaries(
        st.integers(1, 60), arrays(np.float32, 5, elements=st.floats(-9, 9, width=32)), min_size=1, max_size=4
    )
)
def test_any_vector_goes_through_gguf_and_back(
    tmp_path_factory: pytest.TempPathFactory, directions: dict[int, np.ndarray]
) -> None:
    pytest.importorskip("gguf", reason="the optional gguf package is not installed")
    path = tmp_path_factory.mktemp("gguf") / "v.gguf"
    write(Vector({i: torch.from_numpy(v) for i, v in directions.items()}, "mean_diff", 1), path, "llama", "x")
    found = read(path)
    assert found.keys() == directions.keys()
    assert all(np.array_equal(found[i], v) for i, v in directions.items())


def test_a_vector_on_block_0_is_refused_since_llama_cpp_would_not_load_it(project: Path, tmp_path: Path) -> None:
    pytest.importorskip("gguf", reason="the optional gguf package is not installed")
    run = RunDir(shutil.copytree(next((project / "runs").glob("*-k3f9")), tmp_path / "runs" / "r"))
    Vector({0: torch.ones(128)}, "mean_diff", 8).save(run.round(1) / "vector.safetensors")
    with pytest.raises(BadInput, match=r"steers block 0, for which llama\.cpp has no direction"):
        exported(run, tmp_path / "v", "gguf")
    assert not (tmp_path / "v" / RECORD).exists()


def test_a_vector_comes_with_all_that_is_needed_to_apply_it(run: RunDir, tmp_path: Path) -> None:
    exported(run, tmp_path / "v", "vector", "--round", "2")
    config = json.loads((tmp_path / "v" / "config.json").read_text())
    assert config["extracted_from"] == "the student after round 1"
    assert config["norms"].keys() == {str(LAYER)}
    assert config["trait"]["personas"]
    directions = load_file(tmp_path / "v" / "vector.safetensors")
    assert directions.keys() == {f"layer.{LAYER}"}
