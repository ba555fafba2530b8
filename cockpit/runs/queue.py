"""The run queue of a project: sealed runs that wait for their turn, and the order that a person gives them.

Its members are the runs with a ticket. Whoever changes the order or starts a member holds the project's queue lock, so that nobody
starts one twice.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import psutil
from filelock import FileLock

from cockpit.runs import evidence, lease, ticket
from cockpit.runs.launch import Plan, begin, lay
from cockpit.runs.ticket import WAITING, Ticket, waiting
from engine.contract.errors import BadInput, Refused
from engine.contract.events import now
from engine.contract.files import read_json, write_json
from engine.contract.hashes import code_hash
from engine.contract.rundir import RunDir, all_runs, find_run, runs_folder
from engine.contract.runfile import load_runfile
from journal.text import plain, short, utc

RUNNING = "running"


class Member(NamedTuple):
    """A run of the queue. `state` is queued, running, or the status that it ended with; `place` counts the waiting ones from 1, 0 for
    the others. Estimates are the checklist's, in seconds and bytes. `held` says why a waiting one cannot start, '' when it can."""

    folder: RunDir
    state: str
    place: int
    ticket: Ticket
    question: str
    preset: str
    seed: int | None
    seconds: float
    memory: int
    parameters: int
    gpu: bool
    working: bool  # its worker is there
    began: datetime | None  # when its supervisor came up
    took: float | None  # seconds, once it has ended
    held: str

    @property
    def id(self) -> str:
        return self.folder.id

    @property
    def waiting(self) -> bool:
        return self.state == WAITING

    @property
    def ended(self) -> bool:
        return self.state not in (WAITING, RUNNING)

    def table(self) -> dict[str, Any]:
        """As JSON-ready values."""
        kept = {name: getattr(self, name) for name in ("id", "state", "place", "question", "preset", "seed", "gpu")}
        kept |= {"estimate_seconds": self.seconds, "estimate_memory_bytes": self.memory, "held": self.held}
        return kept | {"queued_at": self.ticket.queued_at, "began": self.began, "seconds": self.took}


def enqueue(project: Path, plan: Plan) -> RunDir:
    """Lay a sealed run at the end of the queue. Nothing is started, and its entry opens when it starts."""
    with locked(project):
        last = max((m.ticket.place for m in members(project, ended=0)), default=0)
        folder = lay(project, plan)
        Ticket(place=last + 1, queued_at=now(), where=str(Path.cwd()), code_hash=code_hash()).save(folder)
        return folder


def members(project: Path, *, ended: int = 20) -> list[Member]:
    """Running ones, then the waiting ones in their order, then the `ended` newest that are over."""
    tickets = [folder for folder in all_runs(project) if ticket.path(folder).exists()]
    over = sorted((folder for folder in tickets if _over(folder)), key=lambda f: f.result.stat().st_mtime_ns)
    live = [_member(folder) for folder in tickets if folder not in over]
    queue = sorted((m for m in live if m.waiting), key=lambda m: (m.ticket.place, m.id))
    queue = [m._replace(place=i) for i, m in enumerate(queue, start=1)]
    past = [_member(folder) for folder in over[::-1][:ended]]
    return [*(m for m in live if not m.waiting), *queue, *past]


def move(project: Path, name: str, to: int) -> Member:
    """Give a waiting run another place, from 1; beyond the end is the end. Raises BadInput when it is not waiting."""
    with locked(project):
        member, queue = _find(project, name)
        order = [m for m in queue if m.id != member.id]
        order.insert(max(0, to - 1), member)
        for place, each in enumerate(order, start=1):
            if each.ticket.place != place:
                msgspec.structs.replace(each.ticket, place=place).save(each.folder)
        return member._replace(place=order.index(member) + 1)


def remove(project: Path, name: str) -> Path:
    """Take a waiting run out of the queue and its folder out of runs/, and return where that is kept. Raises BadInput when it is not
    waiting."""
    with locked(project):
        member, _ = _find(project, name)
        kept = room(project) / "removed" / member.id
        kept.parent.mkdir(exist_ok=True)
        os.rename(member.folder.path, kept)
        return kept


def pause(project: Path, on: bool) -> None:
    """Let nothing more start, or go on; what runs is not touched."""
    with locked(project):
        if on:
            write_json(_paused(project), {"at": now()})
        else:
            _paused(project).unlink(missing_ok=True)


def paused(project: Path) -> bool:
    """Whether the queue is paused."""
    return _paused(project).exists()


def start(project: Path, member: Member) -> bool:
    """Start a waiting member if it still waits; False when another did, or it is gone. Raises Refused while it is held back, Busy when
    its GPU is taken, and CockpitError when its supervisor does not come up."""
    code_hash.cache_clear()  # a queue is worked off for hours, and the code may change under it
    with locked(project):
        if not waiting(member.folder) or _coming_up(member.folder):
            return False
        if why := _held(member.folder, member.ticket):
            raise Refused(f"{member.id} is held back: {why}")
        if member.gpu:
            lease.check(lease.gpus())
        begin(member.folder, Path(member.ticket.where))
        return True


def room(project: Path) -> Path:
    """Where the queue keeps its lock, its pause and what was removed."""
    return runs_folder(project) / ".queue"


@contextmanager
def locked(project: Path) -> Iterator[None]:
    """Nobody else changes the order or starts a member meanwhile. Raises BadInput when runs/ cannot be written."""
    try:
        room(project).mkdir(parents=True, exist_ok=True)
        lock = FileLock(str(room(project) / "lock"), timeout=60)
        lock.acquire()
    except OSError as error:
        raise BadInput(f"cannot write the queue in {room(project)}: {error.strerror or error}") from None
    try:
        yield
    finally:
        lock.release()


def _find(project: Path, name: str) -> tuple[Member, Sequence[Member]]:
    """A waiting member by name, and all that wait."""
    queue = [m for m in members(project, ended=0) if m.waiting]
    folder = find_run(project, name)
    found = next((m for m in queue if m.id == folder.id), None)
    if found is None or _coming_up(folder):
        raise BadInput(f"{folder.id} is not waiting in the queue; see: cockpit queue")
    return found, queue


def _over(folder: RunDir) -> bool:
    """Whether a run has ended, from two dates: a resumed attempt writes process.json after the result of the one before."""
    if not folder.process.exists():
        return folder.result.exists()
    try:
        return folder.result.stat().st_mtime_ns >= folder.process.stat().st_mtime_ns
    except OSError:
        return False


def _member(folder: RunDir) -> Member:
    """A run that has a ticket as a member of the queue."""
    mine, held = _ticket(folder)
    try:
        run, record = load_runfile(folder.config), read_json(folder.preflight)
        process, result = evidence.process(folder), evidence.result(folder)
        question = str(record["answers"]["question"]["hypothesis"])
        guess = record["evidence"].get("estimate") or {}
        seconds, memory = sum((guess.get("seconds") or {}).values()), int(guess.get("memory_bytes") or 0)
        parameters = int((record["evidence"].get("facts") or {}).get("parameters") or 0)
    except (BadInput, KeyError, TypeError, AttributeError) as error:
        why = plain(f"its folder cannot be read: {error}", 300)
        state = WAITING if waiting(folder) else str(evidence.result(folder).get("status") or RUNNING)
        return Member(folder, state, 0, mine, "", "", None, 0.0, 0, 0, False, False, None, None, held or why)
    over = bool(result.get("logged")) and int(process.get("attempt", 1)) <= int(result.get("attempt", 1))
    state = str(result["status"]) if over else WAITING if waiting(folder) else RUNNING
    began = process.get("supervised_at")
    return Member(
        folder=folder,
        state=state,
        place=0,
        ticket=mine,
        question=plain(question),
        preset=run.preset,
        seed=run.config.run.seed,
        seconds=float(seconds),
        memory=memory,
        parameters=parameters,
        gpu=lease.wanted(run.config, record),
        working=bool(process.get("worker")),
        began=utc(str(began)) if began else None,
        took=float(result["seconds"]) if over else None,
        held=(held or _held(folder, mine)) if state == WAITING else "",
    )


def _ticket(folder: RunDir) -> tuple[Ticket, str]:
    """The ticket of a run, and what is wrong with it, '' when nothing; one that cannot be read stands at the end."""
    try:
        return ticket.read(folder), ""
    except BadInput as error:
        return Ticket(place=2**31, queued_at="", where="", code_hash=""), plain(str(error), 300)


def _held(folder: RunDir, held: Ticket) -> str:
    """Why a waiting run must not start, '' when it may."""
    if held.code_hash != code_hash():
        return (
            f"the code has changed since it was sealed (code {held.code_hash[:8]} then, {code_hash()[:8]} now), so its gate no "
            f"longer holds: put the code back, or `cockpit queue remove {short(folder.id)[1:]}`, fast-dev-run, and launch it again"
        )
    if not Path(held.where).is_dir():
        return f"its working folder {held.where} is gone"
    return ""


def _coming_up(folder: RunDir) -> bool:
    """Whether a supervisor of this run is on its way whose starter was killed; process.json does not know of it yet."""
    if not folder.process.exists():
        return False
    wanted = {str(folder.path), "cockpit.runs.supervisor"}
    return any(wanted <= set(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"]))


def _paused(project: Path) -> Path:
    return room(project) / "paused.json"
