"""The entries of the journal as rows: when, run, question, verdict, how far the trait moved, tail, seeds, level, and the review mark."""

from __future__ import annotations

from typing import NamedTuple

from textual import events
from textual.message import Message

from cockpit.report.notebook import asked, level, outcome, seeds
from cockpit.review.reading import Place, Seen
from cockpit.widgets.line import again, cut
from cockpit.widgets.pane import Pane, Row
from journal.query import Item
from journal.text import MISSING, number, plain

MOST = 8
"""Rows that can be marked for a comparison."""
REVIEW = {"draft": ("•", "bright"), "reviewed": ("✓", "dim"), "retracted": ("✗", "bad"), "superseded": ("→", "dim")}
"""The review mark of each state with its role."""
OUTCOME = {"met": ("✓", "ok"), "missed": ("✗", "bad"), "pending": ("·", "dim"), "running": ("●", "ok"), "open": ("–", "dim"),
           "undecided": ("○", "dim"), "": (MISSING, "dim"), "success": ("✓", "dim"), "stopped": ("·", "dim")}  # fmt: skip
"""The sign of each outcome; what is not here is an ending that went wrong."""


class Column(NamedTuple):
    """Where a column begins and ends (before its gap), and whether its words end at its right edge."""

    start: int
    end: int
    right: bool = False


def columns(width: int) -> dict[str, Column]:
    """Those that fit; the question has what is left, and a column that does not fit goes as a whole."""
    edge = margin(width)
    wanted = [("level", 11, 2, False), ("seeds", 5, 2, True), ("tail ppl", 8, 2, True), ("trait", 4, 1, True)]
    wanted += [("track", 11, 2, False), ("verdict", 9, 2, False)]
    if width < 104:
        wanted = [w for w in wanted if w[0] not in ("seeds", "track")]
    if width < 92:
        wanted = [w for w in wanted if w[0] != "level"]
    found: dict[str, Column] = {}
    end = width - edge
    for name, cells, gap, right in wanted:
        found[name] = Column(end - cells, end, right)
        end -= cells + gap
    when = edge + 3
    found |= {"when": Column(when, when + 11), "run": Column(when + 13, when + 19)}
    return found | {"hypothesis": Column(when + 21, end)}


class EntryList(Pane, can_focus=True):
    """Draws only the rows that are seen, however many there are. The chosen entry stays chosen as others come and go."""

    DEFAULT_CSS = "EntryList { height: 1fr; }"

    class Chosen(Message):
        """Another entry is under the cursor; '' when there is none."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    class Wanted(Message):
        """An entry was asked to be opened."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.seen: Seen | None = None
        self.key = ""
        self.marked: list[str] = []
        self._top = 0
        self._at = 0

    def show(self, seen: Seen, *, at: str = "") -> None:
        """Show these entries, with the cursor on `at`, else where it was."""
        self.seen = seen
        wanted = at or self.key
        found = next((i for i, item in enumerate(seen.items) if item.row.key == wanted), None)
        self._at = min(self._at, max(len(seen.items) - 1, 0)) if found is None else found
        self._choose()

    @property
    def item(self) -> Item | None:
        """The entry under the cursor."""
        items = self.seen.items if self.seen else ()
        return items[self._at] if self._at < len(items) else None

    def move(self, by: int) -> None:
        """Choose another entry; stops at both ends."""
        count = len(self.seen.items) if self.seen else 0
        self._at = max(0, min(count - 1, self._at + by))
        self._choose()

    def mark(self) -> bool:
        """Mark the entry for a comparison, or take its mark back; False when no more can be marked."""
        item = self.item
        if item is None:
            return True
        key = item.row.key
        if key in self.marked:
            self.marked.remove(key)
        elif len(self.marked) >= MOST:
            return False
        else:
            self.marked.append(key)
        self.touch()
        return True

    def page(self) -> int:
        """Rows that are seen at once."""
        return max(1, self.size.height - 1)

    def _choose(self) -> None:
        key = self.item.row.key if self.item else ""
        if key != self.key:
            self.key = key
            self.post_message(self.Chosen(key))
        self.touch()

    def rows(self, width: int, height: int) -> list[Row]:
        """The columns' names and the rows around the chosen one."""
        places = columns(width)
        if self.seen is None:
            return [Row(width).put(margin(width), "reading the journal", "dim")]
        if not self.seen.items:
            return [Row(width).put(margin(width), words, role) for words, role in _nothing(self.seen)]
        shown = max(1, height - 1)
        self._top = max(min(self._top, self._at), self._at - shown + 1, 0)
        head = _names(width, places, "found" if self.seen.found else "hypothesis")
        items = self.seen.items[self._top : self._top + shown]
        above = ["", *(asked(item) for item in items)]
        return [head, *(self._row(item, i + self._top, width, places, above[i]) for i, item in enumerate(items))]

    def _row(self, item: Item, index: int, width: int, places: dict[str, Column], above: str) -> Row:
        here = index == self._at
        quiet = item.row.smoke or item.state.state in ("retracted", "superseded")
        role = "dim" if quiet else "bright" if here else "text"
        bold = "bold" if here else ""
        row = Row(width, "select" if here else "")
        edge = margin(width)
        if here:
            row.put(edge - 1, "▸" if self.has_focus else "·", "bright")
        if item.row.key in self.marked:
            row.put(edge, str(self.marked.index(item.row.key) + 1), "bright", "bold")
        sign, sign_role = REVIEW.get(item.state.state, (" ", "dim"))
        row.put(edge + 1, sign, sign_role)
        when = str(item.get("when"))
        _put(row, places, "when", when[5:] if len(when) > 10 else when, "dim")
        _put(row, places, "run", plain(item.row.short, 6), role, bold)
        self._asked(row, places, item, role, bold, above)
        word = outcome(item)
        sign, sign_role = OUTCOME.get(word, ("✗", "bad"))
        _put(row, places, "verdict", sign, "dim" if quiet else sign_role)
        verdict = places["verdict"]
        row.put(verdict.start + 2, word, "dim" if quiet else "text", within=verdict.end - verdict.start - 2)
        if "track" in places:
            _track(row, places["track"], item, quiet)
        for name, metric in (("trait", "trait_rate"), ("tail ppl", "tail_ppl")):
            value = _value(item, f"healed.{metric}")
            _put(row, places, name, number(metric, value), "dim" if quiet or value is None else "text", bold)
        _put(row, places, "seeds", seeds(item), "dim" if quiet else "text")
        standing = item.state.state if item.state.state in ("retracted", "superseded") else level(item)
        _put(row, places, "level", standing, "text" if standing == "publishable" else "dim")
        return row

    def _asked(self, row: Row, places: dict[str, Column], item: Item, role: str, bold: str, above: str) -> None:
        """What it asked, the words that were searched for, or that the entry above asked the same."""
        place = self.seen.found.get(item.row.key) if self.seen else None
        column = places["hypothesis"]
        room = column.end - column.start
        if place is not None:
            _snippet(row, column.start, room, place)
            return
        lead = "claim " if item.row.kind == "claim" else "adopted " if item.row.kind == "adopted" else ""
        if "level" not in places and item.state.state in ("retracted", "superseded"):
            lead = f"{item.state.state} "
        row.put(column.start, lead, "dim", within=room)
        if not (lead or bold) and item.row.kind == "run" and asked(item) == above:
            told = again(item.get("seed"), plain(str(item.get("method") or ""), 30))
            row.put(column.start, told, "dim", within=room)
            return
        row.put(column.start + len(lead), asked(item), role, bold, within=room - len(lead))

    def on_focus(self) -> None:
        self.touch()

    def on_blur(self) -> None:
        self.touch()

    def on_click(self, event: events.Click) -> None:
        """The first click chooses a row, a second one opens its run."""
        index = self._top + event.y - 1
        if event.y < 1 or not self.seen or index >= len(self.seen.items):
            return
        if index == self._at and event.chain > 1 and self.item:
            self.post_message(self.Wanted(self.item.row.key))
        self.move(index - self._at)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self.move(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self.move(-3)


def margin(width: int) -> int:
    """Columns left free at each side of the list."""
    return 1 if width < 92 else 2


def _put(row: Row, places: dict[str, Column], name: str, words: str, role: str, style: str = "") -> None:
    column = places.get(name)
    if column is None:
        return
    if column.right:
        row.right(column.end, words, role, style)
    else:
        row.put(column.start, words, role, style, within=column.end - column.start)


def _names(width: int, places: dict[str, Column], words: str) -> Row:
    row = Row(width)
    for name, column in places.items():
        if name == "track":
            row.put(column.start, "trait  0–1", "dim")
        elif not (name == "trait" and "track" in places):
            _put(row, {name: column}, name, words if name == "hypothesis" else name, "dim")
    return row


def _snippet(row: Row, at: int, room: int, place: Place) -> None:
    """The words around what was searched for, with that in bold; begun late enough for it to be seen."""
    first = place.marks[0][0] if place.marks else 0
    skip = max(0, min(first - room // 4, len(place.snippet) - room))
    if skip:
        skip = place.snippet.find(" ", skip, first) + 1 or skip
    text = cut(place.snippet[skip:], room)
    row.end, position = at, 0
    for start, stop in ((max(a - skip, 0), b - skip) for a, b in place.marks if b > skip):
        row.put(row.end, text[position:start], "dim").put(row.end, text[start:stop], "bright", "bold")
        position = max(stop, position)
    row.put(row.end, text[position:], "dim")


def _track(row: Row, column: Column, item: Item, quiet: bool) -> None:
    """0 to 1 as a hairline with base, prompted and healed on it, and the way from base to healed in the trait's ink."""
    cells = column.end - column.start
    found = {s: _value(item, f"{s}.trait_rate") for s in ("base", "prompted", "healed")}
    at = {s: round(max(0.0, min(1.0, v)) * (cells - 1)) for s, v in found.items() if v is not None}
    ink = "past" if quiet else "accent-trait"
    if not at:
        return
    signs = [("─", "rule")] * cells
    if "base" in at and "healed" in at:
        low, high = sorted((at["base"], at["healed"]))
        signs[low : high + 1] = [("─", ink)] * (high + 1 - low)
    drawn = {"prompted": ("◇", "text"), "base": ("◆", "dim" if quiet else "bright"), "healed": ("●", ink)}
    for subject, (sign, role) in drawn.items():
        if subject in at:
            signs[at[subject]] = (sign, role)
    start = 0
    for end in range(1, cells + 1):
        if end == cells or signs[end][1] != signs[start][1]:
            row.put(column.start + start, "".join(sign for sign, _ in signs[start:end]), signs[start][1])
            start = end


def _nothing(seen: Seen) -> list[tuple[str, str]]:
    if seen.trouble:
        return [(plain(seen.trouble, 300), "text")]
    if seen.count:
        return [
            (f"None of {seen.count:,} entries is so.", "text"),
            ("", "dim"),
            ("/ changes what is asked for.", "dim"),
        ]
    return [
        ("No entries yet.", "text"),
        ("", "dim"),
        ("Every run writes its entry here when it starts, before anyone looks at its numbers, and closes it", "dim"),
        ("when it ends. The shortest one is: cockpit fast-dev-run", "dim"),
    ]


def _value(item: Item, name: str) -> float | None:
    value = item.get(name)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
