"""The config of a run as it ran: every knob, and beside it the preset's and the comparator's value where they differ."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import BindingType

from cockpit.actions import bindings
from cockpit.live.feed import Update
from cockpit.screens.run_screen import RunScreen
from cockpit.widgets.key_bar import KeyBar
from cockpit.widgets.pane import Pane, Row
from engine.contract.errors import BadInput
from engine.contract.resolve import resolve
from engine.contract.rundir import RunDir
from engine.contract.runfile import load_runfile
from journal.text import MISSING, plain, short


class Knob(NamedTuple):
    """One knob: the run's value, the preset's and the comparator's; '' where there is none to compare with."""

    name: str
    value: str
    preset: str
    comparator: str

    @property
    def differs(self) -> bool:
        """Whether the preset or the comparator has another value."""
        return any(other not in ("", self.value) for other in (self.preset, self.comparator))


def knobs(update: Update) -> tuple[list[Knob], str, str]:
    """Every knob of a run, and the names of its preset and comparator ('' when it has none)."""
    run = update.facts.run
    if run is None:
        return [], "", ""
    ours = run.config.flat()
    preset: dict[str, Any] = {}
    if run.preset:
        try:
            preset = resolve(run.preset).flat()
        except BadInput:
            preset = {}
    asked = (update.facts.preflight.get("evidence") or {}).get("comparator") or "none"
    other: dict[str, Any] = {}
    if asked != "none":
        try:
            other = load_runfile(RunDir(update.folder.path.parent / str(asked)).config).config.flat()
        except BadInput:
            other = {}
    found = [
        Knob(name, _said(value), _said(preset.get(name)) if preset else "", _said(other.get(name)) if other else "")
        for name, value in ours.items()
    ]
    return found, run.preset if preset else "", str(asked) if other else ""


def _count(knobs_: int) -> str:
    return "1 knob differs" if knobs_ == 1 else f"{knobs_} knobs differ"


def _said(value: Any) -> str:
    if value is None:
        return MISSING
    if isinstance(value, list):
        return ", ".join(_said(item) for item in value)
    return plain(str(value), 60) or "''"


class ConfigPane(Pane):
    """Differences first, then every knob by section."""

    DEFAULT_CSS = "ConfigPane { width: 1fr; height: 1fr; }"
    update_shown: Update | None = None
    top = 0

    def show(self, update: Update) -> None:
        """Show a run's config."""
        self.update_shown = update
        self._all, self._preset, self._comparator = knobs(update)
        self.touch()

    def move_by(self, rows: int) -> None:
        """Scroll."""
        self.top = min(max(self.top + rows, 0), max(self._length - self.size.height + 3, 0))
        self.touch()

    _length = 0
    _all: list[Knob] = []  # noqa: RUF012  # replaced whole, never added to

    def rows(self, width: int, height: int) -> list[Row]:
        update = self.update_shown
        m = 1 if width < 100 else 2
        top = Row(width, "panel").put(m, "Config", "bright", "bold")
        if update is None:
            return [top]
        top.then(short(update.folder.id), "dim", gap=3)
        if update.facts.run is None:
            return [top, Row(width), Row(width).put(m, update.facts.problem or "this run has no config of ours", "dim")]
        if update.view.touched:
            top.then("touched while it ran", "dim", "italic", gap=3)
        columns = (m, m + 30, m + 30 + (width - 32) // 3, m + 30 + 2 * (width - 32) // 3)
        head = Row(width).put(columns[1], "this run", "dim")
        head.put(
            columns[2],
            f"preset {self._preset}" if self._preset else "no preset",
            "dim",
            within=columns[3] - columns[2] - 1,
        )
        head.put(columns[3], f"comparator {short(self._comparator)}" if self._comparator else "no comparator", "dim")
        changed = [knob for knob in self._all if knob.differs]
        body = [Row(width).put(m, _count(len(changed)) if changed else "as its preset ships", "bright", "bold")]
        body += [self._row(knob, width, columns, True) for knob in changed]
        section = ""
        for knob in self._all:
            name = knob.name.split(".")[0]
            if name != section:
                section = name
                body += [Row(width), Row(width).put(m, section, "bright", "bold")]
            body.append(self._row(knob, width, columns, knob.differs))
        self._length = len(body)
        start = min(self.top, max(len(body) - height + 3, 0))
        return [top, Row(width), head, *body[start:]]

    def _row(self, knob: Knob, width: int, columns: tuple[int, int, int, int], differs: bool) -> Row:
        row = Row(width).put(columns[0], knob.name, "text" if differs else "dim", within=29)
        room = columns[2] - columns[1] - 1
        row.put(columns[1], knob.value, "bright" if differs else "text", "bold" if differs else "", within=room)
        for column, value in ((columns[2], knob.preset), (columns[3], knob.comparator)):
            if differs and value:
                row.put(column, value, "text" if value != knob.value else "dim", within=room)
        return row


class ConfigScreen(RunScreen):
    """Read only: a run keeps the config it was sealed with."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("config")
    AUTO_FOCUS = ""
    room = "config"
    CSS = "ConfigScreen { background: $background; color: $text; overflow: hidden; }"

    def compose(self) -> ComposeResult:
        """The knobs and the keys."""
        yield ConfigPane()
        yield KeyBar()

    def take(self, update: Update) -> None:
        """The config does not change; what was touched may."""
        self.query_one(ConfigPane).show(update)

    def action_up(self) -> None:
        """One row up."""
        self.query_one(ConfigPane).move_by(-1)

    def action_down(self) -> None:
        """One row down."""
        self.query_one(ConfigPane).move_by(1)

    def action_page_up(self) -> None:
        """A page up."""
        self.query_one(ConfigPane).move_by(-(self.size.height - 6))

    def action_page_down(self) -> None:
        """A page down."""
        self.query_one(ConfigPane).move_by(self.size.height - 6)

    def on_mouse_scroll_up(self) -> None:
        """The wheel."""
        self.query_one(ConfigPane).move_by(-3)

    def on_mouse_scroll_down(self) -> None:
        """The wheel."""
        self.query_one(ConfigPane).move_by(3)
