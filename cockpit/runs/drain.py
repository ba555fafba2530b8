"""Running a project's queue: start what is next whenever there is room, until nothing waits and nothing of it runs.

`python -m cockpit.runs.drain PROJECT JOBS WINDOW` is the same in the background. Members run under supervisors of their own: the
process that runs the queue may be killed at any moment, and the next one goes on where it was.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import psutil
from filelock import FileLock, Timeout

from cockpit.runs import engine, lease, processes, queue
from cockpit.runs.ending import Ending, finish, last_line
from cockpit.runs.queue import Member
from cockpit.runs.reconcile import close_if_dead
from cockpit.runs.turns import Capacity, Window, next_up, window
from engine.contract.errors import BadInput, Busy, CockpitError, Exit, Refused
from engine.contract.events import now
from engine.contract.files import write_atomic
from engine.contract.hashes import code_hash
from journal.text import duration, short, utc

POLL = 0.5
SETTLED = 5.0
"""Seconds between two looks at whether the code has changed, and for members whose processes are gone."""
PATIENCE = 30.0
"""Seconds that one in the background has to say that it is there."""


class Drainer(msgspec.Struct, frozen=True, kw_only=True):
    """The process that runs the queue, as runs/.queue/drainer.json names it. `jobs` is 0 where the machine decides."""

    host: str
    process: dict[str, int | float]
    jobs: int
    window: str
    since: str

    def table(self) -> dict[str, Any]:
        """As JSON-ready values."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found

    def words(self) -> str:
        """'process 4711 has run the queue since 06-04 22:10, at most 2 at once, starting within 22:00-08:00'."""
        where = "" if self.host == processes.host() else f" on {self.host}"
        most = f", at most {self.jobs} at once" if self.jobs else ""
        hours = f", starting within {self.window}" if self.window else ""
        began = utc(self.since).astimezone()
        return f"process {self.process.get('pid')}{where} has run the queue since {began:%m-%d %H:%M}{most}{hours}"


def drain(project: Path, jobs: int, hours: Window | None, tell: Callable[[str], None]) -> int:
    """Run the queue until it is empty, and return the exit code: success when all that ended meanwhile did, else failed, or refused when
    some are still held back. `jobs` 0 lets memory and cores decide. Raises Busy when another process runs it."""
    with _alone(project, jobs, hours):
        return _Pass(project, capacity(jobs), hours, tell).until_done()


def detach(project: Path, jobs: int, hours: Window | None) -> int:
    """Run the queue in the background, in a session of its own; its pid. Raises Busy when a process does already, CockpitError when it
    does not come up."""
    if (found := drainer(project)) is not None:
        raise Busy(_TAKEN.format(found.words()))
    queue.room(project).mkdir(parents=True, exist_ok=True)
    log = log_file(project)
    with log.open("ab") as f:
        arguments = [str(project), str(jobs), str(hours or "")]
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "cockpit.runs.drain", *arguments],
            stdin=subprocess.DEVNULL, stdout=f, stderr=f, env=engine.environment(), start_new_session=True,
        )  # fmt: skip
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        found = drainer(project)
        if found is not None and found.process.get("pid") == process.pid:
            return process.pid
        if (code := process.poll()) is not None:
            if code == 0:
                return process.pid  # there was nothing to do
            raise CockpitError(f"the queue did not start: {last_line(log)} ({log})")
        time.sleep(0.05)
    raise CockpitError(f"the queue did not start within {PATIENCE:g} s; see {log}")


def log_file(project: Path) -> Path:
    """What a queue that runs in the background has told."""
    return queue.room(project) / "queue.log"


def drainer(project: Path) -> Drainer | None:
    """The process that runs the queue now; None when there is none."""
    try:
        found = msgspec.json.decode((queue.room(project) / "drainer.json").read_bytes(), type=Drainer)
    except (OSError, ValueError):
        return None
    if found.host != processes.host():
        return found  # only its own host may say that it is gone
    return found if processes.alive(dict(found.process)) else None


def capacity(jobs: int) -> Capacity:
    """What this machine can take."""
    return Capacity(jobs, os.cpu_count() or 1, psutil.virtual_memory().total)


_TAKEN = "the queue is running already: {}"


@contextmanager
def _alone(project: Path, jobs: int, hours: Window | None) -> Iterator[None]:
    """One process at a time runs a project's queue; the lock goes with the process, however it ends."""
    queue.room(project).mkdir(parents=True, exist_ok=True)
    lock, file = FileLock(str(queue.room(project) / "drain.lock"), timeout=0), queue.room(project) / "drainer.json"
    other = drainer(project)
    try:
        if other is not None and other.host != processes.host():
            raise Busy(f"{_TAKEN.format(other.words())}; if it is not, delete {file}")
        lock.acquire()
    except Timeout:
        raise Busy(_TAKEN.format(other.words() if other else "it has just been started")) from None
    except OSError as error:
        raise BadInput(f"cannot write the queue in {queue.room(project)}: {error.strerror or error}") from None
    try:
        me = Drainer(host=processes.host(), process=processes.me(), jobs=jobs, window=str(hours or ""), since=now())
        write_atomic(file, msgspec.json.encode(me) + b"\n")
        yield
    finally:
        file.unlink(missing_ok=True)
        lock.release()


class _Pass:
    """One pass over the queue: what was told, and how what ended meanwhile did."""

    def __init__(self, project: Path, room: Capacity, hours: Window | None, tell: Callable[[str], None]) -> None:
        self._project, self._room, self._hours, self._tell = project, room, hours, tell
        self._said = ""
        self._seen: set[str] = set()
        self._failed: list[str] = []
        self._settled_at = -SETTLED

    def until_done(self) -> int:
        """Look, start, look again."""
        while True:
            self._settle()
            members = queue.members(self._project)
            self._ended(members)
            waiting = [m for m in members if m.waiting]
            running = [m for m in members if not m.waiting and not m.ended]
            self._seen |= {m.id for m in running}
            held = [m for m in waiting if m.held]
            if not running and len(held) == len(waiting):
                return self._finished(held)
            if why := self._closed(waiting):
                self._say(why)
            elif (member := next_up(members, self._room, gpu=self._gpu_free(waiting))) and self._start(member):
                continue
            time.sleep(POLL)

    def _settle(self) -> None:
        """Now and then: forget what the code was, and close members whose processes are gone."""
        if time.monotonic() - self._settled_at < SETTLED:
            return
        self._settled_at = time.monotonic()
        code_hash.cache_clear()
        for member in queue.members(self._project, ended=0):
            if not member.waiting:
                try:
                    close_if_dead(self._project, member.folder)
                except (CockpitError, OSError) as error:
                    self._say(f"{member.id} cannot be closed: {error}")

    def _closed(self, waiting: list[Member]) -> str:
        """Why nothing may start now, '' when something may."""
        if not waiting:
            return ""
        if queue.paused(self._project):
            return "paused; it goes on after: cockpit queue unpause"
        moment = datetime.now()
        if self._hours and not self._hours.open(moment):
            return f"outside the window {self._hours}; the next start is at {self._hours.opening(moment):%m-%d %H:%M}"
        return ""

    def _gpu_free(self, waiting: list[Member]) -> bool:
        """Whether a GPU is free, where one is waited for."""
        if not any(m.gpu and not m.held for m in waiting):
            return True
        try:
            why = lease.taken(lease.gpus())
        except BadInput as error:
            why = str(error)
        if why:
            self._say(f"waiting: {why}")
        return not why

    def _start(self, member: Member) -> bool:
        """Start a member; whether it was started. What fails is its own end, not the queue's."""
        try:
            with processes.interrupts_held():
                started = queue.start(self._project, member)
        except (Busy, Refused) as error:
            self._say(str(error))
            return False
        except (CockpitError, OSError) as error:
            finish(self._project, member.folder, 1, Ending("failed", str(error), int(Exit.FAILED)), 0.0)
            started = True
        if started:
            self._seen.add(member.id)
            self._say(f"{member.id} started: {member.question}")
        return started

    def _ended(self, members: list[Member]) -> None:
        for member in members:
            if member.ended and member.id in self._seen:
                self._seen.discard(member.id)
                self._say(f"{member.id} {member.state} after {duration(member.took or 0.0)}")
                if member.state != "success":
                    self._failed.append(member.id)

    def _finished(self, held: list[Member]) -> int:
        for member in held:
            self._say(f"{member.id} is held back: {member.held}")
        if self._failed:
            self._say(f"not successful: {', '.join(short(run) for run in self._failed)}; see: cockpit show RUN")
            return int(Exit.FAILED)
        return int(Exit.REFUSED if held else Exit.SUCCESS)

    def _say(self, text: str) -> None:
        """Tell something once, not at every look."""
        if text != self._said:
            self._said = text
            self._tell(text)


def main(argv: list[str]) -> int:
    """Run the queue in the background; what is told goes to queue.log."""
    project, jobs, hours = Path(argv[0]), int(argv[1]), window(argv[2])
    try:
        return drain(project, jobs, hours, lambda text: print(f"{now()} {text}", flush=True))
    except CockpitError as error:
        print(f"{now()} {error}", file=sys.stderr, flush=True)
        return int(error.exit)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
