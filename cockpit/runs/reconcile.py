"""Closing the runs that nobody closed: processes gone, entry still open. Called at the start of every command (K10)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cockpit.remote.mirror import holds_mirrors
from cockpit.runs import evidence, processes
from cockpit.runs.ending import Ending, ending, finish
from cockpit.runs.ticket import waiting
from engine.contract.errors import BadInput, Exit
from engine.contract.rundir import RunDir, all_runs
from engine.contract.script import load_script
from journal.audit import conflicted
from journal.book import Book, entry_key
from journal.index import rows
from journal.record import load_record
from journal.text import plain
from journal.write import close_entry

YOUNG = 10.0
"""Seconds a fresh folder has to say who runs it."""


class Reconciled(NamedTuple):
    """Ids of the runs that were closed, of those that were left for the next command with the reason, and of those whose closed
    entry had vanished from the journal and was written again."""

    closed: list[str]
    skipped: dict[str, str]
    restored: list[str]


def reconcile(project: Path) -> Reconciled:
    """Close every run of this host whose processes are gone. Idempotent by (run, attempt).

    Whatever is wrong with one folder, or with the journal, leaves that run for the next command and stops no other."""
    done = Reconciled([], {}, [])
    folders = [] if holds_mirrors(project) else all_runs(project)
    for folder in folders:
        try:
            if evidence.finished(folder) and not _newer_attempt(folder):
                continue
            if close_if_dead(project, folder):
                done.closed.append(folder.id)
        except Exception as error:
            done.skipped[folder.id] = plain(f"{type(error).__name__}: {error}", 300)
    _restore(project, folders, done)
    return done


def _restore(project: Path, folders: Sequence[RunDir], done: Reconciled) -> None:
    """Write again what an editor's save took out of the journal: the entries of closed runs, and their results.

    Looked for only when the journal is not the file that was found whole before."""
    book, seen = Book(project), project / "runs" / ".index" / "whole"
    closed = [folder for folder in folders if folder.id not in done.skipped]
    if not closed or _whole(book, seen):
        return
    try:
        if conflicted(book.read()):
            return  # entries may stand in what git set aside; journal check says how to bring them together
        entries = {row.key: row for row in reversed(rows(project)) if row.kind == "run"}
        for folder in closed:
            result = evidence.result(folder)
            if not result.get("logged"):
                continue
            attempt = int(result.get("attempt", 1))
            row = entries.get(entry_key(folder.id, attempt))
            if row is None or (row.intact and row.data.get("status") == "running"):
                close_entry(book, load_record(folder, attempt))
                done.restored.append(folder.id)
        with contextlib.suppress(OSError):  # in a project that cannot be written the next command looks again
            seen.parent.mkdir(parents=True, exist_ok=True)
            seen.write_text(_stamp(book))
    except Exception as error:
        done.skipped["RESEARCH_JOURNAL.md"] = plain(f"{type(error).__name__}: {error}", 300)


def _whole(book: Book, seen: Path) -> bool:
    try:
        return seen.read_text() == _stamp(book)
    except OSError:
        return False


def _stamp(book: Book) -> str:
    """What changes with the file; '' without one."""
    try:
        stat = book.path.stat()
    except OSError:
        return ""
    return f"{stat.st_ino} {stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}"


def close_if_dead(project: Path, folder: RunDir) -> bool:
    """Close one run if none of its processes lives; whether it was closed. A queued one has none yet."""
    if waiting(folder) or holds_mirrors(project):  # a run of another machine is closed there
        return False
    process = evidence.process(folder)
    if not process:
        return _close_abandoned(project, folder)
    if processes.running(process):
        return False
    attempt = int(process.get("attempt", 1))
    how = _after(folder, attempt)
    if not process.get("worker") and how.status == "killed":
        how = Ending("killed", "its supervisor was gone before the worker started", how.exit)
    finish(project, folder, attempt, how, by="reconcile")
    return True


def _after(folder: RunDir, attempt: int) -> Ending:
    """How a run ended that nobody saw end; what a script still wrote is taken first."""
    try:
        script = load_script(folder.config) is not None
    except BadInput:
        script = False  # its entry says that the config is damaged
    if script:
        from cockpit.scripts.unwatched import take_rest

        return take_rest(folder, attempt) or ending(folder, attempt, None)
    return ending(folder, attempt, None)


def _close_abandoned(project: Path, folder: RunDir) -> bool:
    """A folder without process.json: the launch died while it wrote the folder, and nothing was ever started."""
    try:
        old = time.time() - folder.path.stat().st_mtime > YOUNG and folder.config.exists()
    except OSError:
        return False
    if not old:
        return False
    finish(
        project,
        folder,
        1,
        Ending("killed", "the launch was interrupted before anything started", int(Exit.KILLED)),
        0.0,
        by="reconcile",
    )
    return True


def _newer_attempt(folder: RunDir) -> bool:
    """Whether process.json tells of a later attempt than result.json."""
    try:
        return int(evidence.process(folder).get("attempt", 1)) > int(evidence.result(folder).get("attempt", 1))
    except (BadInput, ValueError):
        return False
