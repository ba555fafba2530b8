"""`python -m cockpit.runs.supervisor DIR`: opens a run's entry, starts its worker, watches it, and closes the entry at any end.

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
from typing import Any

import msgspec

from cockpit.runs import engine, evidence, processes
from cockpit.runs.ending import Ending, ending, finish
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
"""Seconds past its time limit that a worker has to end by itself."""


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
    watch = Watch(folder, attempt, process)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, watch.ask_to_end)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
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
    finish(project, folder, attempt, how, time.monotonic() - began)
    return how.exit


class Watch:
    """One worker from start to end: time limit, hang, and a request to end."""

    def __init__(self, folder: RunDir, attempt: int, process: dict[str, Any]) -> None:
        self._folder, self._attempt, self._process = folder, attempt, process
        self._config = load_record(folder, attempt).config
        self._worker: subprocess.Popen[bytes] | None = None
        self._asked: str = ""
        self._size = self._offset = folder.events.stat().st_size if folder.events.exists() else 0
        self._quiet_since = time.monotonic()
        self._paused = False

    def ask_to_end(self, number: int, frame: FrameType | None) -> None:
        """A signal asks the run to end."""
        self._asked = signal.Signals(number).name

    def work(self) -> Ending:
        """Start the worker, stay until it is gone, and say how it ended."""
        began = time.monotonic()
        worker = self._start()
        while (code := worker.poll()) is None:
            time.sleep(POLL)
            self._listen()
            over = self._over(time.monotonic() - began)
            if over is not None:
                self.end_worker()
                said = ending(self._folder, self._attempt, worker.returncode)
                return said if said.status == "success" else over
        self._listen()
        return ending(self._folder, self._attempt, code)

    def _start(self) -> subprocess.Popen[bytes]:
        arguments = ["run", str(self._folder.path)]
        if self._attempt > 1:
            arguments += ["--attempt", str(self._attempt)]
        with self._folder.worker_log.open("ab") as log:
            self._worker = subprocess.Popen(
                engine.command(*arguments),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=engine.environment(typecheck=self._config.run.smoke),
            )
        self._process["worker"] = processes.stamp(self._worker.pid)
        write_json(self._folder.process, self._process)
        return self._worker

    def _over(self, elapsed: float) -> Ending | None:
        limits = self._config.run
        if self._asked:
            return Ending("stopped", f"the supervisor was asked to end by {self._asked}", int(Exit.STOPPED))
        if limits.time_limit and elapsed > limits.time_limit + GRACE:
            reason = f"the time limit of {duration(limits.time_limit)} passed and the worker did not end by itself"
            return Ending("timeout", reason, int(Exit.TIMEOUT))
        quiet = time.monotonic() - self._quiet_since
        if not self._paused and quiet > limits.hang_limit:
            return Ending("timeout", f"hung: no event for {duration(quiet)}", int(Exit.TIMEOUT))
        return None

    def _listen(self) -> None:
        """Note new events: any resets the hang clock, pause and unpause switch it."""
        try:
            size = self._folder.events.stat().st_size
        except FileNotFoundError:
            return
        if size <= self._size:
            return
        self._size, self._quiet_since = size, time.monotonic()
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

    def end_worker(self) -> None:
        """End the worker and its children if they still live."""
        if self._worker is not None and self._worker.poll() is None:
            processes.terminate(self._worker.pid)
            with contextlib.suppress(subprocess.TimeoutExpired):  # stuck in the kernel: nothing here can end it
                self._worker.wait(timeout=10)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
