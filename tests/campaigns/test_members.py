"""Which run serves a member (issue of campaigns, K13): equal configs run once, and what came to no outcome is run again."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from cockpit.campaigns import store
from cockpit.campaigns.members import fill, live, state
from cockpit.runs import queue
from cockpit.runs.ticket import Ticket, read
from engine.contract.errors import BadInput, Refused
from engine.contract.files import read_json, write_json
from engine.contract.hashes import code_hash
from engine.contract.preflight import check_seal
from engine.contract.rundir import RunDir, all_runs, runs_folder
from engine.contract.runfile import load_runfile
from journal.book import Book
from journal.campaign import Campaign
from journal.record import load_record
from journal.review import say
from journal.write import close_entry
from tests.queued import plan

from .conftest import sealed

OTHER = "20260604T101348-campaign-cccc"


def end(folder: RunDir, status: str = "success", code: str = "") -> None:
    """Close a run as its supervisor does."""
    write_json(folder.process, {"attempt": 1, "supervised_at": "2026-06-04T10:13:47.000Z"})
    write_json(folder.provenance, {"code_hash": code or code_hash(), "commit": "d" * 40, "dirty": False})
    write_json(folder.result, {"status": status, "reason": "", "attempt": 1, "seconds": 1.0, "logged": True})
    close_entry(Book(folder.path.parents[1]), load_record(folder))


def runs(project: Path, campaign: Campaign) -> list[RunDir]:
    return [RunDir(runs_folder(project) / m.run) for m in campaign.members]


def test_every_member_is_queued_under_the_one_seal_and_filling_again_changes_nothing(tmp_path: Path) -> None:
    sealed(tmp_path, 42, 137, 256)
    found = fill(tmp_path, "bbbb")
    assert [m.seed for m in queue.members(tmp_path)] == [42, 137, 256]
    assert len({folder.preflight.read_bytes() for folder in runs(tmp_path, found)}) == 1
    for member, folder in zip(found.members, runs(tmp_path, found), strict=True):
        run = load_runfile(folder.config)
        assert run.config_hash == member.config_hash
        assert check_seal(read_json(folder.preflight), run) == found.record["seal"]
    assert fill(tmp_path, "bbbb") == found == store.find(tmp_path, "last")
    assert len(all_runs(tmp_path)) == 3


def test_an_interrupted_fill_goes_on_with_the_runs_that_are_queued_already(tmp_path: Path) -> None:
    begun = sealed(tmp_path, 42, 137)
    orphan = queue.enqueue(tmp_path, plan(42))  # queued, and killed before the campaign's file said so
    found = fill(tmp_path, begun.id)
    assert found.members[0].run == orphan.id
    assert len(all_runs(tmp_path)) == 2


def test_a_run_of_another_campaign_serves_while_it_waits_and_after_it_succeeded(tmp_path: Path) -> None:
    sealed(tmp_path, 42, 137)
    first = fill(tmp_path, "bbbb")
    end(runs(tmp_path, first)[0])
    sealed(tmp_path, 137, 42, 256, campaign_id=OTHER)
    second = fill(tmp_path, OTHER)
    assert [m.run for m in second.members[:2]] == [first.members[1].run, first.members[0].run]
    assert [m.reused for m in second.members] == [True, True, False]
    assert len(all_runs(tmp_path)) == 3


@pytest.mark.parametrize("how", ["other code", "touched", "forked", "retracted", "failed", "seal"])
def test_a_run_that_is_not_the_same_is_not_reused(tmp_path: Path, how: str) -> None:
    folder = queue.enqueue(tmp_path, plan(42))
    end(folder, status="nan" if how == "failed" else "success", code="0" * 64 if how == "other code" else "")
    if how == "touched":
        events = '{"event":"control_applied","at":"2026-06-04T10:13:47Z","elapsed":1.0,"request":"set heal.tau","by":"a","value":"1.0"}\n'
        folder.events.write_text(events)
        assert load_record(folder).touched
    if how == "forked":
        write_json(folder.lineage, {"parent": "x", "unit": "heal", "round": 2, "changes": {}})
    if how == "retracted":
        say(Book(tmp_path), folder.id, "A. Person", "retracted", state="retracted", reason="the label was wrong")
    if how == "seal":
        folder.preflight.write_text(folder.preflight.read_text().replace("Four rounds", "Five rounds"))
    sealed(tmp_path, 42)
    (member,) = fill(tmp_path, "bbbb").members
    assert (member.run != folder.id, member.reused) == (True, False)


@pytest.mark.parametrize("status", ["success", "nan", "diverged", "starved"])
def test_k13_an_outcome_stands_and_is_never_run_again(tmp_path: Path, status: str) -> None:
    sealed(tmp_path, 42)
    found = fill(tmp_path, "bbbb")
    end(runs(tmp_path, found)[0], status)
    assert fill(tmp_path, "bbbb") == found
    assert state(tmp_path, found.members[0]) == status
    assert live(tmp_path, found) == []


@pytest.mark.parametrize("status", ["killed", "timeout", "oom", "stopped", "failed", "gone"])
def test_a_member_that_came_to_no_outcome_is_run_again_alone(tmp_path: Path, status: str) -> None:
    sealed(tmp_path, 42, 137)
    first = fill(tmp_path, "bbbb")
    lost, other = runs(tmp_path, first)
    if status == "gone":
        queue.remove(tmp_path, lost.id)
    else:
        end(lost, status)
    assert state(tmp_path, first.members[0]) == status
    again = fill(tmp_path, "bbbb")
    assert again.members[1].run == other.id
    assert again.members[0].run not in ("", lost.id)
    assert again.members[0].earlier == (lost.id,)
    assert [m.run for m in live(tmp_path, again)] == [m.run for m in again.members]


def test_a_run_that_was_taken_up_again_is_running_and_not_what_its_first_attempt_ended_as(tmp_path: Path) -> None:
    sealed(tmp_path, 42)
    found = fill(tmp_path, "bbbb")
    (folder,) = runs(tmp_path, found)
    end(folder, "killed")
    write_json(folder.process, read_json(folder.process) | {"attempt": 2})
    assert state(tmp_path, found.members[0]) == queue.RUNNING
    assert fill(tmp_path, "bbbb") == found


def test_members_of_two_codes_are_never_mixed(tmp_path: Path) -> None:
    made = sealed(tmp_path, 42)
    store.save(tmp_path, msgspec.structs.replace(made, code_hash="0" * 64))
    with pytest.raises(Refused, match="the code has changed since"):
        fill(tmp_path, made.id)
    assert all_runs(tmp_path) == []


def test_a_campaign_whose_file_was_edited_is_refused(tmp_path: Path) -> None:
    made = sealed(tmp_path, 42)
    path = store.room(tmp_path) / f"{made.id}.json"
    path.write_text(path.read_text().replace("Four rounds", "Five rounds"))
    with pytest.raises(BadInput, match="seal does not fit"):
        fill(tmp_path, made.id)
    other = sealed(tmp_path, 137, campaign_id=OTHER)
    found, damaged = store.campaigns(tmp_path)
    assert found == [other], "a damaged one hides no other"
    assert [path.name in why for why in damaged] == [True]
    store.save(tmp_path, msgspec.structs.replace(made, members=(msgspec.structs.replace(made.members[0], seed=43),)))
    with pytest.raises(BadInput, match="not the config that was sealed"):
        fill(tmp_path, made.id)


def test_a_campaign_is_named_as_runs_are(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no campaigns"):
        store.find(tmp_path, "last")
    made, other = sealed(tmp_path, 42), sealed(tmp_path, 137, campaign_id=OTHER)
    assert store.find(tmp_path, "-bbbb") == store.find(tmp_path, made.id) == made
    assert store.find(tmp_path, "last") == other
    for name, words in (("2026", "not unique"), ("k3f9", "no campaign named")):
        with pytest.raises(BadInput, match=words):
            store.find(tmp_path, name)


def test_a_waiting_run_of_other_code_does_not_serve(tmp_path: Path) -> None:
    folder = queue.enqueue(tmp_path, plan(42))
    ticket = read(folder)
    Ticket(place=ticket.place, queued_at=ticket.queued_at, where=ticket.where, code_hash="0" * 64).save(folder)
    sealed(tmp_path, 42)
    assert fill(tmp_path, "bbbb").members[0].run != folder.id
