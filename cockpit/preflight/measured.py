"""The run that a checklist lays its barrier beside: the comparator, else the nearest that measured its KL, with that KL step by step."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from cockpit.live.view import RunView, Snapshot, read_run
from engine.contract.distance import Near
from engine.contract.prior import PriorRun
from engine.contract.rundir import RunDir, runs_folder


class Measured(NamedTuple):
    """`operating_kl` in nats; `view` is empty when the run's events cannot be read any more."""

    run: str
    operating_kl: float
    view: Snapshot


def measured(project: Path, comparator: PriorRun | None, near: Sequence[Near]) -> Measured | None:
    """None when no run near this one measured its KL."""
    for run in [*([comparator] if comparator else []), *(n.run for n in near)]:
        if run.operating_kl is not None:
            return Measured(run.id, run.operating_kl, _view(RunDir(runs_folder(project) / run.id).events))
    return None


def _view(events: Path) -> Snapshot:
    """A checklist is checked after every answer; a run that has ended is read once."""
    try:
        return _read(events, events.stat().st_mtime_ns)
    except OSError:
        return RunView().snapshot()


@lru_cache(maxsize=4)
def _read(events: Path, _: int) -> Snapshot:
    return read_run(events)
