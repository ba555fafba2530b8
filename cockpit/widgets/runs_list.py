"""The runs of a project, live ones first: state, question, how far the trait moved, and how it left the tail."""

from __future__ import annotations

from datetime import datetime
from textwrap import wrap
from typing import TYPE_CHECKING

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from cockpit.widgets.line import BRIGHT, LABEL, RULE, STRONG, VALUE, again, heading, line, margin, pad, stack
from journal.text import duration, number

if TYPE_CHECKING:
    from cockpit.live.glance import Overview, RunRow

STATE, RUN, PRESET, SEED, TRACK, TRAIT, TAIL, TIME, WHEN = 11, 7, 16, 6, 15, 5, 10, 9, 7
"""Widths of the columns in cells; the question has what is left."""
GAP = 2
ALL, FAILED = "all", "failed"
EMPTY = (
    "No runs here yet.",
    "",
    "Press f: the whole loop runs once, at a small scale, on the embedded model. It steers, keeps what stayed coherent, distils "
    "it, heals, bakes and evaluates, in about a minute. It needs no GPU and no network, and it opens the gate for real runs.",
)
PROSE = 76
"""Columns that prose is at most wide."""


class RunsList(Widget, can_focus=True):
    """A heading, the columns' names and one row a run. The chosen run stays chosen as rows come and go around it."""

    DEFAULT_CSS = "RunsList { height: 1fr; text-wrap: nowrap; text-overflow: ellipsis; }"
    seen: reactive[Overview | None] = reactive(None)
    shown: reactive[str] = reactive(ALL)
    chosen: reactive[str] = reactive("")

    class RunOpened(Message):
        """A run was asked for."""

        def __init__(self, run: str) -> None:
            super().__init__()
            self.run = run

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._top = 0

    @property
    def rows(self) -> list[RunRow]:
        """The rows that the filter lets through."""
        runs = self.seen.runs if self.seen else ()
        if self.shown == ALL:
            return list(runs)
        return [r for r in runs if (r.failed if self.shown == FAILED else r.trait_name == self.shown)]

    def filters(self) -> list[str]:
        """What can be filtered by: the traits of these runs, and failed ones when there are any."""
        runs = self.seen.runs if self.seen else ()
        traits = sorted({r.trait_name for r in runs if r.trait_name})
        return [ALL, *traits, *([FAILED] if any(r.failed for r in runs) else [])]

    def next_filter(self) -> None:
        """Filter by the next of them."""
        names = self.filters()
        at = names.index(self.shown) if self.shown in names else -1
        self.shown = names[(at + 1) % len(names)]

    def watch_seen(self) -> None:
        if self.shown not in self.filters():
            self.shown = ALL
        if not any(r.id == self.chosen for r in self.rows):
            self.chosen = self.rows[0].id if self.rows else ""

    def watch_shown(self) -> None:
        self.watch_seen()

    def move(self, by: int) -> None:
        """Choose another row; stops at both ends."""
        rows = self.rows
        if rows:
            self.chosen = rows[max(0, min(len(rows) - 1, self._index(rows) + by))].id

    def page(self) -> int:
        """Rows that are seen at once."""
        return max(1, self.size.height - 2)

    def open(self) -> None:
        """Ask for the chosen run."""
        if self.chosen:
            self.post_message(self.RunOpened(self.chosen))

    def _index(self, rows: list[RunRow]) -> int:
        return next((i for i, r in enumerate(rows) if r.id == self.chosen), 0)

    def render(self) -> Content:
        """Heading, names and the rows around the chosen one."""
        edge = margin(self.size.width)
        width = self.size.width - 2 * edge
        rows = self.rows
        head = Content.assemble(" " * edge, heading("Runs", self._note(), width, self._filters()))
        if self.seen is None:
            return head
        if not self.seen.runs:
            about = [self.seen.trouble] if self.seen.trouble else EMPTY
            wrapped = [part for text in about for part in wrap(text, min(width, PROSE)) or [""]]
            return stack([head, *(line(" " * edge, (text, VALUE)) for text in wrapped)])
        columns = _columns(width, rows)
        height = self.page()
        at = self._index(rows)
        self._top = max(0, min(self._top, at, len(rows) - 1))
        self._top = max(self._top, at - height + 1)
        lines = [head, Content.assemble(" " * edge, _names(columns))]
        above = ""
        for row in rows[self._top : self._top + height]:
            lines.append(self._row(row, columns, edge, above))
            above = "" if row.smoke else row.question
        if not rows:
            lines.append(line(" " * edge, (f"No run is {self.shown}. / shows others.", LABEL)))
        return stack(lines)

    def _note(self) -> str:
        if not self.seen or not self.seen.runs:
            return ""
        return f"{len(self.seen.runs)} in this project"

    def _filters(self) -> Content:
        names = self.filters() if self.seen and self.seen.runs else []
        if len(names) < 3:
            return Content("")
        return Content("  ").join(line((n, "bold underline $bright" if n == self.shown else LABEL)) for n in names)

    def _row(self, row: RunRow, columns: dict[str, int], edge: int, above: str) -> Content:
        """A run; `above` is the question of the row above it."""
        here = row.id == self.chosen
        mark = "▸" if here and self.has_focus else "·" if here else " "
        parts: list[Content | str | tuple[str, str]] = [(mark + " " * (edge - 1), BRIGHT)]
        for name, width in columns.items():
            repeats = name == "question" and row.question == above and bool(above) and not (row.smoke or here)
            parts += [(pad(again(row.seed, row.method), width), LABEL)] if repeats else _cell(name, row, width, here)
        shown = line(*parts, " " * edge)
        return shown.stylize("on $select") if here else shown

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """A click chooses a row, a double click opens it."""
        index = self._top + event.y - 2
        rows = self.rows
        if event.y < 2 or index >= len(rows):
            return
        if rows[index].id == self.chosen and event.chain > 1:
            self.open()
        self.chosen = rows[index].id

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self.move(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self.move(-3)


def _columns(width: int, rows: list[RunRow]) -> dict[str, int]:
    """Name and width of the columns that fit; a column goes as a whole, the question keeps at least 20 cells."""
    preset = min(PRESET, 2 + max((len(r.preset) for r in rows), default=0))
    found = {
        "state": STATE,
        "run": RUN,
        "preset": max(8, preset),
        "seed": SEED,
        "question": 0,
        "track": TRACK,
        "trait": TRAIT,
        "tail": TAIL,
    }
    found |= {"time": TIME, "when": WHEN}
    for name, least in (("seed", 40), ("when", 32), ("track", 32), ("preset", 32), ("time", 32), ("tail", 32)):
        room = width - sum(found.values())
        if room >= least + GAP:
            continue
        del found[name]
    found["question"] = max(8, width - sum(found.values()))
    return found


def _names(columns: dict[str, int]) -> Content:
    shown = {"track": "trait  0–1", "trait": "" if "track" in columns else "trait", "tail": "tail ppl"}
    right = ("trait", "tail", "time", "when")
    return line(*((pad(shown.get(name, name), width, right=name in right), LABEL) for name, width in columns.items()))


def _cell(name: str, row: RunRow, width: int, here: bool) -> list[tuple[str, str]]:
    strong = STRONG if here else VALUE
    match name:
        case "state":
            return _state(row, width)
        case "run":
            return [(pad(row.short, width), strong)]
        case "preset":
            return [(pad(row.preset, width - 1) + " ", LABEL)]
        case "seed":
            return [(pad("" if row.seed is None else str(row.seed), width - GAP, right=True) + " " * GAP, LABEL)]
        case "question":
            quiet = row.status == "stopped" or row.place
            style = "italic $dim" if row.smoke else LABEL if quiet else BRIGHT if here else VALUE
            text = f"smoke · {row.preset}" if row.smoke else row.question
            return [(pad(text, width - GAP) + " " * GAP, style)]
        case "track":
            return _track(row, width)
        case "trait":
            return [(pad(number("trait_rate", row.trait), width, right=True), VALUE)]
        case "tail":
            return [(pad(number("tail_ppl", row.tail_ppl), width, right=True), VALUE)]
        case "time":
            return [(pad("–" if row.seconds is None else duration(row.seconds), width, right=True), LABEL)]
        case _:
            return [(pad(_when(row.began), width, right=True), LABEL)]


def _state(row: RunRow, width: int) -> list[tuple[str, str]]:
    if not row.status:
        sign = {"paused": ("‖", VALUE), "starting": ("○", LABEL), "queued": ("○", LABEL)}.get(row.state, ("●", "$ok"))
    elif row.failed:
        sign = ("✗", "$bad")
    else:
        sign = ("✓", "$ok") if row.status == "success" else ("·", LABEL)
    words = f"{row.state} {row.place}" if row.place else row.state
    return [sign, (" " + pad(words, width - 2), BRIGHT if row.live else LABEL)]


def _track(row: RunRow, width: int) -> list[tuple[str, str]]:
    """0 to 1 as a hairline with base, prompted and healed on it, and the way from base to healed in the trait's ink."""
    cells = width - 2
    signs = [("─", RULE)] * cells

    def place(value: float) -> int:
        return round(max(0.0, min(1.0, value)) * (cells - 1))

    if row.base is not None and row.trait is not None:
        low, high = sorted((place(row.base), place(row.trait)))
        for i in range(low, high + 1):
            signs[i] = ("─", "$accent-trait")
    for value, sign, style in ((row.prompted, "◇", VALUE), (row.base, "◆", BRIGHT), (row.trait, "●", "$accent-trait")):
        if value is not None:
            signs[place(value)] = (sign, style)
    return [*signs, ("  ", RULE)]


def _when(moment: datetime | None) -> str:
    """'10:13' of today, '06-04' of another day."""
    if moment is None:
        return "–"
    return f"{moment:%H:%M}" if moment.date() == datetime.now().date() else f"{moment:%m-%d}"
