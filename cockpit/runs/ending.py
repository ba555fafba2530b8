"""How a run ended, and writing that down: result.json first, then the entry, then the mark that both are there."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any, Literal, NamedTuple

from cockpit.runs import evidence
from engine.contract import whole
from engine.contract.errors import STATUS_EXIT, BadInput, Exit
from engine.contract.events import RunFinished, now, read_events
from engine.contract.files import write_json
from engine.contract.redact import redact, secret_values
from engine.contract.rundir import RunDir
from journal.book import Book
from journal.entry import title
from journal.fields import sixteen
from journal.record import load_record
from journal.text import plain
from journal.verdict import verdict
from journal.write import close_entry

_STATUS: dict[int | None, str] = {
    Exit.SUCCESS: "success",
    Exit.FAILED: "failed",
    Exit.BAD_INPUT: "failed",
    Exit.REFUSED: "refused",
    Exit.DIVERGED: "diverged",
    Exit.OOM: "oom",
    Exit.TIMEOUT: "timeout",
    Exit.STARVED: "starved",
    Exit.STOPPED: "stopped",
    Exit.KILLED: "killed",
    Exit.BUSY: "busy",
}


class Ending(NamedTuple):
    """A status, why in one line, and the exit code that commands end with."""

    status: str
    reason: str
    exit: int


def ending(folder: RunDir, attempt: int, returncode: int | None) -> Ending:
    """What the worker says of itself, else what its exit code says; None means that nobody saw it end."""
    said = [e for e in read_events(folder.events) if isinstance(e, RunFinished) and e.attempt == attempt]
    if said:
        last = said[-1]
        exact = _STATUS.get(returncode) == last.status  # such as 2, a failure that was bad input
        return Ending(last.status, last.reason, int(returncode if exact else STATUS_EXIT.get(last.status, Exit.FAILED)))
    if returncode is None:
        return Ending("killed", "supervisor and worker were gone when this was written", int(Exit.KILLED))
    if returncode < 0:
        name = signal.Signals(-returncode).name
        hint = ", by a person or by a system out of memory" if name == "SIGKILL" else ""
        return Ending("killed", f"the worker was ended by {name}{hint}", int(Exit.KILLED))
    try:
        code = Exit(returncode)
    except ValueError:
        code = Exit.FAILED
    status = "failed" if code is Exit.SUCCESS else _STATUS[code]
    spoke = last_line(folder.worker_log) or f"the worker ended with exit code {returncode} and said nothing"
    return Ending(status, spoke, int(code) or int(Exit.FAILED))


By = Literal["supervisor", "reconcile"]
"""Who wrote a result: the supervisor saw the end, reconcile concluded it afterwards."""


def finish(
    project: Path, folder: RunDir, attempt: int, how: Ending, seconds: float | None = None, *, by: By = "supervisor"
) -> None:
    """Write result.json and close the entry of one attempt. Does nothing when that was done before; what a supervisor saw
    replaces what reconcile concluded too early.

    Raises BadInput when the journal cannot be written; result.json then stands without its mark, and the next command tries again."""
    book = Book(project)
    try:
        with book.locked():
            before = _standing(folder, attempt, by)
            if before.get("logged"):
                return
            result = before or _result(folder, attempt, how, seconds, by)
            write_json(folder.result, result)
            record = load_record(folder, attempt)
            result |= {"title": title(record), "verdict": verdict(record).state, "measured": evidence.measured(record)}
            result["fields"] = sixteen(record)
            note = close_entry(book, record)
            if note:
                result["journal"] = note
            write_json(folder.result, result | {"logged": True, "files": whole.hashes(folder)})
    except BadInput:
        if not _standing(folder, attempt, by):
            write_json(folder.result, _result(folder, attempt, how, seconds, by))
        raise


def _standing(folder: RunDir, attempt: int, by: By) -> dict[str, Any]:
    """The result of an attempt that is not to be written again; {} when there is none."""
    before = evidence.result(folder)
    concluded = by == "supervisor" and before.get("by") == "reconcile"
    return before if before.get("attempt") == attempt and not concluded else {}


def _result(folder: RunDir, attempt: int, how: Ending, seconds: float | None, by: By) -> dict[str, Any]:
    record = load_record(folder, attempt)
    identity = record.run or (record.script.file if record.script else None)
    return {
        "status": how.status,
        "reason": redact(plain(how.reason, 500), secret_values(os.environ)),
        "exit": how.exit,
        "attempt": attempt,
        "by": by,
        "ended_at": now(),
        "seconds": round(_seconds(folder, attempt) if seconds is None else seconds, 3),
        "smoke": record.smoke,
        "code_hash": record.provenance.get("code_hash", "unknown"),
        "config_hash": identity.config_hash if identity else "unknown",
        "family_hash": identity.family_hash if identity else "unknown",
        "best": record.best,
        "logged": False,
    }


def last_line(path: Path) -> str:
    """The last line of a log that says something."""
    try:
        lines = path.read_bytes()[-8192:].decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return next((plain(line, 400) for line in reversed(lines) if line.strip()), "")


def _seconds(folder: RunDir, attempt: int) -> float:
    """From launch to the last event, for a run that nobody saw end."""
    last = 0.0
    for event in read_events(folder.events):
        if event.attempt == attempt:
            last = max(last, event.elapsed)
    return last
