"""Two seeds through the real command on nano: interrupted, gone on with, written down once (K12, S12)."""

from __future__ import annotations

import pytest

from cockpit.campaigns import store
from engine.contract.files import read_json
from engine.contract.rundir import RunDir, all_runs, runs_folder
from journal.audit import check
from journal.blocks import parse
from journal.book import Book
from journal.card import extract
from tests.cockpit.conftest import run_cli

from .conftest import Worked


@pytest.mark.slow
def test_s12_an_interrupted_campaign_goes_on_and_only_what_was_killed_is_run_again(worked: Worked) -> None:
    first, second = worked.campaign.members
    assert first.earlier == (worked.killed,)
    assert second.earlier == ()
    results = {folder.id: read_json(folder.result)["status"] for folder in all_runs(worked.project)}
    assert results == {worked.killed: "killed", first.run: "success", second.run: "success"}


@pytest.mark.slow
def test_every_member_ran_under_the_one_seal_of_the_campaign(worked: Worked) -> None:
    for member in worked.campaign.members:
        folder = RunDir(runs_folder(worked.project) / member.run)
        started = read_json(folder.result)
        assert started["config_hash"] == member.config_hash
        assert started["code_hash"] == worked.campaign.code_hash
        assert read_json(folder.preflight) == worked.campaign.record
        assert worked.campaign.record["seal"].encode() in folder.events.read_bytes()


@pytest.mark.slow
def test_the_question_entry_stands_once_below_its_members(worked: Worked) -> None:
    blocks = parse(Book(worked.project).read())
    assert [(b.kind, b.intact) for b in blocks] == [("run", True)] * 3 + [("campaign", True)]
    data = extract(blocks[-1].body.decode())
    assert data["campaign"] == worked.campaign.id
    assert [row["run"] for row in data["members"]] == [m.run for m in worked.campaign.members]
    assert worked.killed in blocks[-1].body.decode(), "a run that was lost is named"
    assert check(worked.project) == []
    assert worked.done.stdout.startswith(worked.campaign.id)


@pytest.mark.slow
def test_the_same_command_again_runs_nothing_and_says_the_same(worked: Worked) -> None:
    before = Book(worked.project).read()
    again = run_cli("campaign", "seeds", "--preflight", str(worked.checklist), "--n", "2", project=worked.project)
    assert again.returncode == 0, again.stderr
    assert again.stdout == worked.done.stdout
    assert Book(worked.project).read() == before
    assert [c.id for c in store.campaigns(worked.project)[0]] == [worked.campaign.id]
    assert len(all_runs(worked.project)) == 3
