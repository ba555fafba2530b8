"""Whose turn it is: how many runs of the queue work at once, within which hours, who is next, and when the others would start.

Everything here is arithmetic on the members and on what the checklist estimated; nothing is read or started.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import NamedTuple

from cockpit.runs.queue import Member
from engine.contract.errors import BadInput

WORKER = 10**9
"""Bytes that a worker takes before its model: the interpreter and torch."""
SHARE = 0.8
"""The share of the machine's memory that runs of the queue may fill together."""
ONE_THREAD = 20_000_000
"""Parameters below which the engine works on one thread of a CPU; a larger model there takes all of them."""


class Window(NamedTuple):
    """Hours of the day, local time, in which members may start; `end` before `start` runs over midnight."""

    start: time
    end: time

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"

    def open(self, now: datetime) -> bool:
        """Whether a member may start now."""
        at = now.time()
        return self.start <= at < self.end if self.start < self.end else at >= self.start or at < self.end

    def opening(self, now: datetime) -> datetime:
        """Now when it is open, else when it opens next."""
        if self.open(now):
            return now
        today = now.replace(hour=self.start.hour, minute=self.start.minute, second=0, microsecond=0)
        return today if today > now else today + timedelta(days=1)


class Capacity(NamedTuple):
    """What runs may take together: at most `jobs` at once, or where that is 0 as many as `cores` and `memory` (bytes) allow."""

    jobs: int
    cores: int
    memory: int

    def fits(self, running: Sequence[Member], more: Member) -> bool:
        """Whether one more may run beside these. Alone, anything may."""
        if not running:
            return True
        if self.jobs:
            return len(running) < self.jobs
        all_of_them = (*running, more)
        threads = sum(1 if m.gpu or m.parameters < ONE_THREAD else self.cores for m in all_of_them)
        memory = sum(WORKER + (0 if m.gpu else m.memory) for m in all_of_them)
        return threads <= self.cores and memory <= SHARE * self.memory


def window(text: str) -> Window | None:
    """'22:00-08:00' as a window; None for ''. Raises BadInput."""
    if not text:
        return None
    try:
        start, _, end = text.replace("–", "-").partition("-")
        found = Window(time.fromisoformat(start.strip()), time.fromisoformat(end.strip()))
    except ValueError:
        raise BadInput(f"{text!r} is not a window such as 22:00-08:00") from None
    if found.start == found.end:
        raise BadInput(f"the window {text} is empty: its two ends are the same")
    return found


def next_up(members: Sequence[Member], capacity: Capacity, *, gpu: bool = True) -> Member | None:
    """The first waiting member that may start now: not held back, and room for it. `gpu` says whether one is free; a run on a GPU also
    waits until the one before it has its worker, and so its lease, and those on the CPU pass it meanwhile."""
    running = [m for m in members if not m.waiting and not m.ended]
    gpu = gpu and not any(m.gpu and not m.working for m in running)
    for member in members:
        if member.waiting and not member.held and (gpu or not member.gpu):
            return member if capacity.fits(running, member) else None
    return None


def forecast(
    members: Sequence[Member], capacity: Capacity, hours: Window | None, now: datetime, gpus: int = 1
) -> dict[str, datetime]:
    """When each waiting member that is not held back would start, by the estimates: as soon as one before it ends, within the hours."""
    ends = [(max(now, _end(m, now)), m.id, m) for m in members if not m.waiting and not m.ended]
    heapq.heapify(ends)
    at, found = now, {}
    for member in members:
        if not member.waiting or member.held:
            continue
        while ends and not _room([m for *_, m in ends], member, capacity, gpus):
            at = max(at, heapq.heappop(ends)[0])
        at = hours.opening(at) if hours else at
        found[member.id] = at
        heapq.heappush(ends, (at + timedelta(seconds=member.seconds), member.id, member))
    return found


def _room(running: Sequence[Member], more: Member, capacity: Capacity, gpus: int) -> bool:
    on_gpu = sum(m.gpu for m in running)
    return capacity.fits(running, more) and not (more.gpu and on_gpu >= max(gpus, 1))


def _end(member: Member, now: datetime) -> datetime:
    """When a running member would end."""
    return (member.began or now) + timedelta(seconds=member.seconds)
