"""Every key and every sign, read from the registry: first what can be done on the screen one came from."""

from __future__ import annotations

from pathlib import Path
from textwrap import wrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.screen import Screen
from textual.widget import Widget

from cockpit.actions import ACTIONS, EVERYWHERE, SCREENS, Action, bindings, there
from cockpit.widgets.key_bar import KeyBar
from cockpit.widgets.line import BRIGHT, LABEL, STRONG, VALUE, heading, line, stack
from cockpit.widgets.title_line import TitleLine

KEY, WORD = 14, 16
"""Least widths of the columns of keys and of words."""
SIGNS = (
    ("✓", "done, kept, met"), ("✗", "failed, dropped, blocks"), ("▸", "current, chosen"), ("·", "not yet"), ("!", "an alert"),
    ("‖", "paused"), ("●", "running; in a chart: the healed student"), ("○", "starting; in a difference: inside the noise"),
    ("◆", "base"), ("◇", "prompted base, the bar to beat"), ("▲", "steered, not yet in the weights"), ("•", "not yet reviewed"),
)  # fmt: skip


class HelpText(Widget):
    """The keys of one screen, of every screen, of the others, and the signs."""

    DEFAULT_CSS = "HelpText { height: auto; width: 1fr; }"

    def __init__(self, room: str) -> None:
        super().__init__()
        self._room = room

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many rows as the text has at this width."""
        return len(self.lines(width))

    def render(self) -> Content:
        """The whole text."""
        return stack(self.lines(self.size.width))

    def lines(self, width: int) -> list[Content]:
        """The text on lines of a width."""
        width = max(40, min(width, 116))
        lines: list[Content] = []
        for title, note, actions in groups(self._room):
            lines += [heading(title, note, width), *_rows(actions, width), Content("")]
        lines.append(heading("Signs", "each has a word as well", width))
        return lines + [line((f"  {sign}  ", BRIGHT), (words, VALUE)) for sign, words in SIGNS]


def groups(room: str) -> list[tuple[str, str, list[Action]]]:
    """Title, note and actions of each part: the room's own, those of every screen, then the other rooms'."""
    found = [(f"On this screen, {room}", "", _of(room))] if _of(room) else []
    if room == "monitor":
        found.append(("On a chart", "when it has the focus", _chart_keys()))
    found.append(("On every screen", "", _of(EVERYWHERE)))
    for other in SCREENS:
        if other != room and there(other) and _of(other):
            found.append((other.capitalize(), "", _of(other)))
    return found


def _chart_keys() -> list[Action]:
    """What a chart itself listens to, as it says so itself."""
    from cockpit.widgets.chart import KEYS

    return [Action(name, key, label, f"{told[:1].upper()}{told[1:]}.", "chart") for key, name, label, told in KEYS]


def _of(where: str) -> list[Action]:
    return [a for a in ACTIONS if a.where == where and (not a.opens or there(a.opens))]


def _rows(actions: list[Action], width: int) -> list[Content]:
    """Each action: its keys, its word, and what it does on as many lines as it takes."""
    keys = ["  ".join(a._replace(key=key).shown_key for key in a.key.split(",")) for a in actions]
    key = max(KEY, *(len(k) + 4 for k in keys))
    word = max(WORD, *(len(a.label) + 2 for a in actions))
    rows: list[Content] = []
    for shown, action in zip(keys, actions, strict=True):
        told = wrap(action.help, max(20, width - key - word)) or [""]
        rows.append(line((f"  {shown}".ljust(key), STRONG), (action.label.ljust(word), VALUE), (told[0], LABEL)))
        rows += [line(" " * (key + word), (more, LABEL)) for more in told[1:]]
    return rows


class Help(Screen[None]):
    """`room` is the screen one came from."""

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings("help")
    room = "help"

    def __init__(self, project: Path, room: str = "") -> None:
        super().__init__()
        self._from = room

    def compose(self) -> ComposeResult:
        """Title, text, keys."""
        yield TitleLine("Help", self._from)
        with VerticalScroll():
            yield HelpText(self._from)
        yield KeyBar()
