"""`cockpit doctor`: what it says of a driver, of torch, of disks and presets; and the command itself on this machine."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from cockpit.doctor.device import Driver, device_findings
from cockpit.doctor.measured import held_against_estimates
from cockpit.doctor.place import place_findings
from cockpit.report.doctor import count, finding_lines
from engine.contract.doctor import Diagnosis, Fit, Gpu
from engine.contract.estimate import CPU, estimate
from engine.contract.events import StageFinished, standing_events
from engine.contract.rundir import all_runs
from journal.record import load_record

from .conftest import Cli

CARD = Gpu(name="RTX 4090", capability="8.9", memory=24 * 2**30, free=23 * 2**30, bf16=True)
NONE = Driver("", (0, 0), ())
DRIVER = Driver("550.54", (12, 4), ("RTX 4090",))
FOUND = Diagnosis(
    torch="2.9.0", built_for="12.4", no_cuda="", gpus=[CARD], bitsandbytes="0.50", no_quantisation="", rates=CPU, threads=2,
    cache="/cache", cache_free=2**40, presets=[],
)  # fmt: skip


def said(found: Diagnosis, nvidia: Driver, subject: str = "CUDA") -> tuple[str, str, str]:
    (finding,) = [f for f in device_findings(found, nvidia) if f.subject == subject]
    return finding.state, finding.what, finding.mend


def test_a_driver_that_torch_cannot_use_is_in_the_way_and_says_what_to_install() -> None:
    bare = msgspec.structs.replace(FOUND, gpus=[])
    state, what, mend = said(msgspec.structs.replace(bare, built_for="", torch="2.9.0+cpu"), DRIVER)
    assert (state, what) == ("broken", "RTX 4090 is there, and torch 2.9.0+cpu is a build for the CPU")
    assert "CUDA 12.4 or older" in mend
    state, what, mend = said(msgspec.structs.replace(bare, built_for="13.0"), DRIVER)
    assert (state, what) == ("broken", "torch is built for CUDA 13.0 and driver 550.54 speaks 12.4")
    assert "update the driver" in mend
    state, what, _ = said(msgspec.structs.replace(bare, no_cuda="forgot to reboot"), DRIVER)
    assert state == "broken"
    assert "forgot to reboot" in what


def test_no_gpu_is_worth_knowing_and_one_that_works_is_fine() -> None:
    state, what, _ = said(msgspec.structs.replace(FOUND, gpus=[]), NONE)
    assert state == "note"
    assert "2 threads of the CPU" in what
    assert said(FOUND, DRIVER)[0] == "fine"
    state, what, _ = said(FOUND, DRIVER, "GPU")
    assert (state, what) == ("fine", "RTX 4090, 24 GiB, 23 free, capability 8.9")


def test_a_card_in_use_or_without_bf16_is_said() -> None:
    busy = msgspec.structs.replace(CARD, free=2 * 2**30, bf16=False)
    state, what, mend = said(msgspec.structs.replace(FOUND, gpus=[busy]), DRIVER, "GPU")
    assert state == "note"
    assert "no bf16" in what
    assert "nvidia-smi" in mend


def test_four_bit_layers_that_fail_are_named_with_their_reason() -> None:
    state, what, mend = said(msgspec.structs.replace(FOUND, no_quantisation="no kernel"), DRIVER, "4 bits")
    assert (state, what) == ("note", "bitsandbytes 0.50: no kernel")
    assert "model.quantization" in mend


def test_a_full_model_disk_and_a_plain_terminal_are_said(tmp_path: Path) -> None:
    full = msgspec.structs.replace(FOUND, cache_free=1)
    found = list(place_findings(tmp_path, full, {}))
    assert any("set HF_HOME" in f.mend for f in found)
    assert any("COLORTERM" in f.what for f in found)
    assert any(f.subject == "gate" and f.mend == "cockpit fast-dev-run" for f in found)
    quiet = place_findings(tmp_path, FOUND, {"COLORTERM": "truecolor"})
    assert not any("COLORTERM" in f.what or "HF_HOME" in f.mend for f in quiet)


def test_markup_in_a_reason_is_only_text() -> None:
    found = device_findings(msgspec.structs.replace(FOUND, no_quantisation="[bold]x[/bold] \x1b[31m"), DRIVER)
    text = "\n".join(line.plain for line in finding_lines(list(found)))
    assert "[bold]x[/bold]" in text
    assert "\x1b" not in text


@pytest.mark.parametrize(
    ("needs", "refused", "fits"), [(10, "", True), (95, "", False), (10, "needs a CUDA device", False)]
)
def test_a_preset_fits_when_a_tenth_of_the_memory_stays_free(needs: int, refused: str, fits: bool) -> None:
    assert Fit(preset="p", model="m", parameters=1, needs=needs, room=100, seconds=1.0, device="x", here=True,
               refused=refused).fits is fits  # fmt: skip
    assert (count(1_749_000), count(4_315_317_824)) == ("1.7 M", "4.3 B")


def test_estimates_are_held_against_the_runs_of_a_project() -> None:
    held = list(held_against_estimates(Path(__file__).parents[2] / "examples" / "project"))
    assert held
    for run in held:
        assert 0.3 < run.seconds_guess / run.seconds < 3
        assert run.memory > 0


def test_the_peak_of_every_stage_is_held_against_a_measured_run() -> None:
    """A worked run of nano, by the peaks that its own events tell."""
    folder = next(f for f in all_runs(Path(__file__).parents[2] / "examples/project") if "smoke" not in f.id)
    record = load_record(folder)
    assert record.run is not None
    assert record.facts is not None
    guess = estimate(record.run.config, record.facts, CPU).memory
    events = [e for e in standing_events(folder.events) if isinstance(e, StageFinished) and e.stage in guess]
    assert {e.stage for e in events} == set(guess)
    for event in events:
        assert 0.5 < guess[event.stage] / (event.peak_memory_mb * 1e6) < 2, event.stage


@pytest.mark.slow
def test_stages_are_told_with_their_cost_and_an_unknown_preset_is_refused(cli: Cli) -> None:
    done = cli("doctor", "--preset", "gemma-3-4b-qlora", "--price", "0.4")
    rows = {line.split()[0]: line.split() for line in done.stdout.splitlines() if line.strip()}
    assert {"baseline", "extract", "dose", "generate", "keep", "heal", "evaluate"} <= rows.keys()
    cost = [float(rows[stage][-1]) for stage in ("baseline", "extract", "dose", "generate", "keep", "heal", "evaluate")]
    assert sum(cost) > 0.1
    assert float(rows["whole"][-1]) == pytest.approx(sum(cost), abs=0.04)
    refused = cli("doctor", "--preset", "gemma-3-4b-qlra")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "did you mean gemma-3-4b-qlora" in refused.stderr


@pytest.mark.slow
def test_the_command_looks_at_this_machine_and_knows_every_preset(cli: Cli) -> None:
    done = cli("doctor", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == int(any(f["state"] == "broken" for f in told["findings"]))
    presets = {f["preset"]: f for f in told["presets"]}
    assert presets["nano-care"]["here"]
    assert presets["gemma-3-4b-bf16"]["parameters"] == 4_315_317_824
    assert presets["gemma-3-1b"]["parameters"] == 999_885_952
    assert presets["qwen3-4b"]["needs"] > 8e9
    assert told["engine"]["no_quantisation"] == ""
    assert told["engine"]["rates"]["flops"] > 1e9
