"""`cockpit export` from outside: the card beside what was written, the note at the entry; and the mirror for TensorBoard."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from cockpit.cli.main import run as cockpit
from cockpit.report.card import card, differences
from cockpit.report.tensorboard import Steps
from cockpit.runs.stream import standing
from engine.contract.events import Evaluated, HealStep, RunResumed, decode, encode, read_events
from engine.contract.exported import Exported
from engine.contract.files import write_json
from engine.contract.hashes import sha256_file
from engine.contract.rundir import RunDir
from journal.index import find_row, rows
from journal.record import load_record
from journal.review import states
from tests.makings import RECORDED

TOLD = Exported(
    format="merged", run="20260604T101347-nano-care-k3f9", round=2, rounds=2, seed=42, files={"model.safetensors": "a" * 64},
    base="nano", base_hash="b" * 64, base_commit="c" * 12, dtype="bfloat16", trait="care", trait_hash="d" * 64,
    config_hash="e" * 64, family_hash="f" * 64, code_hash="0" * 64, preflight_hash="1" * 64, exporter="2" * 64,
    at="2026-06-04T10:13:47.000Z", versions={}, base_dtype="bfloat16", rank=16, prompts=8, logit_difference=0.0312,
    logit_effect=2.28, update_lost={"model.layers.2.q": 0.1, "model.layers.10.q": 0.3, "model.layers.2.v": 0.2},
)  # fmt: skip


def carded(project: Path, **changes: object) -> str:
    run = RunDir(next(project.glob("runs/*-k3f9")))
    entry = find_row(rows(project), run.id, project)
    state = states(rows(project))[entry.key]
    return card(load_record(run), msgspec.structs.replace(TOLD, **changes), entry, state)


def test_an_export_comes_with_its_card_and_is_noted_at_the_runs_entry(
    project: Path, run: RunDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "deep" / "vector"
    assert cockpit(["--project", str(project), "export", "k3f9", "--format", "vector", "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert {p.name for p in out.iterdir()} == {"README.md", "config.json", "export.json", "vector.safetensors"}
    assert [p.name for p in out.parent.iterdir()] == ["vector"]
    digest = sha256_file(out / "export.json")[:16]
    assert f"exported round 1 as vector to {out}; export.json has sha256 {digest}" in [
        note.text for note in states(rows(project))[run.id].notes
    ]
    told = json.loads((out / "export.json").read_text())
    assert (told["run"], told["seed"], told["dose"]) == (run.id, 42, 0.4)
    assert told["preflight_hash"] == json.loads(run.preflight.read_text())["seal"]


def test_the_card_sets_the_round_beside_base_and_prompt_with_intervals(project: Path) -> None:
    text = carded(project)
    table = [
        line for line in text.splitlines() if line.startswith(("| base |", "| prompted", "| **healed", "| healed −"))
    ]
    assert [line.split("|")[2].strip() for line in table if "sha256" not in line] == [
        ".26 [.21, .31]", ".98 [.93, 1.03]", ".91 [.86, .96]", "+.65",
    ]  # fmt: skip
    assert "| test |" in text


def test_the_card_says_what_is_in_it_and_what_it_does_not_show(project: Path, run: RunDir) -> None:
    text = carded(project)
    assert "One seed is exploratory, not a claim." in text
    assert f"| journal entry | {run.id}, " in text
    assert f"sha256 {'b' * 64}" in text
    assert "It holds rounds 1 to 2." in text
    assert "other seeds (one run is exploratory)" in text.lower()


def test_a_round_that_was_not_chosen_shows_its_own_figures_and_says_so(project: Path) -> None:
    text = carded(project, round=1)
    assert "| **healed, round 1** | .60 [.55, .65]" in text
    assert "These are val figures, on which the round was chosen" in text
    assert "The best round of this run by its rule is 2, not this one." in text
    assert ".91" not in text.partition("## Measured")[2]


def test_a_card_says_that_its_run_was_retracted(project: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(project, tmp_path / "p")
    assert "retracted" not in carded(copy)
    assert cockpit(["--project", str(copy), "journal", "review", "k3f9", "--retract", "the prompts leaked"]) == 0
    assert "**The journal entry of this run is retracted: the prompts leaked**" in carded(copy)


def test_KB32_the_card_says_by_block_what_rounding_lost(project: Path) -> None:
    lines = carded(project).splitlines()
    at = lines.index("| block | update lost, median matrix | worst |")
    assert lines[at + 2 : at + 4] == ["| model.layers.2 | 15% | 20% |", "| model.layers.10 | 30% | 30% |"]
    assert "lost 20% of the update in the median matrix and 30% in the worst (model.layers.10.q)" in differences(TOLD)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"logit_difference": 1.14}, "That is 50% of its effect: --dtype fp32 keeps more, --format peft all of it."),
        ({"logit_difference": 1.14, "dtype": "float32", "quantization": "int8"}, "the int8 base rounds as it computes"),
        ({}, ""),
    ],
)
def test_a_merge_that_lost_much_of_the_adapter_says_what_keeps_more(changes: dict[str, object], said: str) -> None:
    text = differences(msgspec.structs.replace(TOLD, **changes))
    assert said in text
    assert ("of its effect" in text) == bool(said)


def test_the_header_names_a_base_that_a_hub_knows_and_no_other(project: Path) -> None:
    assert 'base_model: "google/gemma-3-1b-it"' in carded(project, base="google/gemma-3-1b-it")
    assert "base_model" not in carded(project)
    assert "base_model" not in carded(project, base="/models/mine")


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recorded run, mirrored for TensorBoard."""
    pytest.importorskip("tensorboard", reason="the optional tensorboard package is not installed")
    project, out = tmp_path_factory.mktemp("recorded"), tmp_path_factory.mktemp("logs")
    shutil.copytree(RECORDED, project / "runs" / RECORDED.name)
    assert cockpit(["--project", str(project), "tensorboard", "last", "--out", str(out)]) == 0
    return out / RECORDED.name


def test_tensorboard_reads_every_heal_step_and_every_evaluation_of_the_run(mirrored: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    shown = EventAccumulator(str(mirrored), size_guidance={"scalars": 0, "tensors": 0}).Reload()
    events = list(read_events(RECORDED / "events.jsonl"))
    steps = [e for e in events if isinstance(e, HealStep)]
    loss = shown.Scalars("heal_step/loss")
    assert [s.step for s in loss] == list(range(1, len(steps) + 1))
    assert [s.value for s in loss] == pytest.approx([e.loss for e in steps], rel=1e-6)
    healed = [e for e in events if isinstance(e, Evaluated) and (e.subject, e.split) == ("healed", "val")]
    for metric in healed[0].metrics:
        found = [(s.step, s.value) for s in shown.Scalars(f"val/healed/{metric}")]
        assert found == [(e.round, pytest.approx(e.metrics[metric], rel=1e-6)) for e in healed]
    low = [s.value for s in shown.Scalars("interval/val/healed/trait_rate/low")]
    assert low == pytest.approx([e.ci["trait_rate"][0] for e in healed], rel=1e-6)
    assert b"best round 4" in shown.Tensors("said/run_finished")[0].tensor_proto.string_val[0]


def test_A8_steps_that_a_later_attempt_did_again_are_mirrored_once(tmp_path: Path) -> None:
    """The recorded run as if its second round had been cut off in the heal and gone on from its beginning."""
    lines = (RECORDED / "events.jsonl").read_bytes().splitlines(keepends=True)
    events = [decode(line) for line in lines]
    cut = [n for n, e in enumerate(events) if isinstance(e, HealStep) and e.round == 2]
    again = RunResumed(attempt=2, from_attempt=1, from_round=2, from_stage="heal", from_step=0, holds=cut[0])
    folder = RunDir(tmp_path / "runs" / "r")
    folder.path.mkdir(parents=True)
    folder.events.write_bytes(b"".join([*lines[: cut[9]], encode(again), *lines[cut[0] :]]))
    write_json(folder.result, {"logged": True})
    steps = Steps()
    mirrored = [steps.of(e) for e in standing(tmp_path, folder) if isinstance(e, HealStep)]
    assert mirrored == list(range(1, 1 + sum(isinstance(e, HealStep) for e in events)))


def test_a_mirror_is_never_written_over_another(mirrored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = mirrored.parent.parent / "recorded0"
    assert cockpit(["--project", str(project), "tensorboard", "last", "--out", str(mirrored.parent)]) == 2
    assert "is not empty; name another folder with --out" in capsys.readouterr().err
