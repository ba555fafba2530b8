"""A run in a few values: from result.json once it has ended, so that a list of many runs reads no events."""

from __future__ import annotations

from typing import Any

import msgspec

from cockpit.runs import evidence, processes
from cockpit.runs.ticket import WAITING, waiting
from engine.contract.errors import BadInput
from engine.contract.rundir import RunDir
from engine.contract.runfile import load_runfile
from engine.contract.script import load_script
from journal.entry import title
from journal.fields import sixteen
from journal.record import Record, load_record
from journal.text import unquoted
from journal.verdict import verdict


def summary(folder: RunDir) -> dict[str, Any]:
    """A run for a list. `status` is '' while it runs; `state` says then where it is."""
    ended = evidence.result(folder)
    if ended.get("logged") and "title" in ended:
        try:
            named = _named(folder, ended)
        except BadInput:
            return _live(folder)
        return {
            "id": folder.id,
            "status": ended["status"],
            "state": ended["status"],
            "reason": ended["reason"],
            **named,
            "best": ended["best"],
            "seconds": ended["seconds"],
            "verdict": ended["verdict"],
            "outcome": unquoted(ended["title"]),
        }
    return _live(folder)


def _named(folder: RunDir, ended: dict[str, Any]) -> dict[str, Any]:
    """What was run, from config.json. Raises BadInput when it cannot be read."""
    if script := load_script(folder.config):
        seed = str(ended.get("fields", {}).get("Seed", ""))
        return {"preset": script.name, "trait": "", "seed": int(seed) if seed.isdecimal() else None, "smoke": False}
    run = load_runfile(folder.config)
    names = {"preset": run.preset, "trait": run.config.trait.name}
    return {**names, "seed": run.config.run.seed, "smoke": run.config.run.smoke}


def _live(folder: RunDir, record: Record | None = None) -> dict[str, Any]:
    record = record or load_record(folder)
    where, outcome = state(folder, record), unquoted(title(record))
    return {
        "id": folder.id,
        "status": record.status,
        "state": where,
        "reason": record.reason,
        "preset": record.preset,
        "trait": record.run.config.trait.name if record.run else "",
        "seed": record.run.config.run.seed if record.run else record.script.file.seed if record.script else None,
        "smoke": record.smoke,
        "round": record.round,
        "stage": record.stage,
        "best": record.best,
        "seconds": record.result.get("seconds"),
        "verdict": verdict(record).state,
        "outcome": outcome.removeprefix("running: ") if where == WAITING else outcome,
    }


def details(folder: RunDir, record: Record) -> dict[str, Any]:
    """Everything that is known of one run."""
    judged = verdict(record)
    return _live(folder, record) | {
        "attempt": record.attempt,
        "changes": record.run.changes if record.run else {},
        "config": record.run.config.model_dump(mode="json") if record.run else None,
        "config_hash": record.run.config_hash if record.run else None,
        "family_hash": record.run.family_hash if record.run else None,
        "preflight_hash": record.preflight.get("seal"),
        "touched": record.touched,
        "verdict": {"state": judged.state, "value": judged.value, "text": judged.text},
        "evaluated": [msgspec.to_builtins(event) for event in record.evaluated],
        "stages": record.stages,
        "memory_mb": record.memory_mb,
        "fields": sixteen(record),
        "provenance": record.provenance,
    }


def state(folder: RunDir, record: Record) -> str:
    """What a list shows: the status of a finished run; else starting, the stage it is in, or a run of another host."""
    if record.status:
        return record.status
    if waiting(folder):
        return WAITING
    try:
        process = evidence.process(folder)
    except BadInput:
        return "unreadable"
    if not process:
        return "starting"
    if process.get("host") != processes.host():
        return f"running on {process.get('host')}"
    if record.stage:
        word = "paused" if record.paused else "running"
        return f"{word} r{record.round} {record.stage}" if record.round else f"{word} {record.stage}"
    return "starting"
