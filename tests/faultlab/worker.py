"""The laboratory's worker: the libraries are loaded once, then every case runs in a process of its own, forked from here.

A fork has a real exit code, dies of a real SIGKILL, keeps its fault to itself, and starts without the seconds that torch takes."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

from cockpit.runs.ending import ending, finish
from engine.contract.rundir import RunDir

from .faults import FAULTS
from .inject import Case
from .plans import prepare

LIMIT = 300.0
"""Seconds after which a run is ended: none takes a tenth of it."""


class Ran(NamedTuple):
    """A finished run: its case and folder, what it took in seconds of the wall's and of a core's time, and whether its fault touched it."""

    case: Case
    folder: RunDir
    seconds: float
    core_seconds: float
    bit: bool


def run_all(project: Path, cases: Sequence[Case], jobs: int = 1) -> Iterator[Ran]:
    """Run every case that has no result yet, `jobs` at a time, each with its result and its journal entry, in the order they end."""
    load()
    waiting = [case for case in cases if not (project / "runs" / case.run / "result.json").exists()]
    alive: dict[int, tuple[Case, RunDir, float]] = {}
    try:
        while waiting or alive:
            while waiting and len(alive) < jobs:
                case = waiting.pop(0)
                _sweep(project, case)
                folder = prepare(project, case)
                alive[_start(project, case, folder)] = (case, folder, time.monotonic())
            pid, status, core = _reap(alive)
            case, folder, began = alive.pop(pid)
            seconds = time.monotonic() - began
            finish(project, folder, 1, ending(folder, 1, os.waitstatus_to_exitcode(status)), seconds)
            fault = FAULTS.get(case.fault)
            if fault and fault.after:
                fault.after(fault.strength(case.strength), folder.path, lambda: _bite(project, case))  # noqa: B023
            yield Ran(case, folder, seconds, core, not fault or bitten(project, case))
    finally:
        for pid in alive:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def bitten(project: Path, case: Case) -> bool:
    """Whether the fault of a case has touched its run."""
    return (project / "bites" / case.name).exists()


def _bite(project: Path, case: Case) -> None:
    (project / "bites").mkdir(exist_ok=True)
    (project / "bites" / case.name).touch()


def load() -> None:
    """Import what every run needs; with one thread, so that a fork finds no lock that another thread holds."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    import peft  # noqa: F401
    import torch

    import engine.worker  # noqa: F401

    torch.set_num_threads(1)


def _sweep(project: Path, case: Case) -> None:
    """Remove what an interrupted laboratory left of a case."""
    shutil.rmtree(project / "runs" / case.run, ignore_errors=True)
    (project / "bites" / case.name).unlink(missing_ok=True)


def _reap(alive: dict[int, tuple[Case, RunDir, float]]) -> tuple[int, int, float]:
    """The next of the processes to end, how, and the seconds of a core that it took; one that is over its limit is killed."""
    while True:
        for pid, (_, _, began) in alive.items():
            if time.monotonic() - began > LIMIT:
                os.kill(pid, signal.SIGKILL)
            found, status, used = os.wait4(pid, os.WNOHANG)
            if found:
                return found, status, used.ru_utime + used.ru_stime
        time.sleep(0.05)


def _start(project: Path, case: Case, folder: RunDir) -> int:
    return forked(folder, lambda: _work(project, case, folder))


def forked(folder: RunDir, work: Callable[[], int]) -> int:
    """Start `work` in a fork of this process, with its output in worker.log and its result as exit code; returns the pid."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        log = os.open(folder.worker_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
        code = work()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _work(project: Path, case: Case, folder: RunDir) -> int:
    """The engine's own command, inside the fault."""
    from engine.__main__ import main

    def bite() -> None:
        _bite(project, case)

    fault = FAULTS.get(case.fault)
    inject = fault.inject(fault.strength(case.strength), bite) if fault and fault.inject else nullcontext()
    if fault and not fault.inject:
        bite()
    with inject:
        return main(["run", str(folder.path)])
