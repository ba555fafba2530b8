"""Reading run folders that are damaged, unfinished or done again: nothing is fatal, everything is named."""

from __future__ import annotations

import msgspec
import pytest

from engine.contract import events as e
from engine.contract.errors import BadInput
from engine.contract.probed import Probed, ProbeRecord, save_probed
from engine.contract.rundir import RunDir
from engine.contract.units import Extent, Unit, append_unit
from engine.diagnosis import columns
from engine.diagnosis.combine import diagnose
from engine.diagnosis.ours import read_run
from engine.diagnosis.weights import learnt
from tests.diagnosis.conftest import LAYERS, Story, healthy


def test_fault34_garbage_and_a_torn_last_line_are_left_out_and_named(folder: RunDir) -> None:
    healthy().write(folder)
    lines = folder.events.read_bytes().splitlines(keepends=True)
    folder.events.write_bytes(
        b"".join([*lines[:10], b"\xff\xfe not json\n", b"{}\n", *lines[10:]]) + b'{"event":"heal_st'
    )
    a = read_run(folder)
    assert len(a.steps) == 48
    assert [(d.file, d.line) for d in a.damage] == [("events.jsonl", 11)]
    assert "3 lines" in a.damage[0].text
    row = folder.events.read_bytes().splitlines()[int(a.steps["line"][20]) - 1]
    assert msgspec.json.decode(row)["step"] == a.steps["step"][20]
    assert diagnose(a).root_cause == "healthy"


@pytest.mark.parametrize("name", ["config.json", "preflight.json", "result.json", "completions.jsonl", "probe.json"])
def test_garbage_in_any_small_file_is_never_fatal(name: str, folder: RunDir) -> None:
    healthy().write(folder)
    (folder.path / name).write_bytes(b"\x00\xff{[")
    a = read_run(folder)
    assert any(name in d.file for d in a.damage) or any(name in m for m in a.missing)
    assert diagnose(a).root_cause != "healthy"


def test_fault18_a_cut_off_adapter_is_a_damaged_file(folder: RunDir) -> None:
    healthy().write(folder)
    path = folder.round(1) / "adapter/adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    found = diagnose(read_run(folder))
    assert found.root_cause == "damaged file"
    assert found.evidence[0].file == "rounds/1/adapter/adapter_model.safetensors"


def test_fault18_a_flipped_bit_is_found_by_the_hash_that_was_recorded(folder: RunDir) -> None:
    from engine.contract.hashes import sha256_file

    healthy().write(folder)
    name = "rounds/1/adapter/adapter_model.safetensors"
    extent = Extent(events=0, completions=0, tokens=0, replayed=0)
    append_unit(folder, Unit(name="bake", round=1, extent=extent, files={name: sha256_file(folder.path / name)}))
    assert diagnose(read_run(folder)).root_cause == "healthy"
    data = bytearray((folder.path / name).read_bytes())
    data[-1] ^= 1
    (folder.path / name).write_bytes(data)
    found = diagnose(read_run(folder))
    assert (found.root_cause, found.evidence[0].file) == ("damaged file", name)


def test_fault20_a_pickled_checkpoint_is_named_and_never_opened(folder: RunDir) -> None:
    healthy().write(folder)
    (folder.round(1) / "state.pt").write_bytes(b"cos\nsystem\n(S'exit 3'\ntR.")
    found = diagnose(read_run(folder))
    assert (found.root_cause, found.evidence[0].file) == ("damaged file", "rounds/1/state.pt")


def test_what_a_resumed_run_did_again_counts_once(folder: RunDir, story: Story) -> None:
    story.every(loss=lambda s: 90.0 if s.step > 40 else s.loss)
    story.write(folder)
    told = [e.decode(line) for line in folder.events.read_bytes().splitlines()]
    cut = next(n for n, x in enumerate(told) if isinstance(x, e.HealStep) and x.step == 41)
    again = e.RunResumed(attempt=2, from_attempt=1, from_round=1, from_stage="heal", from_step=40, holds=cut)
    good = {s.step: s for s in healthy().steps}
    rest = [msgspec.structs.replace(good[x.step], attempt=2) if isinstance(x, e.HealStep) else x for x in told[cut:]]
    folder.events.write_bytes(b"".join(map(e.encode, [*told, again, *rest])))
    a = read_run(folder)
    assert a.steps["step"].tolist() == list(range(1, 49))
    assert a.steps["loss"].max() < 1
    found, _ = columns.read(folder.events)
    assert [x for _, x in found if not isinstance(x, columns.Step)] == [
        x for x in e.standing_events(folder.events) if not isinstance(x, e.HealStep)
    ]
    assert diagnose(a).root_cause == "healthy"


def test_the_layers_are_read_in_the_order_of_depth(folder: RunDir) -> None:
    story = healthy()
    story.adapter = {name: 0.1 * (n + 1) for n, name in enumerate(sorted(LAYERS, reverse=True))}
    story.write(folder)
    found = learnt(folder.round(1) / "adapter/adapter_model.safetensors")
    assert list(found) == [f"model.layers.{n}.mlp.up_proj" for n in range(8)]
    assert found["model.layers.7.mlp.up_proj"] == pytest.approx(4 * 0.1, rel=1e-5)


@pytest.mark.parametrize(
    ("cause", "record"),
    [
        ("frozen or disconnected", ProbeRecord(probe="frozen", value=1.0, healthy=(0.0, 0.0), verdict="q", per_layer={"layers.0.q": 0.0})),
        ("exploding gradients", ProbeRecord(probe="gradient_norm", verdict="", per_layer={"layers.0": 90.0, "layers.7": 0.1})),
        ("vanishing gradients", ProbeRecord(probe="gradient_norm", verdict="", per_layer={"layers.0": 1e-7, "layers.7": 0.1})),
        ("initial loss off", ProbeRecord(probe="initial_gap", value=0.5, healthy=(0.0, 1e-4), verdict="a mask is wrong")),
        ("stuck near ln V", ProbeRecord(probe="overfit", value=5.0, healthy=(0.0, 0.5), verdict="not memorised")),
        ("loss exactly 0", ProbeRecord(probe="targets", value=0.0, healthy=(1.0, 90.0), verdict="no targets")),
        ("baked drift", ProbeRecord(probe="leaks", value=2.0, healthy=(0.0, 0.0), verdict="2 weights")),
    ],
    ids=lambda x: x if isinstance(x, str) else x.probe,
)  # fmt: skip
def test_what_a_deep_probe_found_is_evidence(cause: str, record: ProbeRecord, folder: RunDir) -> None:
    healthy().write(folder)
    save_probed(folder, Probed(at="", round=1, data="", rows=8, device="cpu", probes=[record]))
    found = diagnose(read_run(folder))
    assert found.root_cause == cause
    assert found.evidence[0].file == "probe.json"


def test_a_scripts_run_is_read_by_the_names_that_it_reports(folder: RunDir) -> None:
    folder.path.mkdir(parents=True)
    steps = []
    for n in range(40):
        told = {"eval_loss": 1.0 if n < 30 else 9.0} if n % 10 == 9 else {}
        steps.append(e.ScriptStep(step=n, loss=2.0 - 0.02 * n, lr=1e-4, grad_norm=1.0, values=told))
    folder.events.write_bytes(b"".join(map(e.encode, steps)))
    a = read_run(folder)
    assert (len(a.steps), len(a.epochs)) == (40, 4)
    found = diagnose(a)
    assert found.root_cause == "validation doubles"
    assert (found.evidence[0].line, found.evidence[0].step) == (40, 39)
    assert all(m.how != "let the heal begin" for m in found.missing)


def test_what_is_no_folder_is_bad_input(folder: RunDir) -> None:
    with pytest.raises(BadInput, match="not a run folder"):
        read_run(folder)
