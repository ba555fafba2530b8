"""What a project holds at a glance: its runs, live ones first, the journal's tail, the gate, and what to do next.

One Overview is one look: frozen, and made off the message loop. A Watcher looks again and again and reads only what has changed since:
a run's result.json once, a live run's new events, the journal's index while the journal is the file it was.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from cockpit.live.glance import EntryRow, Overview, RunRow
from cockpit.live.live import Live, Pulse
from cockpit.live.next_step import next_step
from cockpit.runs import evidence, ticket
from cockpit.runs.evidence import sealed
from cockpit.runs.ticket import WAITING, waiting
from engine.contract.errors import BadInput
from engine.contract.rundir import RunDir, all_runs
from engine.contract.runfile import load_runfile
from journal.index import rows
from journal.query import Item, items, when
from journal.review import states
from journal.text import plain, unquoted

SETTLED = 5.0
"""Seconds between two looks at runs that have ended, and between two looks for runs that nobody closed."""


class _Ended(NamedTuple):
    stamp: int
    row: RunRow


class Watcher:
    """Looks at one project. Not safe to share between threads; what it returns is."""

    def __init__(self, project: Path) -> None:
        self._project = project
        self._ended: dict[str, _Ended] = {}
        self._live: dict[str, Live] = {}
        self._settled_at = -SETTLED
        self._journal: list[Item] | None = None
        self._journal_stamp: tuple[int, int] | None = None
        self._gate: tuple[frozenset[str], str] | None = None
        self._trouble: dict[str, str] = {}
        self._closed: list[str] = []
        self._folders: tuple[int, list[RunDir]] = (0, [])

    def look(self, newest: int | None = None) -> Overview:
        """The project as it is now, or its newest runs alone. What cannot be read is said in `trouble` and stops nothing else."""
        self._trouble = {}
        now = time.monotonic()
        settle = now - self._settled_at >= SETTLED
        if settle:
            self._settled_at = now
        entries = self._entries()
        cards = _cards(entries)
        found: list[RunRow] = []
        for folder in self._all_runs()[::-1][:newest]:
            try:
                found.append(self._row(folder, cards.get(folder.id, {}), settle))
            except Exception as error:  # one damaged folder must not hide the others
                if folder.path.exists():
                    found.append(_unreadable(folder, error))
        for gone in self._live.keys() - {row.id for row in found if row.live}:
            del self._live[gone]
        found = _ordered(found)
        gate = self._green_gate(found)
        seen = Overview(
            runs=tuple(found),
            entries=tuple(_entry_row(item) for item in entries[:40]),
            written=sum(not item.row.smoke for item in entries),
            to_review=sum(item.state.state == "draft" for item in entries),
            gate=gate,
            trouble=next(iter(self._trouble.values()), ""),
            closed=tuple(self._closed),
        )
        return replace(seen, next=next_step(seen))

    def _all_runs(self) -> list[RunDir]:
        """The run folders, oldest first, listed again only when one has come or gone."""
        stamp = _stamp(self._project / "runs")
        try:
            if not stamp or stamp != self._folders[0]:
                self._folders = (stamp, all_runs(self._project))
        except OSError as error:
            self._trouble["runs"] = f"{self._project / 'runs'} cannot be read: {error.strerror}"
        return self._folders[1]

    def _entries(self) -> list[Item]:
        """The journal's entries, newest first, read again only when the file has changed."""
        path = self._project / "RESEARCH_JOURNAL.md"
        try:
            stat = path.stat()
        except OSError:
            return []
        stamp = (stat.st_mtime_ns, stat.st_size)
        if self._journal is None or stamp != self._journal_stamp:
            try:
                found = rows(self._project)
                self._journal = items(found, states(found))
                self._journal_stamp = stamp
            except (BadInput, OSError) as error:
                self._trouble["journal"] = plain(str(error), 300)
        return self._journal or []

    def _row(self, folder: RunDir, card: Mapping[str, Any], settle: bool) -> RunRow:
        """One run: as it was last read when it has ended and nothing says otherwise."""
        known = self._ended.get(folder.id)
        if known is not None and not settle:
            return known.row
        stamp = _stamp(folder.result)
        if known is not None and known.stamp == stamp and (card or not known.row.trait_name):
            return known.row
        if stamp:
            ended = evidence.result(folder)
            attempt = int(evidence.process(folder).get("attempt", 1))
            if ended.get("logged") and attempt <= int(ended.get("attempt", 1)):
                row = _ended_row(folder, ended, card)
                self._ended[folder.id] = _Ended(stamp, row)
                return row
        self._ended.pop(folder.id, None)
        if settle and _close(self._project, folder):
            self._closed.append(folder.id)
            return _ended_row(folder, evidence.result(folder), card)
        if waiting(folder):
            return _queued_row(folder)
        live = self._live.setdefault(folder.id, Live(folder))
        return _live_row(folder, live.look(), card)

    def _green_gate(self, found: list[RunRow]) -> str:
        """The gate, asked again only when another fast-dev-run has succeeded."""
        smoke = frozenset(row.id for row in found if row.smoke and row.status == "success")
        if self._gate is None or self._gate[0] != smoke:
            try:
                self._gate = (smoke, evidence.green_gate(self._project) if smoke else "")
            except (BadInput, OSError) as error:
                self._trouble["gate"] = plain(str(error), 300)
                return ""
        return self._gate[1]


def _close(project: Path, folder: RunDir) -> bool:
    """Close a run whose processes are gone; whether it was closed. What that needs is imported only for a run that has not ended."""
    from cockpit.runs.reconcile import close_if_dead

    return close_if_dead(project, folder)


def _cards(entries: list[Item]) -> dict[str, Mapping[str, Any]]:
    """The newest card of each run."""
    found: dict[str, Mapping[str, Any]] = {}
    for item in entries:
        if item.row.kind == "run":
            found.setdefault(str(item.row.data.get("run", item.row.key)), item.row.data)
    return found


def _ended_row(folder: RunDir, ended: Mapping[str, Any], card: Mapping[str, Any]) -> RunRow:
    question = str(card.get("hypothesis") or unquoted(str(ended.get("title", ""))))
    return RunRow(
        id=folder.id,
        status=str(ended.get("status", "failed")),
        state=str(ended.get("status", "failed")),
        preset=str(card.get("preset", "")),
        trait_name=str(card.get("trait", "")),
        seed=card.get("seed"),
        question=plain(question),
        smoke=bool(ended.get("smoke", card.get("smoke"))),
        base=_rate(card, "base"),
        prompted=_rate(card, "prompted"),
        trait=_rate(card, "healed"),
        tail_ppl=_value(card.get("healed.tail_ppl")),
        seconds=_value(ended.get("seconds")),
        began=began(folder.id),
        pulse=None,
        method=plain(str(card.get("method", "")), 30),
    )


def _live_row(folder: RunDir, pulse: Pulse, card: Mapping[str, Any]) -> RunRow:
    try:
        run = load_runfile(folder.config) if not card else None
    except BadInput:
        run = None
    return RunRow(
        id=folder.id,
        status="",
        state=pulse.state,
        preset=str(card.get("preset") or (run.preset if run else "")),
        trait_name=str(card.get("trait") or (run.config.trait.name if run else "")),
        seed=card.get("seed") if card else run.config.run.seed if run else None,
        question=plain(str(card.get("hypothesis", ""))),
        smoke=bool(card.get("smoke") if card else run.config.run.smoke if run else False),
        base=pulse.base,
        prompted=pulse.prompted,
        trait=pulse.healed[-1] if pulse.healed else None,
        tail_ppl=pulse.tail_ppl,
        seconds=pulse.elapsed,
        began=began(folder.id),
        pulse=pulse,
        method=plain(str(card.get("method", "")), 30),
    )


def _ordered(rows: list[RunRow]) -> list[RunRow]:
    """Live ones first, then the queued ones in their order, then the others, newest first."""
    queued = sorted((row for row in rows if row.state == WAITING), key=lambda row: (row.place, row.id))
    queued = [row._replace(place=at) for at, row in enumerate(queued, start=1)]
    return [*(r for r in rows if r.live), *queued, *(r for r in rows if not r.live and r.state != WAITING)]


def _queued_row(folder: RunDir) -> RunRow:
    """A run that waits in the queue: what its config and its checklist say of it, and its place among all tickets."""
    found = sealed(folder)
    question = plain(str(found.answers["question"]["hypothesis"])) if found else ""
    preset, trait = (found.preset, str(found.config.get("trait.name", ""))) if found else ("", "")
    seed = found.config.get("run.seed") if found else None
    place = ticket.read(folder).place
    return RunRow(
        folder.id, "", WAITING, preset, trait, seed, question, False, *[None] * 5, began(folder.id), None, place
    )


def _unreadable(folder: RunDir, error: Exception) -> RunRow:
    why = plain(f"its folder cannot be read: {error}")
    return RunRow(folder.id, "unreadable", "unreadable", "", "", None, why, False, *[None] * 5, began(folder.id), None)


def _entry_row(item: Item) -> EntryRow:
    row = item.row
    status = str(row.data.get("status", ""))
    sign = "success" if status == "success" else "failed" if status not in ("", "running", "open") else ""
    if row.kind == "claim":
        sign = {"granted": "success", "refused": "failed", "broken": "failed"}.get(status, "")
    title = row.title.rpartition(" · ")[0] if row.smoke else row.title  # a ledger line ends with the run's letters
    return EntryRow(
        key=row.key,
        when=when(row),
        sign=sign,
        title=plain(unquoted(title)),
        level=plain(row.level, 60).partition(",")[0],
        unreviewed=item.state.state == "draft",
        smoke=row.smoke,
    )


def began(run_id: str) -> datetime | None:
    """The moment in a run's id, in local time; None when its name is another."""
    try:
        return datetime.strptime(run_id[:15] + "+0000", "%Y%m%dT%H%M%S%z").astimezone()
    except ValueError:
        return None


def _rate(card: Mapping[str, Any], subject: str) -> float | None:
    return _value(card.get(f"{subject}.trait_rate"))


def _value(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _stamp(path: Path) -> int:
    """When a file was last written, 0 when there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
