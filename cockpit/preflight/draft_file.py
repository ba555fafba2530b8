"""A checklist draft on disk: found, changed one answer at a time with every comment kept, saved whole, and put away once it is launched.

The changes are functions from text to text, so that whoever holds the text decides when it is written.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from engine.contract.errors import BadInput
from engine.contract.files import write_atomic
from engine.contract.resolve import parse_set, resolve
from engine.contract.rundir import runs_folder

LARGEST = 1_000_000
"""Bytes that a draft may have; more is no checklist."""

PUT_AWAY, LAUNCHED = "put-away", "launched"
"""Folders beside the drafts, for those that are done with."""


def folder(project: Path) -> Path:
    """Where a project's drafts lie."""
    return runs_folder(project) / ".drafts"


def newest(project: Path) -> Path | None:
    """The draft that was written last; None without one."""
    try:
        found = [p for p in folder(project).glob("*.toml") if p.is_file() and not p.is_symlink()]
        return max(found, key=lambda p: p.stat().st_mtime_ns, default=None)
    except OSError:
        return None


def fresh(project: Path) -> Path:
    """A name that no draft has."""
    base = folder(project) / f"{datetime.now():%Y%m%dT%H%M%S}.toml"
    number = 1
    path = base
    while path.exists() or (path.parent / PUT_AWAY / path.name).exists():
        number += 1
        path = base.with_stem(f"{base.stem}-{number}")
    return path


def read(path: Path) -> str:
    """The draft's text. Raises BadInput when it cannot be read."""
    try:
        if path.stat().st_size > LARGEST:
            raise BadInput(f"{path} is too large to be a checklist")
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read: {getattr(error, 'strerror', '') or error}") from None


def save(path: Path, text: str) -> None:
    """Write it whole. Raises BadInput when its folder cannot be written."""
    root = path.parent.parent
    if root.is_symlink():
        raise BadInput(f"{root} is a symbolic link; drafts must lie inside the project")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, text.encode("utf-8"))
    except OSError as error:
        raise BadInput(f"{path.parent} cannot be written: {error.strerror or error}") from None


def put_away(path: Path, kind: str, name: str = "") -> Path | None:
    """Move a draft that is done with into a folder beside it; None when it could not be moved or is not there."""
    target = path.parent / kind / f"{name or path.stem}.toml"
    try:
        target.parent.mkdir(exist_ok=True)
        os.replace(path, target)
    except OSError:
        return None
    return target


def put(text: str, where: str, value: Any) -> str:
    """The text with one answer, 'question.hypothesis' or 'acknowledged', set; its comment stays. Raises BadInput when it is no TOML."""
    document = _parse(text)
    section, _, name = where.rpartition(".")
    if section and section not in document:
        document[section] = tomlkit.table()
    table: Any = document[section] if section else document
    table[name] = tomlkit.string(value, multiline=True) if isinstance(value, str) and "\n" in value else value
    return tomlkit.dumps(document)


def with_setting(text: str, knob: str, raw: str | None) -> str:
    """The text whose base config has `knob` at a value in TOML, or with None as the preset has it.

    Raises BadInput, as resolving does, when that is no valid config."""
    document = _parse(text)
    sets = {str(s).partition("=")[0].strip(): str(s) for s in document.get("set", [])}
    sets.pop(knob, None)
    preset = str(document.get("preset", "")) or None
    if raw is not None:
        setting = f"{knob}={raw}"
        parse_set(setting)
        section, name = knob.split(".")
        before, after = resolve(preset), resolve(preset, sets=[setting])
        if getattr(getattr(after, section), name) != getattr(getattr(before, section), name):
            sets[knob] = setting
    resolve(preset, sets=sets.values())
    document["set"] = list(sets.values())
    return tomlkit.dumps(document)


def with_preset(text: str, preset: str) -> str:
    """The text for another preset, its settings kept. Raises BadInput when they do not go together or there is no such preset."""
    document = _parse(text)
    resolve(preset, sets=[str(s) for s in document.get("set", [])])
    document["preset"] = preset
    return tomlkit.dumps(document)


def with_axes(text: str, axes: Iterable[str]) -> str:
    """The text with these settings declared as what may differ under the seal. Raises BadInput when one cannot be."""
    from engine.contract.answers import parse_text

    document = _parse(text)
    document["axes"] = sorted(set(axes))
    changed = tomlkit.dumps(document)
    parse_text(changed, "the checklist")
    return changed


def waive(text: str, rule: str, reason: str) -> str:
    """The text with a rule set aside for a reason, in place of an earlier waiver of it; with no reason, not set aside."""
    document = _parse(text)
    kept = [w for w in document.get("waivers", []) if w.get("rule") != rule]
    if "waivers" in document:
        del document["waivers"]
    rows = tomlkit.aot()
    for waiver in [*kept, *([{"rule": rule, "reason": reason}] if reason else [])]:
        row = tomlkit.table()
        row.update(waiver)
        rows.append(row)
    if len(rows):
        document["waivers"] = rows
    return tomlkit.dumps(document)


def _parse(text: str) -> Any:
    try:
        return tomlkit.parse(text)
    except TOMLKitError as error:
        raise BadInput(f"the draft is not readable as TOML: {error}") from None
