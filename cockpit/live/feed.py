"""One reader for one run: new bytes of its files, in a thread, as frozen updates at most five times a second.

The reader takes a bounded piece of a file at a time, so that opening a run of any size keeps its memory bounded and shows what it has
read so far. Whoever publishes an update must not block; no update is made while the last one waits to be taken.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cockpit.live.texts import Index, Texts
from cockpit.live.view import RunView, Snapshot, read
from cockpit.remote.mirror import Origin, origin
from cockpit.runs import evidence, processes
from cockpit.runs.reconcile import close_if_dead
from engine.contract.errors import BadInput, CockpitError
from engine.contract.events import Evaluated, RunFinished, RunResumed
from engine.contract.files import read_json
from engine.contract.preflight import seal_hash
from engine.contract.rundir import RunDir
from engine.contract.runfile import RunFile, load_runfile
from journal.verdict import Verdict, verdict

LEAST = 0.2
"""Seconds between two updates, at least."""
OPENING = 0.6
"""The same while a long run is still being read: who draws takes time from who reads."""
POLL = 0.1
"""Seconds between two looks at a file that did not grow."""
PIECE = 1 << 20
"""Bytes that are read at once."""
LOOK = 1.0
"""Seconds between two looks at the small files of a run, and at whether it still lives."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The small files of a run, as they are now. `problem` says in words what is wrong with the folder, '' when nothing."""

    run: RunFile | None = None
    preflight: dict[str, Any] = field(default_factory=dict)
    process: dict[str, Any] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    sealed: bool = False
    alive: bool = False
    problem: str = ""
    origin: Origin | None = None  # of a run of another machine

    @property
    def estimate(self) -> dict[str, float]:
        """Seconds by stage that the preflight expected of the whole run; {} when it did not say."""
        seconds = (self.preflight.get("evidence") or {}).get("estimate") or {}
        return {k: float(v) for k, v in (seconds.get("seconds") or {}).items() if isinstance(v, (int, float))}


@dataclass(frozen=True, slots=True)
class Update:
    """Everything a screen needs at one moment. `caught_up` is false while the run is still being read."""

    folder: RunDir
    view: Snapshot
    facts: Facts
    texts: Index
    verdict: Verdict
    caught_up: bool

    @property
    def ended(self) -> bool:
        """Whether the run is over: its result is written, or its worker said so."""
        return bool(self.facts.result.get("status") or self.view.finished)

    @property
    def status(self) -> str:
        """The status of a run that is over, '' while it goes on."""
        return str(self.facts.result.get("status") or (self.view.finished.status if self.view.finished else ""))


class Growing:
    """New whole lines of a growing file, a bounded piece at a time."""

    def __init__(self, path: Path) -> None:
        self.path, self.offset = path, 0
        self.shorter = False

    def read(self, piece: int = PIECE) -> bytes:
        """The next whole lines, b'' when there are none. A file that became shorter than what was read of it is `shorter`."""
        try:
            size = self.path.stat().st_size
        except OSError:
            return b""
        if size < self.offset:
            self.shorter = True
        if size <= self.offset:
            return b""
        try:
            with self.path.open("rb") as f:
                f.seek(self.offset)
                data = f.read(piece)
                while (end := data.rfind(b"\n") + 1) == 0 and (more := f.read(piece)):
                    data += more
        except OSError:
            return b""
        self.offset += end
        return data[:end]


class Feed:
    """Reads a run until it is stopped. `publish` is called in the reader's thread with each Update; take() says it may come again."""

    def __init__(self, project: Path, folder: RunDir, publish: Callable[[Update], None], *, look: float = LOOK) -> None:
        self._look_every = look
        self._project, self._folder, self._publish = project, folder, publish
        self._view, self._texts = RunView(), Texts(folder.completions)
        self._events, self._completions = Growing(folder.events), Growing(folder.completions)
        self._facts = Facts()
        self._stop, self._free = threading.Event(), threading.Event()
        self._free.set()
        self._thread = threading.Thread(target=self._run, name=f"feed {folder.id}", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self, wait: float = 0.0) -> None:
        """Read no more; waits at most `wait` seconds for the thread."""
        self._stop.set()
        self._free.set()
        if wait:
            self._thread.join(wait)

    def taken(self) -> None:
        """The last update was drawn."""
        self._free.set()

    def _run(self) -> None:
        try:
            self._follow()
        except Exception as error:
            told = f"reading stopped at {type(error).__name__}: {error}"
            self._publish(replace(self.update(), facts=replace(self._facts, problem=told)))
            raise

    def _follow(self) -> None:
        looked = told = float("-inf")
        changed = True
        while not self._stop.is_set():
            if time.monotonic() - looked >= self._look_every:
                facts = self._look()
                changed = changed or facts != self._facts
                self._facts, looked = facts, time.monotonic()
            fresh = self._step()
            changed = changed or fresh
            due = time.monotonic() - told >= (OPENING if fresh else LEAST)
            if changed and due and self._free.is_set():
                self._free.clear()
                told, changed = time.monotonic(), False
                self._publish(self.update(caught_up=not fresh))
                if fresh:
                    changed = True  # that all of it was read is still to be told
            if not fresh:
                self._stop.wait(POLL)

    def _step(self) -> bool:
        """Read a piece of each file; whether there was anything. A run that is taken up again drops the completions that it makes anew."""
        events = read(self._events.read())
        self._view.add(events)
        offset = self._completions.offset
        lines = self._completions.read()
        if self._completions.shorter or any(isinstance(event, RunResumed) for event in events):
            self._completions, self._texts = Growing(self._folder.completions), self._texts.anew()
            return True
        if lines:
            self._texts.add(lines, offset)
        return bool(events or lines)

    def update(self, *, caught_up: bool = True) -> Update:
        """What is known now."""
        view = self._view.snapshot()
        judged = verdict(_Judged(view, self._facts))  # type: ignore[arg-type]  # the part of a Record that it asks
        return Update(self._folder, view, self._facts, self._texts.index(), judged, caught_up)

    def read_all(self) -> Update:
        """Read a run to its present end in the caller's thread, without following it."""
        self._facts = self._look()
        while self._step():
            pass
        return self.update()

    def _look(self) -> Facts:
        folder, before = self._folder, self._facts
        if not folder.path.is_dir():
            return Facts(before.run, before.preflight, before.process, before.result, before.sealed, False,
                         "its folder is gone: what is shown was read before")  # fmt: skip
        problem = ""
        try:
            process = evidence.process(folder)
        except BadInput as error:
            process, problem = {}, str(error)
        result = evidence.result(folder)
        elsewhere = origin(folder)
        running = elsewhere.alive if elsewhere else processes.running(process)
        alive = bool(process) and not result.get("status") and running
        if process and not alive and not result.get("logged"):
            try:
                close_if_dead(self._project, folder)
            except (CockpitError, OSError) as error:
                problem = str(error)
            result = evidence.result(folder)
        run, preflight, sealed = before.run, before.preflight, before.sealed
        if run is None:
            try:
                run = load_runfile(folder.config)
            except BadInput as error:
                problem = problem or str(error)
        if not preflight:
            preflight, sealed = checklist(folder)
        if self._events.shorter:
            problem = problem or f"{folder.events.name} became shorter: what is shown was read before"
        problem = elsewhere.said or problem if elsewhere else problem
        return Facts(run, preflight, process, result, sealed, alive, problem, elsewhere)


def checklist(folder: RunDir) -> tuple[dict[str, Any], bool]:
    """preflight.json and whether it is still as it was sealed; parts of the wrong kind are left out."""
    try:
        record = read_json(folder.preflight)
        sealed = seal_hash(record) == record.get("seal")
    except (BadInput, ValueError, TypeError, AttributeError, KeyError):
        return {}, False
    if sealed:
        return record, True
    answers, known = _table(record.get("answers")), _table(record.get("evidence"))
    estimate = _table(known.get("estimate"))
    told: dict[str, Any] = {k: v for k, v in record.items() if isinstance(v, str)}
    told["answers"] = answers | {"prediction": _table(answers.get("prediction"))}
    told["evidence"] = known | {"estimate": estimate | {"seconds": _table(estimate.get("seconds"))}}
    return told, False


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


@dataclass(frozen=True, slots=True)
class _Judged:
    """The part of a run's record that its prediction is judged by, from what was read already."""

    view: Snapshot
    facts: Facts

    @property
    def preflight(self) -> dict[str, Any]:
        return self.facts.preflight

    @property
    def sealed(self) -> bool:
        under = self.view.started.preflight_hash if self.view.started else ""
        return self.facts.sealed and under in ("", self.facts.preflight.get("seal"))

    @property
    def finished(self) -> RunFinished | None:
        return self.view.finished

    @property
    def best(self) -> int:
        return self.view.finished.best if self.view.finished else 0

    @property
    def status(self) -> str:
        return str(self.facts.result.get("status", ""))

    def row(self, subject: str, split: str = "", round_: int | None = None) -> Evaluated | None:
        return self.view.row(subject, split, round_)
