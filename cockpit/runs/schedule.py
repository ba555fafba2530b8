"""When the members of a queue would start, for a person: the forecast for the process that runs it, in a few words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from cockpit.runs import lease, queue
from cockpit.runs.drain import capacity, drainer
from cockpit.runs.queue import Member
from cockpit.runs.turns import forecast, window
from journal.text import duration

SOON = 30.0
"""Seconds within which 'now' is said."""


def schedule(project: Path, members: Sequence[Member]) -> dict[str, datetime]:
    """When each waiting member would start, local time; {} while the queue is paused or no process runs it."""
    working = drainer(project)
    if working is None or queue.paused(project) or not any(m.waiting for m in members):
        return {}
    gpus = len(lease.gpus()) if any(m.gpu for m in members) else 1
    now = datetime.now().astimezone()
    return forecast(members, capacity(working.jobs), window(working.window), now, gpus)


def when(member: Member, start: datetime | None, now: datetime) -> str:
    """'now', 'in 4:12', or the moment; for what has started, when that was. – where nothing is known."""
    if member.held:
        return "held back"
    if not member.waiting:
        return f"{member.began.astimezone():%m-%d %H:%M}" if member.began else "–"
    if start is None:
        return "–"
    left = (start.replace(tzinfo=None) - now.replace(tzinfo=None)).total_seconds()
    if left < SOON:
        return "now"
    return f"in {duration(left)}" if left < 3600 else f"{start:%m-%d %H:%M}"
