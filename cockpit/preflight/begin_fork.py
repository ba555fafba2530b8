"""Starting a fork: its checklist is sealed, its past copied, its supervisor started, and its parent's entry told of it."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import Any

from cockpit.preflight.plan import prepare
from cockpit.review import reviews
from cockpit.runs import evidence, lease
from cockpit.runs.fork import Fork, take_over
from cockpit.runs.launch import Plan, announce, begin, lay
from engine.contract.errors import CockpitError, Refused
from engine.contract.preflight import outside
from engine.contract.resolve import resolve
from engine.contract.rundir import RunDir
from engine.contract.runfile import load_runfile
from journal.book import Book, entry_key
from journal.index import find_row, rows
from journal.text import short


def start(project: Path, fork: Fork, preflight: Path) -> tuple[RunDir, dict[str, Any]]:
    """(the fork's folder, its sealed record). Raises Refused when the checklist is for another config, or does not pass."""
    plan = prepare(project, preflight=preflight)
    wanted = resolve(fork.preset or None, sets=fork.sets).flat()
    differs = outside(wanted, plan.run.config.flat(), ())
    if differs or plan.run.config.run.seed != wanted["run.seed"]:
        raise Refused(
            f"{preflight} is for another config than this fork: {', '.join(differs[:3]) or 'another seed'} differs"
        )
    if lease.wanted(plan.run.config, plan.record):
        lease.check(lease.gpus())
    _same_world(fork, plan)
    folder = lay(project, plan)
    try:
        announce(folder)
        take_over(fork, folder)
    except (OSError, CockpitError):
        shutil.rmtree(folder.path, ignore_errors=True)
        raise
    begin(folder)
    with contextlib.suppress(CockpitError):  # the fork runs, and its own entry names its parent
        _tell_parent(project, fork, folder)
    return folder, plan.record


def _same_world(fork: Fork, plan: Plan) -> None:
    """Raises Refused when trait or model are not what the parent's vectors, heal sets and adapters were made of."""
    parent = load_runfile(fork.parent.config)
    for what, theirs, ours in (
        ("trait", parent.trait_hash, plan.run.trait_hash),
        ("model", parent.model_hash, plan.run.model_hash),
    ):
        if theirs != ours:
            raise Refused(
                f"the {what} changed since {fork.parent.id} ({theirs[:8]}, now {ours[:8]}), so nothing of it can be taken over"
            )


def _tell_parent(project: Path, fork: Fork, folder: RunDir) -> None:
    lineage = fork.lineage
    attempt = int(evidence.result(fork.parent).get("attempt", 1))
    changed = ", ".join(f"{knob} {change}" for knob, change in lineage.changes.items())
    row = find_row(rows(project), entry_key(lineage.parent, attempt), Book(project).path)
    reviews.note(project, row, f"forked as {short(folder.id)} at {lineage.place}: {changed}")
