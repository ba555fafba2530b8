"""What one look at a project finds: its runs, the journal's newest entries, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from cockpit.live.live import Pulse
from cockpit.runs.ticket import WAITING
from journal.text import short


class Step(NamedTuple):
    """`action` is one of cockpit.actions; `of` is the run or entry it is about; `command` says the same on the command line."""

    text: str
    action: str
    of: str = ""
    command: str = ""


class RunRow(NamedTuple):
    """One run in a list. `status` is '' while it is live; rates are on the run's headline split, None where not measured."""

    id: str
    status: str
    state: str  # a word: success, nan, running, paused, starting, queued
    preset: str
    trait_name: str
    seed: int | None
    question: str
    smoke: bool
    base: float | None
    prompted: float | None
    trait: float | None
    tail_ppl: float | None
    seconds: float | None
    began: datetime | None  # local time
    pulse: Pulse | None  # of a live run
    place: int = 0  # of a queued one, from 1
    method: str = ""  # how its vector was made; '' when its entry does not say

    @property
    def short(self) -> str:
        return short(self.id)

    @property
    def live(self) -> bool:
        return not self.status and self.state != WAITING

    @property
    def failed(self) -> bool:
        return self.status not in ("", "success", "stopped")


class EntryRow(NamedTuple):
    """One journal entry in a list."""

    key: str
    when: str  # '2026-06-04 10:13', UTC, or a date
    sign: str  # success or failed, '' while it is open
    title: str
    level: str
    unreviewed: bool
    smoke: bool

    @property
    def short(self) -> str:
        return short(self.key)


@dataclass(frozen=True, slots=True)
class Overview:
    """One look at a project. `trouble` says what could not be read, '' when all could."""

    runs: tuple[RunRow, ...] = ()
    entries: tuple[EntryRow, ...] = ()
    written: int = 0  # entries in the journal, without notes and smoke runs
    to_review: int = 0
    gate: str = ""  # the run that opened it
    next: Step | None = None
    trouble: str = ""
    closed: tuple[str, ...] = ()  # runs that were found without a process, and closed

    @property
    def live(self) -> tuple[RunRow, ...]:
        return tuple(run for run in self.runs if run.live)
