"""queued.json of a run folder: the ticket of a sealed run that waits for its turn.

A run is queued while its folder holds a ticket and no process was ever up for it; nothing else remembers it, so no kill and no reboot
loses one. The ticket stays when the run starts: by it a run is known to have come through the queue.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from cockpit.runs import evidence, processes
from engine.contract.errors import BadInput
from engine.contract.files import read_json, write_json
from engine.contract.rundir import RunDir

WAITING = "queued"
"""The state of a run that waits, as it stands in every list."""


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """`place` orders the waiting ones, `where` is the working folder that relative paths of the config are meant from, `code_hash` the
    code whose fast-dev-run is the gate of this run."""

    place: int
    queued_at: str
    where: str
    code_hash: str

    def save(self, folder: RunDir) -> None:
        """Write queued.json atomically."""
        write_json(path(folder), msgspec.to_builtins(self))


def path(folder: RunDir) -> Path:
    """Where a run's ticket is."""
    return folder.path / "queued.json"


def read(folder: RunDir) -> Ticket:
    """The ticket of a run. Raises BadInput when it is missing or damaged."""
    try:
        return msgspec.convert(read_json(path(folder)), Ticket)
    except msgspec.ValidationError as error:
        raise BadInput(f"{path(folder)} is not a ticket: {error}") from None


def waiting(folder: RunDir) -> bool:
    """Whether a run is queued: it has a ticket, no result, and no supervisor was ever up for it; one whose starter was killed before
    that waits again."""
    if not path(folder).exists() or folder.result.exists():
        return False
    try:
        process = evidence.process(folder)
    except BadInput:
        return False
    if not process:
        return True
    again = int(process.get("attempt", 1)) > 1  # it was resumed, so it had its turn
    return not (again or process.get("supervised_at") or processes.running(process))
