"""Keeping the mirror of one run up to date: connecting, taking what comes, and connecting again when the line drops."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import filelock
import msgspec

from cockpit.remote.frames import Gone, Grown, State, Whole
from cockpit.remote.line import Line
from cockpit.remote.mirror import Mirror, origin
from cockpit.remote.place import Place
from cockpit.remote.ssh import NoEntry, OutOfReach
from engine.contract.errors import BadInput
from engine.contract.rundir import RunDir
from journal.text import plain

BACK_OFF = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
"""Seconds before each attempt to connect again; the last one repeats."""
_TURN = 0.5
"""Seconds between two looks at whether the watching is over."""


class Watch:
    """A run of another machine, watched while the block lasts. `run` is its mirror, a run folder like any other."""

    def __init__(self, place: Place, say: Callable[[str], None]) -> None:
        """Connect, and wait until the small files of the run are here; `say` is told why that takes long.

        Raises BadInput when the machine does not let us in, or has no such cockpit or run."""
        self._line, run = _first(place, say)
        try:
            self._mirror = Mirror(place._replace(run=run))
        except BaseException:
            self._line.close()
            raise
        self._failure: BadInput | None = None
        self._stop, self._ready = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"watch {run}", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        try:
            self._ready.wait()
            self.check()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @property
    def run(self) -> RunDir:
        """The mirror."""
        return self._mirror.folder

    @property
    def project(self) -> Path:
        """The folder that holds it, a project of mirrors."""
        return self.run.path.parent.parent

    @property
    def place(self) -> Place:
        """The run with its whole id."""
        return self._mirror.place

    def trouble(self) -> str:
        """Why the run is out of reach now, '' when it is not."""
        seen = origin(self.run)
        return seen.said if seen and not seen.reached else ""

    def check(self) -> None:
        """Raises BadInput when there is nothing to watch any more."""
        if self._failure is not None:
            raise self._failure

    def _end(self) -> None:
        self._stop.set()
        self._line.interrupt()
        self._thread.join()

    # in the thread

    def _run(self) -> None:
        """Keep the mirror, or while another process keeps it, wait to take over."""
        lock = filelock.FileLock(str(self._mirror.lock))
        try:
            while not self._stop.is_set():
                try:
                    lock.acquire(timeout=0)
                except filelock.Timeout:
                    self._line.close()
                    self._ready.set()
                    self._stop.wait(_TURN)
                else:
                    self._keep()
        except BadInput as error:
            self._give_up(error)
        except OSError as error:
            self._give_up(BadInput(f"{error.filename or self.run.path}: {error.strerror or error}"))
        finally:
            self._line.close()
            lock.release()
            self._ready.set()

    def _keep(self) -> None:
        """Follow the run over as many lines as it takes."""
        failed = 0
        while not self._stop.is_set():
            try:
                if self._line.closed:
                    self._line = Line(self.place)
                    self._line.hello()
                self._follow()
            except OutOfReach as why:
                self._line.close()
                failed = 0 if self._mirror.origin.reached else failed + 1
                self._tell(reached=False, machine=None, said=f"{self.place.host} is out of reach: {why}")
                self._stop.wait(BACK_OFF[min(failed, len(BACK_OFF) - 1)])

    def _follow(self) -> None:
        """Take frames until the line is gone or the watching is over."""
        mirror = self._mirror
        self._line.answer(mirror.held())
        while not self._stop.is_set():
            for frame, payload in self._line.read(_TURN):
                if isinstance(frame, (Grown, Whole, Gone)):
                    mirror.take(frame, payload)
                elif isinstance(frame, State):
                    self._tell(reached=True, alive=frame.alive, said=plain(frame.problem, 300),
                               skew=self._line.skew, machine=frame.machine)  # fmt: skip
                    self._ready.set()

    def _tell(self, **known: object) -> None:
        self._mirror.tell(msgspec.structs.replace(self._mirror.origin, **known))

    def _give_up(self, error: BadInput) -> None:
        self._failure = error
        try:
            self._tell(reached=False, said=str(error))
        except OSError:
            return  # the disk that did not take the run does not take this either


def _first(place: Place, say: Callable[[str], None]) -> tuple[Line, str]:
    """The first connection and the run's whole id; a machine that is out of reach is tried again until a person has enough."""
    failed = 0
    while True:
        line = Line(place)
        try:
            return line, line.hello()
        except NoEntry as why:
            line.close()
            raise BadInput(f"{place.host} does not let this login in: {why}") from None
        except OutOfReach as why:
            line.close()
            pause = BACK_OFF[min(failed, len(BACK_OFF) - 1)]
            say(f"{place.host} is out of reach: {why}. Trying again in {pause:g} s; Ctrl-C leaves")
            time.sleep(pause)
            failed += 1
        except BaseException:
            line.close()
            raise
