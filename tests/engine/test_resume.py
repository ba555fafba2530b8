"""A run that was interrupted, as often as one likes and wherever, is the run that was not (A6, A8, S10; FAULTS 17 to 20)."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from safetensors.torch import load_file

from engine.contract.config import Config
from engine.contract.errors import BadInput, Diverged
from engine.contract.events import (
    CheckpointSaved,
    DoseProbed,
    EpochFinished,
    Evaluated,
    Event,
    GuardTripped,
    HealStep,
    Kept,
    Note,
    RoundBaked,
    RunResumed,
    encode,
    standing_events,
)
from engine.contract.files import append_line
from engine.contract.hashes import sha256_file
from engine.contract.resolve import resolve
from engine.contract.rundir import RunDir
from engine.contract.units import checkpoint_folders, read_checkpoint, read_units
from engine.controls import Controls
from engine.heal.step import Live
from engine.loop import steer_heal_bake
from engine.resume import look_back, take_up
from tests.engine.test_loop import SMALL, sealed

pytestmark = pytest.mark.slow

TINY = (
    *SMALL,
    "steer.contexts=8",
    "steer.probes=4",
    "steer.dose_high=0.45",
    "generate.completions=16",
    "generate.prompts=16",
    "generate.max_new_tokens=40",
    "keep.min_kept=4",
    "keep.enabled=false",
    "keep.max_kept=16",
    "heal.batch_size=4",
    "evaluate.prompts=2",
    "evaluate.test_prompts=2",
    "evaluate.vignettes=7",
    "evaluate.facts=4",
    "evaluate.max_new_tokens=16",
    "evaluate.coherence_floor=0.0",
    "evaluate.probes=0",
)
SETS = (*TINY, "run.rounds=2", "run.checkpoint_every=2")


def attempt(
    out: RunDir, config: Config, number: int, events: int | None = None, *, until: type[Event] | None = None
) -> bool:
    """One attempt written to the folder as the worker writes it, cut off after so many events, or the first of a kind; whether it came
    to its end."""
    out.path.mkdir(exist_ok=True)
    live = Live(config.heal.tau, config.heal.lam)
    controls = Controls(out.control, live)
    past = look_back(out, config.run.rounds, number)
    if number > 1:
        append_line(out.events, encode(msgspec.structs.replace(take_up(out, past), attempt=number)))
    stream = steer_heal_bake(sealed(config), out, controls, "preflight", None, past)
    for n, event in enumerate(stream):
        append_line(out.events, encode(msgspec.structs.replace(event, attempt=number)))
        if n + 1 == events or (until and isinstance(event, until)):
            stream.close()  # type: ignore[attr-defined]
            return False
    return True


@pytest.fixture(scope="module")
def config() -> Config:
    return resolve("nano-care", sets=SETS)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, config: Config) -> RunDir:
    out = RunDir(tmp_path_factory.mktemp("whole"))
    assert attempt(out, config, 1)
    return out


@pytest.fixture(scope="module")
def halfway(tmp_path_factory: pytest.TempPathFactory, config: Config) -> RunDir:
    """A run that was cut off in its first heal, some checkpoints on."""
    out = RunDir(tmp_path_factory.mktemp("halfway"))
    attempt(out, config, 1, until=EpochFinished)
    return out


def told(out: RunDir) -> list[dict[str, Any]]:
    """What the standing events say, without clocks, speeds and memory, and without the attempts' own lines."""
    clocks = ("at", "elapsed", "attempt", "seconds", "peak_memory_mb", "tokens_per_second", "gpu_seconds")
    skipped = ("run_resumed", "stage_started", "stage_finished", "progress", "run_started", "checkpoint_saved")
    rows = [msgspec.to_builtins(e) for e in standing_events(out.events)]
    return [{k: v for k, v in row.items() if k not in clocks} for row in rows if row["event"] not in skipped]


def files(out: RunDir) -> dict[str, str]:
    """sha256 of every file of the rounds."""
    return {
        str(p.relative_to(out.path)): sha256_file(p) for p in sorted((out.path / "rounds").rglob("*")) if p.is_file()
    }


def same_so_far(out: RunDir, whole: RunDir) -> bool:
    """Whether what a run said up to its last event is what the uninterrupted one said, and what it wrote of round 1 the same."""
    mine, theirs = told(out), told(whole)
    mine = [row for row in mine if row["event"] != "note"]
    theirs = [row for row in theirs if row["event"] != "note"]
    written = {k: v for k, v in files(out).items() if "checkpoints" not in k and "pool" not in k}
    return mine == theirs[: len(mine)] and written.items() <= files(whole).items()


def test_fault19_a_run_interrupted_a_dozen_times_equals_the_uninterrupted_one(
    whole: RunDir, config: Config, tmp_path: Path
) -> None:
    out = RunDir(tmp_path)
    number, cuts = 1, [4, 9, 14, 21, 17, 13, 29, 24, 19, 33, 11, 27]
    while not attempt(out, config, number, cuts[(number - 1) % len(cuts)] if number <= 12 else None):
        number += 1
    assert number > 8
    assert told(out) == told(whole)
    assert files(out) == files(whole)
    assert out.completions.read_bytes() == whole.completions.read_bytes()
    assert sum(e.tokens for e in standing_events(out.events) if isinstance(e, HealStep)) == sum(
        e.tokens for e in standing_events(whole.events) if isinstance(e, HealStep)
    )


def test_a_finished_run_resumed_says_the_same_end_again(whole: RunDir, config: Config, tmp_path: Path) -> None:
    out = RunDir(tmp_path / "copy")
    shutil.copytree(whole.path, out.path)
    assert attempt(out, config, 2)
    assert told(out)[-1] == told(whole)[-1]


def test_A8_every_finished_epoch_and_round_has_its_state_with_its_sha256(whole: RunDir) -> None:
    events = list(standing_events(whole.events))
    for n, event in enumerate(events):
        if isinstance(event, EpochFinished):
            assert isinstance(next(e for e in events[n + 1 :] if not isinstance(e, Note)), CheckpointSaved)
    units = read_units(whole)
    baked = [u for u in units if u.name == "bake"]
    assert len(baked) == len([e for e in events if isinstance(e, RoundBaked)]) == 2
    for unit in units:
        for path, told_hash in unit.files.items():
            assert sha256_file(whole.path / path) == told_hash
    assert not list((whole.path / "rounds").rglob("checkpoints"))  # a baked round's adapter says what they said


def test_the_newest_checkpoints_and_the_best_epoch_are_kept(halfway: RunDir, config: Config) -> None:
    found = [read_checkpoint(f) for f in checkpoint_folders(halfway, 1)]
    assert [c.step for c in found] == sorted(c.step for c in found)
    assert len(found) <= config.run.checkpoints_kept + 1


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)


@pytest.mark.parametrize("file", ["tensors.safetensors", "checkpoint.json"])
def test_fault18_a_damaged_checkpoint_is_named_and_the_one_before_leads_to_the_same_run(
    file: str, halfway: RunDir, whole: RunDir, config: Config, tmp_path: Path
) -> None:
    out = RunDir(tmp_path / "copy")
    shutil.copytree(halfway.path, out.path)
    newest = checkpoint_folders(out, 1)[-1]
    damage(newest / file)
    attempt(out, config, 2, until=RoundBaked)
    notes = [e.text for e in standing_events(out.events) if isinstance(e, Note)]
    assert any(newest.name in n and "is taken instead" in n for n in notes)
    assert same_so_far(out, whole)


def test_fault20_a_pickle_in_a_checkpoint_is_never_loaded(halfway: RunDir, config: Config, tmp_path: Path) -> None:
    out = RunDir(tmp_path / "copy")
    shutil.copytree(halfway.path, out.path)
    planted = tmp_path / "ran"

    class Payload:
        def __reduce__(self) -> tuple[Any, ...]:
            return (planted.write_text, ("x",))

    for folder in checkpoint_folders(out, 1):
        (folder / "tensors.safetensors").write_bytes(pickle.dumps(Payload()))
        (folder / "optimizer.pt").write_bytes(pickle.dumps(Payload()))
    attempt(out, config, 2, 6)
    assert not planted.exists()
    assert any("is damaged" in e.text for e in standing_events(out.events) if isinstance(e, Note))


@pytest.mark.parametrize(
    "file",
    [
        "rounds/0/base.json",
        "rounds/1/vector.safetensors",
        "rounds/1/pool.jsonl",
        "rounds/1/healset.jsonl",
        "rounds/1/student/adapter_model.safetensors",
        "rounds/2/adapter/adapter_config.json",
        "units.jsonl",
    ],
)
def test_a_bit_flipped_in_what_a_run_goes_on_from_is_named(
    file: str, whole: RunDir, config: Config, tmp_path: Path
) -> None:
    out = RunDir(tmp_path / "copy")
    shutil.copytree(whole.path, out.path)
    damage(out.path / file)
    before = out.events.read_bytes()
    with pytest.raises(BadInput, match=file.rsplit("/", maxsplit=1)[-1]):
        attempt(out, config, 2)
    assert out.events.read_bytes() == before


def test_a_torn_line_in_the_pool_is_generated_again(
    halfway: RunDir, whole: RunDir, config: Config, tmp_path: Path
) -> None:
    """FAULTS 34, in the file of a stage that was cut off."""
    out = RunDir(tmp_path)
    attempt(out, config, 1, until=DoseProbed)
    pool = next((out.path / "rounds").rglob("pool.jsonl"))
    pool.write_bytes(pool.read_bytes()[:-20])
    attempt(out, config, 2, until=Kept)
    assert same_so_far(out, whole)


def test_run_resumed_says_where_and_what_still_holds(halfway: RunDir, config: Config, tmp_path: Path) -> None:
    out = RunDir(tmp_path / "copy")
    shutil.copytree(halfway.path, out.path)
    lines = out.events.read_bytes().count(b"\n")
    attempt(out, config, 2, 3)
    (resumed,) = [e for e in standing_events(out.events) if isinstance(e, RunResumed)]
    newest = read_checkpoint(checkpoint_folders(out, 1)[-1])
    assert (resumed.from_attempt, resumed.from_round, resumed.from_stage) == (1, 1, "heal")
    assert resumed.from_step == newest.step
    assert resumed.holds <= lines
    steps = [e.step for e in standing_events(out.events) if isinstance(e, HealStep)]
    assert steps == list(range(1, newest.step + 1))


def test_what_a_person_set_stays_set_after_a_resume_and_an_old_abort_does_not_abort_again(
    halfway: RunDir, config: Config, tmp_path: Path
) -> None:
    out = RunDir(tmp_path)
    out.control.write_text('{"request":"set","by":"me","knob":"heal.tau","value":0.125}\n')
    attempt(out, config, 1, 12)
    out.control.unlink()  # the requests of an ended attempt are set aside with it
    attempt(out, config, 2, until=EpochFinished)
    taus = {e.tau for e in standing_events(out.events) if isinstance(e, HealStep)}
    assert taus == {0.125}


def test_on_trip_keep_best_epoch_bakes_the_best_epoch_and_says_so(tmp_path: Path) -> None:
    """A rate that climbs into divergence: the first epochs are sound, a later one is not."""
    sets = [*TINY, "run.rounds=1", "heal.lr=0.1", "heal.warmup=1.0", "heal.max_grad_norm=1000.0", "heal.epochs=6"]
    with pytest.raises(Diverged, match="the last good checkpoint is rounds/1/checkpoints/"):
        attempt(RunDir(tmp_path / "stop"), resolve("nano-care", sets=sets), 1)
    kept = RunDir(tmp_path / "keep")
    assert attempt(kept, resolve("nano-care", sets=[*sets, "heal.on_trip=keep_best_epoch"]), 1)
    events = list(standing_events(kept.events))
    (trip,) = [e for e in events if isinstance(e, GuardTripped)]
    assert trip.action == "keep_best_epoch"
    best = min((e for e in events if isinstance(e, EpochFinished)), key=lambda e: e.val_nll)
    assert any(f"epoch {best.epoch} with validation loss" in e.text for e in events if isinstance(e, Note))
    healed = [e for e in events if isinstance(e, Evaluated) and e.subject == "healed" and e.split == "val"]
    assert healed[0].metrics["coherence"] > 0.5
    assert load_file(kept.path / "rounds/1/adapter/adapter_model.safetensors")
    assert json.loads((kept.path / "rounds/1/adapter/adapter_config.json").read_text())["r"] == 8
