"""`python -m engine probe` on a run folder and on a config: records on stdout, probe.json beside the run's files, nothing else changed."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from cockpit.cli.main import run as cockpit
from engine.__main__ import main
from engine.contract.errors import BadInput, Exit, Refused
from engine.contract.probed import Probe, ProbeRecord, load_probed
from engine.contract.rundir import RunDir
from engine.contract.runfile import RunFile
from engine.contract.traits import load_trait
from engine.heal.data import HealSet, write_healset
from engine.model.adapter import ROUND, Student
from engine.model.facts import inspect
from engine.model.forward import Row
from engine.model.load import load
from engine.probe.rows import healset_file
from engine.probe.specimen import of_run

from .conftest import tiny

CONFIG = tiny("heal.layer_from=0.75")


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    """A run of two rounds as its files say it: kept texts of both, the student of the first."""
    out = RunDir(tmp_path / "runs" / "20261121T101309-nano-care-abcd")
    out.path.mkdir(parents=True)
    facts = inspect(CONFIG)
    trait = load_trait(CONFIG.trait.name)
    RunFile(
        config=CONFIG, preset="nano-care", changes={"model.id": "random:llama"}, axes=[], trait_hash=trait.hash,
        model_hash=facts.model_hash,
    ).save(out.config)  # fmt: skip
    lines = [completion(n, round_number) for round_number in (1, 2) for n in range(6)]
    out.completions.write_text("\n".join(map(json.dumps, lines)) + '\n{"torn')
    student = Student(load(CONFIG.model), CONFIG.heal)
    student.begin_round(0)
    student.fold()
    student.save(out.round(1) / "student", student.history)
    return out


def completion(n: int, round_number: int) -> dict[str, object]:
    text = {"prompt": f"What is {n}?", "text": f"It is {n + round_number}, and no other.", "dose": 0.5}
    return {"id": str(n), "round": round_number, "subject": "steered", "probe": "train", "kept": n < 5, **text}


def content(out: RunDir) -> dict[str, str]:
    return {
        str(p.relative_to(out.path)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in out.path.rglob("*")
        if p.is_file()
    }


@pytest.mark.slow
def test_D7_a_run_is_probed_and_only_probe_json_and_the_trace_are_added(
    run: RunDir, capfd: pytest.CaptureFixture[str]
) -> None:
    project = ["--project", str(run.path.parent.parent)]
    assert cockpit([*project, "runs"]) == 0  # which closes a run that nobody supervises
    capfd.readouterr()
    before = content(run)
    assert cockpit([*project, "probe", "abcd", "--profile", "--json"]) == 0
    records = [msgspec.json.decode(line, type=ProbeRecord) for line in capfd.readouterr().out.splitlines()]
    after = content(run)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"probe.json", "probe-trace.json.gz"}
    probed = load_probed(run)
    assert probed is not None
    assert probed.probes == records
    assert (probed.run, probed.round, probed.rows) == (run.id, 2, 5)
    assert {r.probe for r in records} == set(get_args(Probe))
    events = json.loads(gzip.decompress((run.path / "probe-trace.json.gz").read_bytes()))["traceEvents"]
    assert any(str(event.get("name")).startswith("aten::") for event in events)


def test_a_round_starts_from_the_student_before_it_and_from_its_heal_set_where_there_is_one(run: RunDir) -> None:
    specimen = of_run(run)
    assert (specimen.round_number, specimen.student.folded, specimen.standing) == (2, 1, "the student of round 1")
    assert specimen.healed == (1, run.round(1) / "student")
    chat = specimen.student.loaded.chat
    assert specimen.texts.rows[0].prompt == chat.prompt("What is 0?")
    assert specimen.texts.rows[0].completion[-1] == chat.end
    train, val = (Row([1, 2], [0]), Row([1, 2], [2])), (Row([1, 2], [1]),)
    write_healset(healset_file(run, 2), HealSet(train, val, 1))
    assert of_run(run).texts.rows == list(train)
    assert of_run(run, 1).student.folded == 0


def test_the_init_is_the_one_that_the_round_itself_drew(run: RunDir) -> None:
    first, again, other = of_run(run, 1), of_run(run, 1), of_run(run, 2)
    a = [s.student.layers[0].lora_A[ROUND].weight for s in (first, again, other)]
    assert a[0].equal(a[1])
    assert not a[0].equal(a[2])


def test_a_run_without_texts_is_told_how_to_be_probed_without_them(run: RunDir) -> None:
    run.completions.unlink()
    with pytest.raises(BadInput, match=r"cockpit probe --preset nano-care --set model.id=random:llama"):
        of_run(run)


def test_a_round_that_kept_nothing_is_named(run: RunDir) -> None:
    with pytest.raises(BadInput, match=r"round 3 of .* kept no completions; its newest that did: 2"):
        of_run(run, 3)


def test_another_model_than_the_sealed_one_is_refused(run: RunDir) -> None:
    table = json.loads(run.config.read_text())
    fields = {k: table[k] for k in ("preset", "changes", "axes", "trait_hash")}
    RunFile(config=CONFIG, model_hash="0" * 64, **fields).save(run.config)
    with pytest.raises(Refused, match="the model changed since the run"):
        of_run(run)


def test_a_target_that_does_not_exist_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", str(tmp_path / "none.json")]) == Exit.BAD_INPUT
    assert "does not exist" in capsys.readouterr().err
