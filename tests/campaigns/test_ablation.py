"""The ablation (K14): full, zero, random and shuffled vector on the base and on the healed student, from one command."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from cockpit.runs import queue
from engine.contract.events import Evaluated, VectorExtracted, decode, read_events
from engine.contract.rundir import RunDir, runs_folder
from engine.contract.runfile import load_runfile
from journal.ablation import changed, write
from journal.audit import check
from journal.blocks import parse
from journal.book import Book
from journal.card import extract
from journal.index import rows
from journal.record import load_record
from journal.review import states
from journal.text import number
from tests.cockpit.conftest import run_cli
from tests.queued import plan

from .conftest import Worked


class Ablated(NamedTuple):
    """What the command said of a run, in a project of its own, as lines of JSON."""

    project: Path
    run: RunDir
    vectors: dict[str, VectorExtracted]
    cells: list[Evaluated]

    def cell(self, subject: str, vector: str) -> Evaluated:
        (found,) = [c for c in self.cells if (c.subject, c.vector) == (subject, vector)]
        return found

    def own(self, subject: str) -> Evaluated:
        """The run's own evaluation on val."""
        return next(
            e for e in read_events(self.run.events)
            if isinstance(e, Evaluated) and e.subject == subject and e.split == "val"
        )  # fmt: skip


@pytest.fixture(scope="module")
def ablated(worked: Worked, tmp_path_factory: pytest.TempPathFactory) -> Ablated:
    project = tmp_path_factory.mktemp("ablated")
    shutil.copytree(worked.project, project, dirs_exist_ok=True)
    run = RunDir(runs_folder(project) / worked.campaign.members[0].run)
    done = run_cli("campaign", "ablation", run.id, "--json", project=project, timeout=300)
    assert done.returncode == 0, done.stderr
    events = [decode(line.encode()) for line in done.stdout.splitlines()]
    vectors = {e.method: e for e in events if isinstance(e, VectorExtracted)}
    return Ablated(project, run, vectors, [e for e in events if isinstance(e, Evaluated)])


METHODS = ("mean_diff", "zero", "random", "shuffled")


@pytest.mark.slow
def test_k14_eight_cells_of_four_vectors_on_base_and_student_come_from_one_command(ablated: Ablated) -> None:
    assert [(c.subject, c.vector) for c in ablated.cells] == [
        ("base", "none"),
        *(("steered", method) for method in METHODS),
        *(("healed", method) for method in METHODS),
    ]
    doses = {c.dose for c in ablated.cells[1:]}
    assert doses == {ablated.own("steered").dose}
    assert {c.split for c in ablated.cells} == {"val"}
    assert all(c.change and c.change_ci for c in ablated.cells[1:]), "every cell is paired with the unsteered base"
    evaluate = load_runfile(ablated.run.config).config.evaluate
    assert {c.n["trait_rate"] for c in ablated.cells} == {evaluate.prompts}


@pytest.mark.slow
def test_k14_zero_on_the_base_is_the_base_and_zero_on_the_student_is_the_student(ablated: Ablated) -> None:
    for cell, row in (
        (ablated.cell("base", "none"), ablated.own("base")),
        (ablated.cell("steered", "zero"), ablated.own("base")),
        (ablated.cell("steered", "mean_diff"), ablated.own("steered")),
        (ablated.cell("healed", "zero"), ablated.own("healed")),
    ):
        assert cell.metrics == pytest.approx(row.metrics)
    assert all(change == 0.0 for change in ablated.cell("steered", "zero").change.values())


@pytest.mark.slow
def test_k14_random_and_shuffled_are_as_long_as_the_full_vector_and_point_elsewhere(ablated: Ablated) -> None:
    full = ablated.vectors["mean_diff"].norm
    assert ablated.vectors["random"].norm == pytest.approx(full)
    assert ablated.vectors["shuffled"].norm == pytest.approx(full)
    assert set(ablated.vectors["zero"].norm.values()) == {0.0}
    cosines = {method: vector.cos_first for method, vector in ablated.vectors.items()}
    assert cosines["mean_diff"] == pytest.approx(1.0)
    assert cosines["zero"] == 0.0
    assert f"random {number('cos', cosines['random'], sign=True)}" in Book(ablated.project).read().decode()  # type: ignore[arg-type]
    care = [ablated.cell("steered", method).metrics["care_nats"] for method in METHODS]
    assert len(set(care)) == 4


@pytest.mark.slow
def test_k14_the_table_stands_in_the_journal_as_a_note_on_the_runs_entry_once(ablated: Ablated) -> None:
    (note,) = [b for b in parse(Book(ablated.project).read()) if b.kind == "note"]
    assert note.intact
    assert len([line for line in note.body.decode().splitlines() if line.startswith(("| base", "| student"))]) == 9
    kept = extract(note.body.decode())
    assert kept["of"] == ablated.run.id
    assert len(kept["ablation"]["cells"]) == 9
    said = states(rows(ablated.project))[ablated.run.id]
    assert [n.text.startswith("ablation on val at dose") for n in said.notes] == [True]
    assert check(ablated.project) == []
    record, vectors = load_record(ablated.run), {"zero": ablated.vectors["zero"]}
    assert write(ablated.project, record, ablated.cells, vectors, "A. Person")
    assert write(ablated.project, record, ablated.cells, vectors, "A. Person") == ""


@pytest.mark.slow
def test_an_ablation_of_a_run_without_its_weights_says_what_is_missing(ablated: Ablated, tmp_path: Path) -> None:
    shutil.copytree(ablated.project / "runs" / ablated.run.id, tmp_path / "runs" / ablated.run.id)
    shutil.rmtree(tmp_path / "runs" / ablated.run.id / "rounds")
    done = run_cli("campaign", "ablation", "last", project=tmp_path)
    assert done.returncode == 2
    assert "no baked round, or its weights were removed" in done.stderr


def test_k10_a_run_whose_entry_is_open_is_not_ablated(tmp_path: Path) -> None:
    folder = queue.enqueue(tmp_path, plan(42))
    done = run_cli("campaign", "ablation", folder.id, project=tmp_path)
    assert (done.returncode, done.stdout) == (3, "")
    assert "it has not ended" in done.stderr
    folder.result.write_text(json.dumps({"status": "success", "attempt": 1}))
    assert run_cli("campaign", "ablation", folder.id, project=tmp_path).returncode == 3
    assert "ablation" not in Book(tmp_path).read().decode()


def test_a_change_whose_interval_holds_nothing_stands_in_parentheses() -> None:
    cell = Evaluated(subject="steered", split="val", metrics={"trait_rate": 0.5}, ci={}, n={})
    cell = msgspec.structs.replace(cell, change={"trait_rate": 0.1})
    for interval, text in (((-0.1, 0.3), "(+.10)"), ((0.05, 0.3), "+.10"), ((0.0, 0.3), "(+.10)")):
        assert changed(msgspec.structs.replace(cell, change_ci={"trait_rate": interval}), "trait_rate") == text
    assert changed(cell, "tail_ppl") == "–"
