"""`cockpit fork`: paired with its parent by construction, with its lineage in both entries, and only what differs asked again."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from cockpit.runs.fork import plan
from engine.contract.events import Evaluated, HealStep, RunForked, RunStarted, standing_events
from engine.contract.hashes import sha256_file
from engine.contract.lineage import load_lineage
from engine.contract.rundir import RunDir, all_runs
from journal.book import Book
from journal.record import load_record

from .conftest import TINY, Cli, preflight, process, result, run_cli, wait

pytestmark = pytest.mark.slow

TOLD = "A tenth of the rate leaves the healed model closer to its base than its parent is."


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory, common: Path) -> RunDir:
    """A finished run whose barrier always fires, so that no known bug comes near its forks."""
    project = tmp_path_factory.mktemp("parent")
    checklist = preflight(project / "tiny.toml", sets=[*TINY, "heal.tau=0.0"])
    done = run_cli("launch", "--preflight", str(checklist), project=project)
    assert done.returncode == 0, done.stderr
    return all_runs(project)[-1]


@pytest.fixture
def copied(parent: RunDir, tmp_path: Path) -> RunDir:
    """The same project, to write into."""
    shutil.copytree(parent.path.parents[1], tmp_path, dirs_exist_ok=True)
    return RunDir(tmp_path / "runs" / parent.id)


def newest(parent: RunDir) -> RunDir:
    return all_runs(parent.path.parents[1])[-1]


def test_a_fork_at_heal_trains_on_the_very_rows_of_its_parent_from_the_same_start(copied: RunDir, cli: Cli) -> None:
    done = cli("fork", copied.id, "--from", "heal@r1", "--reuse", "kept", "--set", "heal.lr=2e-4", "--hypothesis", TOLD)
    assert done.returncode == 0, done.stderr
    fork = newest(copied)
    assert result(fork)["status"] == "success"
    for name in ("vector.safetensors", "pool.jsonl", "healset.jsonl"):
        assert sha256_file(fork.round(1) / name) == sha256_file(copied.round(1) / name)
    mine, theirs = standing_events(fork.events), standing_events(copied.events)
    first, other = (next(e for e in events if isinstance(e, HealStep)) for events in (mine, theirs))
    assert (first.nll, first.grad_norm, first.tokens) == (other.nll, other.grad_norm, other.tokens)
    assert first.lr == pytest.approx(other.lr / 10)
    assert [e.run for e in mine if isinstance(e, RunStarted)] == [fork.id]
    (forked,) = [e for e in mine if isinstance(e, RunForked)]
    assert (forked.parent, forked.from_round, forked.from_stage) == (copied.id, 1, "heal")
    base = [
        [e.metrics for e in events if isinstance(e, Evaluated) and e.subject == "base"] for events in (mine, theirs)
    ]
    assert base[0] == base[1], "val of the parent, test measured anew"
    told = result(fork)["fields"]["Notes"]
    assert f"forked from {copied.id} at heal@r1: heal.lr 0.002 → 0.0002" in told
    assert f"forked as -{fork.id[-4:]} at heal@r1" in Book(copied.path.parents[1]).read().decode()
    lineage = load_lineage(fork)
    assert lineage is not None
    assert lineage.parent == copied.id
    seal = json.loads(fork.preflight.read_text())
    assert seal["answers"]["prior"]["comparator"] == copied.id
    assert seal["answers"]["question"]["hypothesis"] == TOLD


def test_without_a_hypothesis_the_checklist_is_drafted_and_nothing_starts(copied: RunDir, cli: Cli) -> None:
    before = all_runs(copied.path.parents[1])
    done = cli("fork", copied.id, "--from", "heal@r1", "--set", "heal.lr=2e-4")
    assert done.returncode == 3
    assert "K6" in done.stderr
    (draft,) = (copied.path.parents[1] / "runs" / ".drafts").glob("fork-*.toml")
    assert str(draft) in done.stderr
    assert all_runs(copied.path.parents[1]) == before
    draft.write_text(draft.read_text().replace('hypothesis = ""', f'hypothesis = "{TOLD}"'))
    again = cli("fork", copied.id, "--from", "heal@r1", "--set", "heal.lr=2e-4", "--detach")
    assert again.returncode == 0, again.stderr
    cli("control", again.stdout.strip(), "abort")


def test_a_fork_that_is_killed_before_its_first_unit_is_resumed_as_itself(copied: RunDir, cli: Cli) -> None:
    done = cli("fork", copied.id, "--from", "heal@r1", "--set", "heal.lr=2e-4", "--hypothesis", TOLD, "--detach")
    assert done.returncode == 0, done.stderr
    fork = RunDir(copied.path.parent / done.stdout.strip())
    wait(lambda: b"run_started" in fork.events.read_bytes())
    os.kill(process(fork)["worker"]["pid"], signal.SIGKILL)
    wait(lambda: bool(result(fork).get("logged")))
    again = cli("resume", fork.id)
    assert again.returncode == 0, again.stderr
    events = standing_events(fork.events)
    assert [e.run for e in events if isinstance(e, RunStarted)] == [fork.id]
    steps = [e.step for e in events if isinstance(e, HealStep)]
    assert steps == list(range(1, len(steps) + 1))
    assert load_record(fork).damage == ""


def test_a_run_that_ended_can_be_forked_into_more_rounds(parent: RunDir) -> None:
    """Its reveal is not part of what a fork takes over."""
    fork = plan(parent, "round@r2", ["run.rounds=2"])
    assert (fork.past[-1].name, fork.past[-1].round) == ("healed", 1)
    assert fork.lineage.changes == {"run.rounds": "1 → 2"}


@pytest.mark.parametrize(
    ("place", "settings", "told"),
    [
        ("bake@r1", ["heal.lr=2e-4"], "is no place to fork from"),
        ("heal@r2", ["heal.lr=2e-4"], "did not get to heal@r2"),
        ("heal@r1", [], "changes nothing"),
        ("heal@r1", ["keep.max_tail_ppl=2.0"], "keep.max_tail_ppl acted before heal@r1"),
        ("heal@r1", ["heal.replay=0.5"], "heal.replay acted before heal@r1"),
        ("generate@r1", ["generate.temperature=0.5"], "generate.temperature acted before generate@r1"),
        ("round@r1", ["evaluate.prompts=6"], "launch a run of its own"),
        ("round@r1", ["run.seed=137"], "launch a run of its own"),
    ],
)
def test_a_fork_that_would_not_be_paired_is_refused_with_what_to_do(
    place: str, settings: list[str], told: str, copied: RunDir, cli: Cli
) -> None:
    done = cli("fork", copied.id, "--from", place, *[part for s in settings for part in ("--set", s)])
    assert done.returncode == 2
    assert told in done.stderr
