"""The queue as a list: what runs, what waits in its order and when it would start, what is over; and the chosen run in full below."""

from __future__ import annotations

from datetime import datetime
from textwrap import wrap
from typing import NamedTuple

from textual import events
from textual.message import Message

from cockpit.runs.drain import Drainer
from cockpit.runs.queue import RUNNING, Member
from cockpit.runs.schedule import when
from cockpit.widgets.line import margin
from cockpit.widgets.pane import Pane, Row, heading
from journal.text import duration, plain, short, utc

STATE, RUN, PRESET, SEED, TIME, STARTS = 12, 7, 16, 6, 10, 13
"""Widths of the columns in cells; the hypothesis has what is left."""
WIDE = 100
PROSE = 76
EMPTY = (
    "Nothing is queued.",
    "",
    "A sealed run waits here for its turn, until the GPU or a slot of the CPU is free.",
    "W in the checklist of a new run puts it here, or:",
    "    cockpit launch --preflight F.toml --queue",
)


class QueueSeen(NamedTuple):
    """One look at the queue. `starts` says when each waiting member would start, '' as a problem when nothing is wrong."""

    members: tuple[Member, ...] = ()
    starts: dict[str, datetime] = {}  # noqa: RUF012 (never changed)
    paused: bool = False
    drainer: Drainer | None = None
    trouble: str = ""

    @property
    def waiting(self) -> list[Member]:
        return [m for m in self.members if m.waiting]

    def state(self) -> str:
        """The queue in a few words."""
        if self.paused:
            return "paused: p goes on"
        if self.drainer is None:
            return "not running: r starts it" if self.waiting else ""
        most = f", at most {self.drainer.jobs} at once" if self.drainer.jobs else ""
        hours = f", starts {self.drainer.window}" if self.drainer.window else ""
        return f"running since {utc(self.drainer.since).astimezone():%H:%M}{most}{hours}"


class QueueList(Pane, can_focus=True):
    """One row a member. The chosen run stays chosen as rows come and go around it."""

    DEFAULT_CSS = "QueueList { height: 1fr; }"

    class Chosen(Message):
        """Another run is under the cursor."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.seen: QueueSeen | None = None
        self.chosen = ""
        self._top = 0

    @property
    def member(self) -> Member | None:
        """The run under the cursor."""
        return next((m for m in self.seen.members if m.id == self.chosen), None) if self.seen else None

    def show(self, seen: QueueSeen) -> None:
        """Show this look. A run that is gone hands the cursor to the one that took its place."""
        at, self.seen = self._at(), seen
        if self.member is None:
            self.chosen = seen.members[min(at, len(seen.members) - 1)].id if seen.members else ""
        self.touch()

    def move(self, by: int) -> None:
        """Choose another run; stops at both ends."""
        if self.seen and self.seen.members:
            self.chosen = self.seen.members[max(0, min(len(self.seen.members) - 1, self._at() + by))].id
            self.touch()
            self.post_message(self.Chosen())

    def page(self) -> int:
        """Rows that are seen at once."""
        return max(1, self.size.height - 2)

    def _at(self) -> int:
        return next((i for i, m in enumerate(self.seen.members) if m.id == self.chosen), 0) if self.seen else 0

    def rows(self, width: int, height: int) -> list[Row]:
        """Heading, names, members around the chosen one."""
        edge = margin(width)
        seen = self.seen
        head = Row(width).put(edge, "Queue", "bright", "bold")
        if seen is None:
            return [head.then("reading the runs", "dim", gap=2)]
        waiting = len(seen.waiting)
        head.then(f"{waiting} waiting" if waiting else "", "dim", gap=2)
        state = seen.state()
        end = width - edge - (len(state) + 1 if state else 0)
        head.hairline(head.end + 1, end).right(width - edge, state, "text", "bold" if seen.paused else "")
        if not seen.members:
            text = (seen.trouble,) if seen.trouble else EMPTY
            lines = [
                part
                for each in text
                for part in wrap(each, min(width - 2 * edge, PROSE), drop_whitespace=False) or [""]
            ]
            return [head, *(Row(width).put(edge, part) for part in lines)]
        columns = _columns(width - 2 * edge)
        names = Row(width)
        for name, at, cells, right in _laid(columns, edge):
            _put(names, name, at, cells, right, "dim")
        at, room = self._at(), self.page()
        self._top = max(0, min(self._top, at, len(seen.members) - 1))
        self._top = max(self._top, at - room + 1)
        shown = seen.members[self._top : self._top + room]
        return [head, names, *(self._row(m, seen.starts.get(m.id), width, edge, columns) for m in shown)]

    def _row(self, member: Member, start: datetime | None, width: int, edge: int, columns: dict[str, int]) -> Row:
        here = member.id == self.chosen
        row = Row(width, "select" if here else "").put(0, "▸" if here else " ", "bright")
        cells = _cells(member, start)
        for name, at, room, right in _laid(columns, edge):
            words, role = cells[name]
            if name == "state":
                sign, sign_role = _sign(member)
                row.put(at, sign, sign_role).put(at + 2, words, "bright" if member.state == RUNNING else "dim")
            else:
                bright = here and name in ("run", "hypothesis")
                _put(row, words, at, room, right, "bright" if bright else role)
        return row

    def on_click(self, event: events.Click) -> None:
        """Choose what was clicked."""
        self.move(self._top + event.y - 2 - self._at())


class QueueDetail(Pane):
    """The chosen run: its whole question, what it needs, and why it is held back."""

    DEFAULT_CSS = "QueueDetail { height: 6; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.member: Member | None = None

    def show(self, member: Member | None) -> None:
        """Show this run."""
        self.member = member
        self.touch()

    def rows(self, width: int, height: int) -> list[Row]:
        """A heading and as many lines as there is room for."""
        edge, member = margin(width), self.member
        if member is None:
            return []
        inner = width - 2 * edge
        head = heading(inner, short(member.id), f"{member.preset}, seed {member.seed}" if member.preset else "")
        lines = [("why", member.held)] if member.held else []
        lines += [("asks", member.question), ("needs", _needs(member)), ("queued", _queued(member))]
        found = [_shifted(head, width, edge)]
        for name, text in lines:
            for i, part in enumerate(wrap(plain(text, 400), min(inner - 9, 96))[:2]):
                found.append(Row(width).put(edge, "" if i else name, "dim").put(edge + 9, part))
        return found[:height]


def _shifted(row: Row, width: int, by: int) -> Row:
    """A row further right, on a wider one."""
    found = Row(width)
    found.parts = [part._replace(column=part.column + by) for part in row.parts]
    return found


def _columns(width: int) -> dict[str, int]:
    """Name and width of the columns, the hypothesis with what is left; preset and took go first where it is narrow."""
    found = {"state": STATE, "run": RUN + 2, "preset": PRESET, "hypothesis": 0, "seed": SEED}
    found |= {"estimate": TIME, "took": TIME, "starts": STARTS}
    if width < WIDE:
        del found["preset"], found["took"]
    found["hypothesis"] = width - sum(found.values())
    return found


def _laid(columns: dict[str, int], edge: int) -> list[tuple[str, int, int, bool]]:
    """Name, first column, width and whether it is aligned right."""
    found, at = [], edge
    for name, cells in columns.items():
        found.append((name, at, cells, name in ("seed", "estimate", "took", "starts")))
        at += cells
    return found


def _put(row: Row, words: str, at: int, cells: int, right: bool, role: str) -> None:
    """Words in a column; two cells before the next one stay free."""
    if right:
        row.right(at + cells, words, role)
    else:
        row.put(at, words, role, within=cells - 2)


def _cells(member: Member, start: datetime | None) -> dict[str, tuple[str, str]]:
    """What stands in each column, and its role."""
    role = "dim" if member.ended else "text"
    starts = when(member, start, datetime.now())
    return {
        "state": (f"{member.state} {member.place}" if member.place else member.state, role),
        "run": (short(member.id), role),
        "preset": (member.preset, "dim"),
        "hypothesis": (member.question, role),
        "seed": ("–" if member.seed is None else str(member.seed), "dim"),
        "estimate": (duration(member.seconds) if member.seconds else "–", role),
        "took": ("–" if member.took is None else duration(member.took), "dim" if member.took is None else role),
        "starts": (starts, "bad" if member.held else "dim" if starts == "–" else role),
    }


def _sign(member: Member) -> tuple[str, str]:
    if member.waiting:
        return ("✗", "bad") if member.held else ("○", "text")
    if not member.ended:
        return "●", "ok"
    if member.state == "success":
        return "✓", "ok"
    return ("·", "dim") if member.state == "stopped" else ("✗", "bad")


def _needs(member: Member) -> str:
    where = "on a GPU" if member.gpu else "on the CPU"
    time = f"about {duration(member.seconds)}" if member.seconds else "no estimate"
    return f"{time}, {member.memory / 1e9:.1f} GB, {where}"


def _queued(member: Member) -> str:
    moment = utc(member.ticket.queued_at).astimezone() if member.ticket.queued_at else None
    return f"{moment:%m-%d %H:%M}, from {member.ticket.where}" if moment else "–"
