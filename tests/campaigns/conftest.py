"""Campaigns for tests: one over the worked project's recorded runs, and one that the real command worked off on the real engine."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from cockpit.campaigns import store
from cockpit.campaigns.members import fill
from cockpit.campaigns.plan import campaign as plan_campaign
from cockpit.runs import processes
from engine.contract.files import read_json, write_json
from engine.contract.rundir import RunDir, all_runs, runs_folder
from engine.contract.runfile import load_runfile
from journal.campaign import Campaign, Kind, Member
from journal.claims.statistics import Spread, spread
from journal.record import load_record
from tests.cockpit.conftest import TINY, preflight, run_cli
from tests.queued import plan

ROOT = Path(__file__).parents[2]
CAREFUL = ("W2", "KB12", "KB20")
SMALL = [*TINY, "evaluate.prompts=2", "evaluate.test_prompts=2", "evaluate.max_new_tokens=12"]


class Recorded(NamedTuple):
    """The worked project with a campaign over its ten runs of two vectors on five seeds."""

    project: Path
    campaign: Campaign

    def numbers(self, arm: str, metric: str, subject: str = "healed") -> list[float]:
        """A metric on test of every member of an arm, straight from the events."""
        found = []
        for member in self.campaign.members:
            row = load_record(RunDir(runs_folder(self.project) / member.run)).row(subject, "test")
            assert row is not None
            found += [row.metrics[metric]] if member.arm == arm else []
        return found

    def spread(self, arm: str, metric: str) -> Spread | None:
        return spread(self.numbers(arm, metric))


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    project = tmp_path / "project"
    shutil.copytree(ROOT / "examples/project", project)
    members: dict[tuple[str, int], Member] = {}
    for folder in all_runs(project):
        run = load_runfile(folder.config)
        method, seed = run.config.steer.method, run.config.run.seed
        if method in ("mean_diff", "random") and run.config.heal.divergence != "none" and not run.config.run.smoke:
            arm = f"method {method}"
            members[(arm, seed)] = Member(
                arm=arm, values={"steer.method": method}, seed=seed, config_hash=run.config_hash, run=folder.id
            )
    record = read_json(RunDir(runs_folder(project) / members[("method mean_diff", 42)].run).preflight)
    found = Campaign(
        id="20261121T100000-campaign-aaaa", kind="matrix", identity="i", made_at="2026-11-21T10:00:00.000Z", where=str(project),
        command="cockpit campaign matrix", code_hash="e" * 64, preset="nano-care",
        over={"steer.method": ["random", "mean_diff"]}, seeds=[42, 137, 256, 314, 512], record=record,
        members=tuple(members[(f"method {m}", s)] for m in ("random", "mean_diff") for s in (42, 137, 256, 314, 512)),
    )  # fmt: skip
    store.save(project, found)
    return Recorded(project, found)


def sealed(
    project: Path, *seeds: int, kind: Kind = "seeds", campaign_id: str = "20260604T101347-campaign-bbbb"
) -> Campaign:
    """A campaign over seeds of nano-care, saved and not yet filled; no engine looks at a model."""
    from engine.contract.hashes import code_hash

    plans = {seed: plan(seed) for seed in seeds}
    members = tuple(Member(arm="own", values={}, seed=s, config_hash=p.run.config_hash) for s, p in plans.items())
    found = Campaign(
        id=campaign_id, kind=kind, identity=campaign_id, made_at="2026-06-04T10:13:47.000Z", where=str(project), command="again",
        code_hash=code_hash(), preset="nano-care", over={}, seeds=list(seeds), record=plans[seeds[0]].record, members=members,
    )  # fmt: skip
    store.save(project, found)
    return found


class Worked(NamedTuple):
    """A project where a campaign of two seeds was interrupted and resumed, the first run of it that was killed, and what was said."""

    project: Path
    campaign: Campaign
    killed: str
    done: subprocess.CompletedProcess[str]
    checklist: Path


@pytest.fixture(scope="session")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Worked:
    """Two tiny seeds on nano. The first member's supervisor is gone before it did anything, as after a reboot."""
    project = tmp_path_factory.mktemp("worked")
    checklist = preflight(project / "tiny.toml", sets=SMALL, waive=CAREFUL)
    begun = plan_campaign(project, "seeds", checklist, {}, [42, 137], command="cockpit campaign seeds")
    killed = RunDir(runs_folder(project) / fill(project, begun.id).members[0].run)
    gone = {"host": processes.host(), "boot_id": "before", "attempt": 1, "supervised_at": "2026-06-04T10:13:47.000Z"}
    write_json(killed.process, gone | {"supervisor": {"pid": 1, "ticks": 1}})
    done = run_cli("campaign", "resume", begun.id[-4:], "--jobs", "2", project=project, timeout=300)
    assert done.returncode == 0, done.stderr
    return Worked(project, store.find(project, begun.id), killed.id, done, checklist)
