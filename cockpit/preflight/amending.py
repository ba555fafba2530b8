"""Amending a run's answers after its seal: appended to runs/<id>/amendments.jsonl, the seal itself is never touched."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from typing import Any

from filelock import FileLock

from cockpit.runs import evidence
from engine.contract.amend import amendment, read_amendments
from engine.contract.errors import BadInput, Refused
from engine.contract.events import Evaluated, read_events
from engine.contract.files import append_line, read_json
from engine.contract.preflight import seal_hash
from engine.contract.rundir import RunDir
from journal.book import Book
from journal.record import load_record
from journal.write import close_entry


def amend(folder: RunDir, sets: Sequence[str], reason: str) -> list[dict[str, Any]]:
    """Append one line for each 'section.name=value', all or none; a closed entry tells of it at once.

    Raises BadInput or Refused with what to do."""
    if not sets:
        raise BadInput("name what to amend: --set prediction.confidence=0.6")
    record = read_json(folder.preflight)
    if not isinstance(record, dict) or seal_hash(record) != record.get("seal"):
        raise Refused(f"the preflight of {folder.id} is not the one that was sealed; there is nothing whole to amend")
    if record.get("config", {}).get("run.smoke"):
        raise Refused(f"{folder.id} is a smoke run: its answers ship with the preset and carry no claim")
    with FileLock(str(folder.path / ".amendments.lock"), timeout=30):
        evaluated = any(isinstance(e, Evaluated) for e in read_events(folder.events)) or evidence.finished(folder)
        lines = read_amendments(folder.amendments)
        fresh: list[dict[str, Any]] = []
        for key, value in map(_parse, sets):
            fresh.append(amendment(record, [*lines, *fresh], key, value, reason, evaluated=evaluated))
        for line in fresh:
            append_line(folder.amendments, json.dumps(line, ensure_ascii=False).encode(), sync=True)
    if evidence.finished(folder):
        close_entry(Book(folder.path.parent.parent), load_record(folder))
    return fresh


def _parse(setting: str) -> tuple[str, Any]:
    """'prediction.confidence=.6' as ('prediction.confidence', 0.6); what is not TOML is text."""
    key, equals, raw = setting.partition("=")
    if not equals:
        raise BadInput(f"--set {setting!r} is not section.name=value, for example --set prediction.confidence=0.6")
    raw = raw.strip()
    try:
        value = tomllib.loads(f"v = {'0' + raw if raw.startswith('.') else raw}")["v"]
    except tomllib.TOMLDecodeError:
        value = raw
    return key.strip(), value
