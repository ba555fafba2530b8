"""Estimates held against what finished runs of this project took."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from engine.contract.rundir import all_runs
from journal.record import load_record

NEWEST = 12
"""Finished runs that are looked at."""


class Held(NamedTuple):
    """A finished run's estimate beside its measure. Seconds; MB at the stage with the highest peak."""

    run: str
    seconds_guess: float
    seconds: float
    memory_guess: float
    memory: float


def held_against_estimates(project: Path) -> Iterator[Held]:
    """The newest successful runs whose checklist held an estimate, newest first."""
    looked = 0
    for folder in sorted(all_runs(project), key=lambda f: f.id, reverse=True):
        if looked == NEWEST:
            return
        record = load_record(folder)
        guess = (record.preflight.get("evidence") or {}).get("estimate") or {}
        if record.status != "success" or not guess or not record.memory_mb:
            continue
        looked += 1
        yield Held(
            run=record.id,
            seconds_guess=sum(guess.get("seconds", {}).values()),
            seconds=sum(record.stages.values()),
            memory_guess=guess.get("memory_bytes", 0) / 1e6,
            memory=record.memory_mb,
        )
