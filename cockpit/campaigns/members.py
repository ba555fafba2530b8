"""Giving every member of a campaign its run: one that serves it already, or a new one in the queue."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from cockpit.campaigns import store
from cockpit.runs import evidence, queue, ticket
from cockpit.runs.launch import Plan
from engine.contract.errors import BadInput, Refused
from engine.contract.files import read_json
from engine.contract.hashes import SEED_AXIS, code_hash
from engine.contract.preflight import seal_hash
from engine.contract.resolve import from_flat, resolve
from engine.contract.rundir import RunDir, all_runs, runs_folder
from engine.contract.runfile import RunFile, load_runfile
from journal.campaign import OUTCOMES, Campaign, Member, first_seeds, given_up, measure, waits_for_first
from journal.index import rows
from journal.record import load_record
from journal.review import states

GONE = "gone"
"""The state of a member whose run was taken out of the queue, or whose folder was removed."""


def state(project: Path, member: Member) -> str:
    """'' before it has a run, queued, running, the status it ended with, or gone."""
    if not member.run:
        return ""
    folder = RunDir(runs_folder(project) / member.run)
    if not folder.path.is_dir():
        return GONE
    ended = evidence.result(folder)
    over = int(evidence.process(folder).get("attempt", 1)) <= int(ended.get("attempt", 1))  # else it was taken up again
    if ended.get("logged") and over:
        return str(ended["status"])
    return ticket.WAITING if ticket.waiting(folder) else queue.RUNNING


def live(project: Path, campaign: Campaign) -> list[Member]:
    """The members that wait or run."""
    return [m for m in campaign.members if state(project, m) in (ticket.WAITING, queue.RUNNING)]


def fill(project: Path, campaign_id: str) -> Campaign:
    """Give every member that has come to no outcome a run: an equal one of the same family and code that has succeeded, waits or runs,
    else a new one at the end of the queue. Doing it again changes nothing.

    Raises Refused when the code has changed since the campaign was sealed: its members would be of two codes."""
    with store.locked(project, campaign_id):
        campaign = store.find(project, campaign_id)
        held = held_back(project, campaign)
        needy = [m for m in campaign.members if _needs(project, m) and (m.arm, m.seed) not in held]
        if not needy:
            return campaign
        code_hash.cache_clear()
        if campaign.code_hash != code_hash():
            raise Refused(
                f"the code has changed since {campaign.id} was sealed (code {campaign.code_hash[:8]} then, {code_hash()[:8]} now): "
                "put the code back, or ask for the campaign again after a fast-dev-run"
            )
        serving = _serving(project, campaign)
        for member in needy:
            earlier = (*member.earlier, member.run) if member.run else member.earlier
            found = serving.get(member.config_hash)
            run = found or queue.enqueue(project, Plan(runfile(campaign, member), campaign.record, campaign.preset)).id
            given = msgspec.structs.replace(member, run=run, reused=found is not None, earlier=earlier)
            members = tuple(given if m is member else m for m in campaign.members)
            campaign = msgspec.structs.replace(campaign, members=members)
            store.save(project, campaign)
    return campaign


def held_back(project: Path, campaign: Campaign) -> set[tuple[str, int]]:
    """Members (arm, seed) that a sealed futility rule keeps from being queued: their arm's first seeds are not done, or were in vain."""
    if not campaign.futility:
        return set()
    found = measure(project, campaign)
    arms = given_up(campaign, found) | waits_for_first(campaign, found)
    return {
        (m.arm, m.seed)
        for m in campaign.members
        if m.arm in arms and not m.run and m.seed not in first_seeds(campaign, m.arm)
    }


def runfile(campaign: Campaign, member: Member) -> RunFile:
    """The config of a member under the campaign's seal. Raises BadInput when it is no longer the one that was sealed."""
    record = campaign.record
    config = from_flat(record["config"] | member.values | {SEED_AXIS: member.seed})
    shipped = resolve(campaign.preset or None).flat()
    run = RunFile(
        config=config,
        preset=campaign.preset,
        changes={knob: value for knob, value in config.flat().items() if shipped[knob] != value},
        axes=record["axes"],
        trait_hash=record["trait_hash"],
        model_hash=record["model_hash"],
    )
    if run.config_hash != member.config_hash:
        raise BadInput(
            f"{campaign.id}: {member.arm}, seed {member.seed} is not the config that was sealed; ask for it again"
        )
    return run


def _needs(project: Path, member: Member) -> bool:
    return state(project, member) not in (*OUTCOMES, ticket.WAITING, queue.RUNNING)


def _serving(project: Path, campaign: Campaign) -> Mapping[str, str]:
    """Runs that may serve a member, by config hash: of those that have succeeded the first, else the first that waits or runs."""
    wanted = {m.config_hash for m in campaign.members}
    said = states(rows(project))
    found: dict[str, str] = {}
    coming: dict[str, str] = {}
    for folder in all_runs(project):
        try:
            if (hash_ := _hash(folder)) not in wanted or hash_ in found or not _same(folder, campaign):
                continue
            ended = evidence.result(folder)
            if not ended:
                coming.setdefault(hash_, folder.id)
            elif _sound(folder) and not _withdrawn(folder, said):
                found[hash_] = folder.id
        except BadInput:
            continue  # a damaged folder serves nobody
    return coming | found


def _hash(folder: RunDir) -> str:
    table = read_json(folder.config)
    return str(table.get("config_hash", "")) if isinstance(table, dict) else ""


def _same(folder: RunDir, campaign: Campaign) -> bool:
    """Whether a run was sealed for the campaign's family, and is to run or ran under its code."""
    record, run = read_json(folder.preflight), load_runfile(folder.config)
    if not isinstance(record, dict) or seal_hash(record) != record.get("seal") or folder.lineage.exists():
        return False
    family = all(record.get(name) == campaign.record[name] for name in ("family_hash", "axes"))
    if ticket.waiting(folder):
        code = ticket.read(folder).code_hash
    else:
        code = str(read_json(folder.provenance).get("code_hash"))
    return family and code == campaign.code_hash and run.config_hash == _hash(folder)


def _sound(folder: RunDir) -> bool:
    """Whether a run ended in success, in the journal, with nothing set while it ran and nothing of it damaged."""
    ended = evidence.result(folder)
    if ended.get("status") != "success" or not ended.get("logged"):
        return False
    record = load_record(folder)
    return record.sealed and not record.touched and not record.damage


def _withdrawn(folder: RunDir, said: Mapping[str, object]) -> bool:
    """Whether a person took the run back."""
    return getattr(said.get(folder.id), "state", "") in ("retracted", "superseded")
