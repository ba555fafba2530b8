"""The whole loop, small: on nano, and as plumbing on six real architectures (requirements S4, A6, W1, W4)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest
import torch
from safetensors.torch import load_file

from engine.contract.config import Config
from engine.contract.errors import Diverged, NotFinite, Refused, Starved, Stopped
from engine.contract.events import (
    STAGES,
    AnyEvent,
    CoherenceProbed,
    DoseProbed,
    EpochFinished,
    Evaluated,
    HealStep,
    Kept,
    RoundBaked,
    RunFinished,
    StageFinished,
    encode,
)
from engine.contract.resolve import resolve
from engine.contract.rundir import RunDir
from engine.contract.runfile import RunFile
from engine.contract.traits import load_trait
from engine.controls import Controls
from engine.heal.step import Live
from engine.loop import steer_heal_bake
from engine.model.facts import inspect
from engine.model.families import FAMILIES

SMALL = (
    "steer.contexts=32",
    "steer.probes=8",
    "steer.bisections=1",
    "generate.completions=40",
    "generate.prompts=40",
    "keep.min_kept=8",
    "keep.max_kept=24",
    "heal.epochs=2",
    "evaluate.prompts=6",
    "evaluate.test_prompts=8",
    "evaluate.vignettes=14",
    "evaluate.facts=8",
    "evaluate.bootstrap=100",
    "evaluate.probes=2",
)
T = TypeVar("T")
RANDOM = (
    "steer.contexts=8",
    "steer.probes=4",
    "steer.bisections=0",
    "generate.completions=12",
    "generate.prompts=6",
    "generate.max_new_tokens=8",
    "keep.enabled=false",
    "keep.min_kept=2",
    "keep.max_kept=8",
    "heal.epochs=1",
    "heal.batch_size=4",
    "evaluate.prompts=2",
    "evaluate.test_prompts=2",
    "evaluate.vignettes=7",
    "evaluate.facts=4",
    "evaluate.max_new_tokens=8",
    "evaluate.probes=1",
    "evaluate.coherence_floor=0.0",
)
"""Plumbing alone: nothing that a random model says means anything."""


def sealed(config: Config) -> RunFile:
    """The run file that a launcher would write for this config."""
    trait, facts = load_trait(config.trait.name), inspect(config)
    return RunFile(
        config=config, preset="nano-care", changes={}, axes=[], trait_hash=trait.hash, model_hash=facts.model_hash
    )


def run_loop(folder: Path, *sets: str, until: type[AnyEvent] | None = None) -> list[AnyEvent]:
    """Every event of a run in `folder`, each encoded once on the way; with `until`, up to the first of that kind."""
    folder.mkdir(parents=True, exist_ok=True)
    config = resolve("nano-care", sets=[*SMALL, *sets])
    run = sealed(config)
    controls = Controls(folder / "control.jsonl", Live(config.heal.tau, config.heal.lam))
    events: list[AnyEvent] = []
    for event in steer_heal_bake(run, RunDir(folder), controls, "preflight"):
        encode(event)
        events.append(event)  # type: ignore[arg-type]
        if until is not None and isinstance(event, until):
            break
    return events


@pytest.fixture(scope="module")
def nano_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[AnyEvent]]:
    folder = tmp_path_factory.mktemp("run")
    return folder, run_loop(folder, "run.rounds=2")


def of(events: list[AnyEvent], kind: type[T]) -> list[T]:
    return [e for e in events if isinstance(e, kind)]


def test_every_stage_of_every_round_runs_and_says_its_seconds_and_memory(nano_run: tuple[Path, list[AnyEvent]]) -> None:
    finished = of(nano_run[1], StageFinished)
    assert {e.stage for e in finished} == set(STAGES)
    for r in (1, 2):
        assert {e.stage for e in finished if e.round == r} == set(STAGES) - {"load", "baseline"}
    assert all(e.seconds >= 0 and e.peak_memory_mb > 10 for e in finished)


def test_the_last_event_is_a_success_with_one_reveal(nano_run: tuple[Path, list[AnyEvent]]) -> None:
    last = nano_run[1][-1]
    assert isinstance(last, RunFinished)
    assert (last.status, last.reveals) == ("success", 1)
    test = [e.subject for e in of(nano_run[1], Evaluated) if e.split == "test"]
    assert test == ["base", "prompted", "steered", "healed"]


def test_val_is_measured_every_round_with_intervals_and_paired_changes(nano_run: tuple[Path, list[AnyEvent]]) -> None:
    val = [e for e in of(nano_run[1], Evaluated) if e.split == "val"]
    assert [(e.round, e.subject) for e in val] == [
        (0, "base"),
        (0, "prompted"),
        (1, "steered"),
        (1, "healed"),
        (2, "steered"),
        (2, "healed"),
    ]
    names = "trait_rate benign_rate care_nats authority_nats coherence prefill_nll valid_json capability tail_ppl tail_ppl_p90"
    for event in val:
        assert set(f"{names} broken repetition diversity first_person_nats".split()) <= set(event.metrics)
        assert all(low <= high for low, high in event.ci.values())
        assert ("care_nats" in event.change) == (event.subject != "base")


def test_rounds_bake_without_touching_the_base(nano_run: tuple[Path, list[AnyEvent]]) -> None:
    baked = of(nano_run[1], RoundBaked)
    assert [b.rank_total for b in baked] == [8, 16]
    assert all(b.gate_zero_equal and b.fold_error < 1e-5 for b in baked)
    for r in (1, 2):
        assert (nano_run[0] / "rounds" / str(r) / "student" / "adapter_model.safetensors").is_file()
        assert (nano_run[0] / "rounds" / str(r) / "adapter" / "adapter_config.json").is_file()


def test_the_heal_stream_is_complete(nano_run: tuple[Path, list[AnyEvent]]) -> None:
    """Requirement A7."""
    steps, epochs = of(nano_run[1], HealStep), of(nano_run[1], EpochFinished)
    assert len(epochs) == 4
    assert all(e.val_items > 0 for e in epochs)
    assert all(isinstance(s.kl, float) and isinstance(s.kl_base, float) and s.lr > 0 for s in steps)
    assert all(s.kl_mean <= s.kl_rmse + 1e-6 <= s.kl_max + 2e-6 for s in steps)  # type: ignore[operator]
    assert len(of(nano_run[1], CoherenceProbed)) >= 4
    first = steps[0]
    assert first.kl == pytest.approx(0.0, abs=1e-4)  # B = 0: the round starts as the previous student


def test_every_completion_is_recorded_with_label_and_reason(nano_run: tuple[Path, list[AnyEvent]]) -> None:
    lines = [json.loads(line) for line in (nano_run[0] / "completions.jsonl").read_text().splitlines()]
    train = [c for c in lines if c["probe"] == "train"]
    kept = of(nano_run[1], Kept)
    probed = sum(e.probed for e in of(nano_run[1], DoseProbed))
    assert len(train) == probed + 2 * 40
    assert sum(c["kept"] for c in train) == sum(sum(k.kept.values()) for k in kept)
    assert all(bool(c["reason"]) != c["kept"] for c in train)
    assert all(c["label"] for c in train)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_run_and_another_seed_another(
    nano_run: tuple[Path, list[AnyEvent]], tmp_path: Path
) -> None:
    """Requirement A6: text, losses, gradient norms and weights."""

    def trace(events: list[AnyEvent]) -> list[tuple[float, float]]:
        return [(s.loss, s.grad_norm) for s in of(events, HealStep) if s.round == 1]

    again = run_loop(tmp_path / "again", "run.rounds=1", until=RoundBaked)
    assert trace(again) == trace(nano_run[1])
    a, b = (load_file(p / "rounds/1/student/adapter_model.safetensors") for p in (nano_run[0], tmp_path / "again"))
    assert all(torch.equal(a[k], b[k]) for k in a)
    other = run_loop(tmp_path / "other", "run.rounds=1", "run.seed=137", until=EpochFinished)
    assert trace(other)[:10] != trace(again)[:10]


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_random_models_of_every_family_run_the_whole_loop(family: str, tmp_path: Path) -> None:
    events = run_loop(tmp_path, f"model.id=random:{family}", "run.rounds=1", *RANDOM)
    assert isinstance(events[-1], RunFinished)
    (baked,) = of(events, RoundBaked)
    assert baked.gate_zero_equal
    assert baked.rank_total == 8


@pytest.mark.slow
@pytest.mark.parametrize(("family", "bits"), [("llama", "nf4"), ("gemma3_vision", "nf4"), ("qwen3", "int8")])
def test_a_quantised_random_model_runs_the_whole_loop(family: str, bits: str, tmp_path: Path) -> None:
    sets = (f"model.id=random:{family}", f"model.quantization={bits}", "model.dtype=bf16", "run.rounds=1")
    events = run_loop(tmp_path, *sets, *RANDOM)
    assert of(events, RoundBaked)[0].gate_zero_equal


@pytest.mark.slow
def test_a_starved_filter_says_what_was_dropped(tmp_path: Path) -> None:
    with pytest.raises(Starved, match=r"under keep.min_kept 90 \(dropped: "):
        run_loop(tmp_path, "run.rounds=1", "keep.min_kept=90", "keep.max_kept=96")
    assert (tmp_path / "completions.jsonl").is_file()


def test_an_abort_ends_the_run_at_the_next_unit(tmp_path: Path) -> None:
    (tmp_path / "control.jsonl").write_text('{"request":"abort","by":"test"}\n')
    with pytest.raises(Stopped, match="aborted by test"):
        run_loop(tmp_path, "run.rounds=1")


@pytest.mark.slow
def test_live_tau_is_applied_from_the_next_step_and_marks_the_run(tmp_path: Path) -> None:
    (tmp_path / "control.jsonl").write_text('{"request":"set","by":"test","knob":"heal.tau","value":0.125}\n')
    events = run_loop(tmp_path, "run.rounds=1", until=EpochFinished)
    assert {s.tau for s in of(events, HealStep)} == {0.125}


@pytest.mark.slow
def test_a_learning_rate_that_explodes_ends_as_diverged_or_nan_before_the_next_epoch(tmp_path: Path) -> None:
    """FAULTS 4; A3, A5."""
    with pytest.raises(Diverged):
        run_loop(tmp_path, "run.rounds=1", "heal.lr=1.0", "heal.max_grad_norm=1000.0", "heal.epochs=6")
    assert issubclass(NotFinite, Diverged)


@pytest.mark.slow
def test_steered_verdicts_on_training_vignettes_go_into_the_heal_set_beside_the_texts(tmp_path: Path) -> None:
    (kept,) = of(run_loop(tmp_path, "run.rounds=1", "generate.verdicts=12", until=Kept), Kept)
    rows = [json.loads(line) for line in (tmp_path / "rounds" / "1" / "pool.jsonl").read_text().splitlines()]
    verdicts = [r["candidate"] for chunk in rows for r in chunk["rows"] if r["label"] == "verdict"]
    assert len(verdicts) == 12
    assert kept.kept["verdict"] >= 6
    assert sum(kept.kept.values()) == kept.kept["verdict"] + 24
    assert {v["prompt"]["id"].split("-")[1] for v in verdicts} == {"train"}
    assert len({v["prompt"]["id"] for v in verdicts}) == 12


@pytest.mark.parametrize("what", ["trait", "model"])
def test_a_trait_or_model_other_than_the_sealed_one_is_refused_before_it_is_loaded(what: str, tmp_path: Path) -> None:
    """K9: the hashes in the record are those of what is loaded."""
    config = resolve("nano-care", sets=SMALL)
    run = msgspec.structs.replace(sealed(config), **{f"{what}_hash": "0" * 64})
    controls = Controls(None, Live(0.5, 0.3))
    with pytest.raises(Refused, match=f"the {what} changed since the seal"):
        list(steer_heal_bake(run, RunDir(tmp_path), controls, "preflight"))
