"""A sealed futility rule: an arm whose first seeds all miss is given up, the others go on, and the entry says which and why."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from cockpit.campaigns import store
from cockpit.campaigns.members import fill, live
from cockpit.campaigns.plan import campaign as plan_campaign
from cockpit.campaigns.work import _due, conclude
from cockpit.report.campaign import listed
from engine.contract.errors import BadInput
from engine.contract.rundir import RunDir, all_runs, runs_folder
from journal.campaign import Campaign, measure
from journal.index import find_entry
from tests.cockpit.conftest import preflight

from .conftest import CAREFUL, SMALL, sealed
from .test_sweep import end

SEEDS = (42, 137, 256, 314)


def ruled(project: Path) -> Campaign:
    found = msgspec.structs.replace(sealed(project, *SEEDS), futility=2)
    store.save(project, found)
    return fill(project, found.id)


def end_all(project: Path, campaign: Campaign, *traits: float, status: str = "success") -> None:
    for member, trait in zip(live(project, campaign), traits, strict=True):
        end(RunDir(runs_folder(project) / member.run), status, trait=trait)


def test_only_the_first_seeds_are_queued_at_first(tmp_path: Path) -> None:
    made = ruled(tmp_path)
    assert [m.seed for m in live(tmp_path, made)] == [42, 137]
    assert not _due(tmp_path, made.id)
    assert len(all_runs(tmp_path)) == 2


@pytest.mark.parametrize(("traits", "status"), [((0.1, 0.2), "success"), ((0.99, 0.99), "diverged")])
def test_an_arm_whose_first_seeds_all_miss_is_given_up_and_said_so(
    tmp_path: Path, traits: tuple[float, float], status: str
) -> None:
    made = ruled(tmp_path)
    end_all(tmp_path, made, *traits, status=status)
    assert not _due(tmp_path, made.id)
    made = fill(tmp_path, made.id)
    assert len(all_runs(tmp_path)) == 2
    assert [m.remark.startswith("was given up") for m in measure(tmp_path, made)] == [False, False, True, True]
    assert listed(tmp_path, made)["state"] == "done"
    assert conclude(tmp_path, made) == ""
    written = find_entry(tmp_path, made.id).text
    assert "was given up: the first 2 seeds of its arm did not meet the prediction" in written
    assert "what an arm would have come to that its first 2 seeds gave up" in written


def test_one_that_meets_it_brings_the_other_seeds(tmp_path: Path) -> None:
    made = ruled(tmp_path)
    end_all(tmp_path, made, 0.1, 0.95)
    assert _due(tmp_path, made.id)
    assert [m.seed for m in live(tmp_path, fill(tmp_path, made.id))] == [256, 314]
    assert not _due(tmp_path, made.id)


def test_a_killed_first_seed_decides_nothing(tmp_path: Path) -> None:
    made = ruled(tmp_path)
    first, second = live(tmp_path, made)
    end(RunDir(runs_folder(tmp_path) / first.run), "killed", trait=0.1)
    end(RunDir(runs_folder(tmp_path) / second.run), trait=0.1)
    assert not _due(tmp_path, made.id)
    assert [m.seed for m in live(tmp_path, fill(tmp_path, made.id))] == [42]
    assert listed(tmp_path, store.find(tmp_path, made.id))["state"] == "goes on"


def test_the_rule_is_part_of_the_seal_and_leaves_seeds_to_give_up(tmp_path: Path) -> None:
    checklist = preflight(tmp_path / "tiny.toml", sets=SMALL, waive=CAREFUL)
    for wrong in (1, 2, 3):
        with pytest.raises(BadInput, match="--futility"):
            plan_campaign(tmp_path, "seeds", checklist, {}, [42, 137], futility=wrong)
