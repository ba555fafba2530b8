"""Campaigns on disk: one JSON file each in runs/.campaigns, written whole, by name as runs are named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from filelock import FileLock

from engine.contract.errors import BadInput
from engine.contract.files import read_json, write_json
from engine.contract.preflight import seal_hash
from engine.contract.rundir import runs_folder
from journal.campaign import Campaign


def room(project: Path) -> Path:
    """Where a project's campaigns are."""
    return runs_folder(project) / ".campaigns"


def save(project: Path, campaign: Campaign) -> None:
    """Write a campaign atomically. Raises BadInput when runs/ cannot be written."""
    try:
        room(project).mkdir(parents=True, exist_ok=True)
        write_json(_file(project, campaign.id), msgspec.to_builtins(campaign))
    except OSError as error:
        raise BadInput(f"cannot write {room(project)}: {error.strerror or error}") from None


def load(path: Path) -> Campaign:
    """A campaign's file. Raises BadInput when it is damaged, or its seal is not the one that was made."""
    try:
        found = msgspec.convert(read_json(path), Campaign)
        whole = seal_hash(found.record) == found.record.get("seal")
    except (msgspec.ValidationError, ValueError) as error:
        raise BadInput(f"{path} is not a campaign: {error}") from None
    if not whole:
        raise BadInput(f"{path} was edited: its seal does not fit. Ask for the campaign again")
    return found


def campaigns(project: Path) -> tuple[list[Campaign], list[str]]:
    """Every campaign of a project, newest first, and what is wrong with those whose files are damaged."""
    found, damaged = list[Campaign](), list[str]()
    for path in sorted(room(project).glob("*.json"), reverse=True):
        try:
            found.append(load(path))
        except BadInput as error:
            damaged.append(str(error))
    return found, damaged


def find(project: Path, name: str) -> Campaign:
    """The campaign meant by an id, a unique prefix or ending, or 'last'. Raises BadInput with the candidates otherwise."""
    ids = sorted(path.stem for path in room(project).glob("*.json"))
    if not ids:
        raise BadInput(f"no campaigns in {room(project)}; start one with: cockpit campaign seeds --preflight F.toml")
    tail = "-" + name.lstrip("-")
    matches = [ids[-1]] if name == "last" else [i for i in ids if i == name]
    matches = matches or [i for i in ids if i.startswith(name) or i.endswith(tail)]
    if len(matches) != 1:
        said = f"{name!r} is not unique: {', '.join(matches[:4])}" if matches else f"no campaign named {name!r}"
        raise BadInput(f"{said}; the newest is {ids[-1]}")
    return load(_file(project, matches[0]))


@contextmanager
def locked(project: Path, campaign_id: str) -> Iterator[None]:
    """Nobody else gives this campaign's members runs meanwhile."""
    room(project).mkdir(parents=True, exist_ok=True)
    with FileLock(str(room(project) / f".{campaign_id}.lock"), timeout=60):
        yield


def log_file(project: Path, campaign_id: str) -> Path:
    """What a campaign that works in the background has told."""
    return room(project) / f"{campaign_id}.log"


def _file(project: Path, campaign_id: str) -> Path:
    return room(project) / f"{campaign_id}.json"
