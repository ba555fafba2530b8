"""`python -m cockpit.runs.supervisor DIR [-- CMD ...]`: opens a run's entry, starts its worker, watches it, and closes the entry at any
end. The worker is the engine, or with CMD a foreign script, whose arguments are in no file.

It has a session of its own and no torch, so that it outlives the terminal that launched it and costs next to nothing.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import msgspec

from cockpit.runs import engine, evidence, lease, processes
from cockpit.runs.ending import Ending, ending, finish
from cockpit.runs.notifier import Notifier
from engine.contract.errors import CockpitError, Exit
from engine.contract.events import ControlApplied, decode, now
from engine.contract.files import read_json, write_json
from engine.contract.rundir import RunDir
from journal.book import Book
from journal.record import load_record
from journal.text import duration
from journal.write import open_entry

POLL = 0.1
GRACE = 15.0
"""Seconds past its time limit that a worker of ours has to end by itself."""


class Job(Protocol):
    """What is supervised: the command, its limits in seconds, and what its end means.

    `keeps_word` says whether its own success outranks the reason why it was ended."""

    time_limit: float
    hang_limit: float
    grace: float
    keeps_word: bool

    def command(self) -> list[str]:
        """argv of the worker. Raises Refused when it is not what was sealed, Busy when the GPU it needs is another run's."""

    def environment(self) -> dict[str, str]:
        """The worker's environment."""

    def heard(self) -> tuple[bool, Ending | None]:
        """Whether anything new came from the worker, and why it has to end now, if it has to."""

    def can_hang(self) -> bool:
        """Whether silence means anything."""

    def ended(self, returncode: int | None) -> Ending:
        """How it ended, once it is gone."""


def main(argv: list[str]) -> int:
    """Supervise one attempt of a run; the exit code is the run's."""
    folder = RunDir(Path(argv[0]).absolute())
    project = folder.path.parent.parent
    process = read_json(folder.process)
    attempt = int(process.get("attempt", 1))
    before = evidence.result(folder)
    if before.get("attempt") == attempt and before.get("logged"):
        print(f"{folder.id} was closed as {before['status']} before it started: launch it again", file=sys.stderr)
        return int(before["exit"])
    process |= {"supervisor": processes.me(), "launcher": None, "supervised_at": now()}
    write_json(folder.process, process)
    watch = Watch(folder, attempt, process, _job(folder, attempt, argv[2:]))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, watch.ask_to_end)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    notifier = Notifier(folder, attempt)
    began = time.monotonic()
    try:
        open_entry(Book(project), load_record(folder, attempt))
        how = watch.work()
    except CockpitError as error:
        how = Ending(error.status, str(error), int(error.exit))
    except Exception as error:
        traceback.print_exc()
        how = Ending("failed", f"the supervisor failed: {type(error).__name__}: {error}", int(Exit.FAILED))
    finally:
        watch.end_worker()
        lease.release(folder)
    try:
        finish(project, folder, attempt, how, time.monotonic() - began)
    finally:
        notifier.end()
    return how.exit


def _job(folder: RunDir, attempt: int, command: list[str]) -> Job:
    if not command:
        return EngineJob(folder, attempt)
    from cockpit.scripts.script import ScriptJob

    return ScriptJob(folder, attempt, command)


class EngineJob:
    """The engine as a worker: it writes events.jsonl itself, keeps its own time limit and says how it ended."""

    grace = GRACE
    keeps_word = True

    def __init__(self, folder: RunDir, attempt: int) -> None:
        self._folder, self._attempt = folder, attempt
        record = load_record(folder, attempt)
        self._config, self._preflight, self._run = record.config, record.preflight, record.config.run
        self.time_limit, self.hang_limit = self._run.time_limit, self._run.hang_limit
        self._size = self._offset = folder.events.stat().st_size if folder.events.exists() else 0
        self._paused = False
        self._gpu: lease.Gpu | None = None

    def command(self) -> list[str]:
        if lease.wanted(self._config, self._preflight):
            self._gpu = lease.take(lease.gpus(), self._folder)
        attempt = ["--attempt", str(self._attempt)] if self._attempt > 1 else []
        return engine.command("run", str(self._folder.path), *attempt)

    def environment(self) -> dict[str, str]:
        return engine.environment(typecheck=self._run.smoke) | lease.environment(self._gpu)

    def can_hang(self) -> bool:
        return not self._paused

    def ended(self, returncode: int | None) -> Ending:
        return ending(self._folder, self._attempt, returncode)

    def heard(self) -> tuple[bool, Ending | None]:
        """Any new event counts; pause and unpause switch whether silence means anything."""
        try:
            size = self._folder.events.stat().st_size
        except FileNotFoundError:
            return False, None
        if size <= self._size:
            return False, None
        self._size = size
        with self._folder.events.open("rb") as f:
            f.seek(self._offset)
            data = f.read(size - self._offset)
        whole = data.rfind(b"\n") + 1
        self._offset += whole
        for line in data[:whole].splitlines():
            if b'"control_applied"' in line:
                try:
                    event = decode(line)
                except msgspec.DecodeError:
                    continue
                if isinstance(event, ControlApplied) and event.request in ("pause", "unpause"):
                    self._paused = event.request == "pause"
        return True, None


class Watch:
    """One worker from start to end: time limit, hang, and a request to end."""

    def __init__(self, folder: RunDir, attempt: int, process: dict[str, Any], job: Job) -> None:
        self._folder, self._attempt, self._process, self._job = folder, attempt, process, job
        self._worker: subprocess.Popen[bytes] | None = None
        self._asked: str = ""
        self._quiet_since = time.monotonic()

    def ask_to_end(self, number: int, frame: FrameType | None) -> None:
        """A signal asks the run to end."""
        self._asked = signal.Signals(number).name

    def work(self) -> Ending:
        """Start the worker, stay until it is gone, and say how it ended."""
        began = time.monotonic()
        worker = self._start()
        while (code := worker.poll()) is None:
            time.sleep(POLL)
            over = self._listen() or self._over(time.monotonic() - began)
            if over is not None:
                self.end_worker()
                said = self._job.ended(worker.returncode)
                return said if self._job.keeps_word and said.status == "success" else over
        return self._job.ended(code)

    def _start(self) -> subprocess.Popen[bytes]:
        command = self._job.command()
        with self._folder.worker_log.open("ab") as log:
            self._worker = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._job.environment()
            )
        self._process["worker"] = processes.stamp(self._worker.pid)
        write_json(self._folder.process, self._process)
        return self._worker

    def _over(self, elapsed: float) -> Ending | None:
        limit = self._job.time_limit
        if self._asked:
            return Ending("stopped", f"the supervisor was asked to end by {self._asked}", int(Exit.STOPPED))
        if limit and elapsed > limit + self._job.grace:
            late = " and the worker did not end by itself" if self._job.grace else ""
            reason = f"the time limit of {duration(limit)} passed{late}"
            return Ending("timeout", reason, int(Exit.TIMEOUT))
        quiet = time.monotonic() - self._quiet_since
        if self._job.can_hang() and quiet > self._job.hang_limit:
            return Ending("timeout", f"hung: no event for {duration(quiet)}", int(Exit.TIMEOUT))
        return None

    def _listen(self) -> Ending | None:
        """Take what the worker wrote; anything resets the hang clock."""
        new, over = self._job.heard()
        if new:
            self._quiet_since = time.monotonic()
        return over

    def end_worker(self) -> None:
        """End the worker and its children if they still live."""
        if self._worker is not None and self._worker.poll() is None:
            processes.terminate(self._worker.pid)
            with contextlib.suppress(subprocess.TimeoutExpired):  # stuck in the kernel: nothing here can end it
                self._worker.wait(timeout=10)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
