"""The config as a form: a few letters find a setting, = or enter sets it, and what is wrong with a value is said beside it.

The preset and the axes stand first. Every other row is a field of the typed config, with its unit, its bounds and what the preset has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from cockpit.preflight.knob_text import as_text
from cockpit.widgets.config_knobs import Knob, knobs, matching
from cockpit.widgets.line import BRIGHT, LABEL, RULE, STRONG, VALUE, heading, line, pad, stack
from cockpit.widgets.wrapping import wrap
from journal.text import plain

PRESET = Knob("preset", "where the settings start from; what is set over it stays", "", "", (), "preset")
AXES = Knob("axes", "settings that may differ under this seal, between commas; the seed always may", "", "", (), "axes")
DETAIL = 4
"""Rows at the bottom for what the chosen setting means."""


class Shown(NamedTuple):
    """The config now, the preset's, and what may differ under the seal."""

    preset: str
    presets: Sequence[str]
    axes: Sequence[str]
    values: Mapping[str, Any]
    shipped: Mapping[str, Any]

    @property
    def changed(self) -> list[str]:
        """The settings that are not as the preset has them."""
        return [k.name for k in knobs() if self.values.get(k.name) != self.shipped.get(k.name)]

    def of(self, name: str) -> Any:
        """The value of a row."""
        return self.preset if name == "preset" else ", ".join(self.axes) if name == "axes" else self.values.get(name)


class Rows(Widget):
    """The settings around the chosen one, and below them what it means."""

    DEFAULT_CSS = "Rows { height: 1fr; width: 1fr; text-wrap: nowrap; text-overflow: clip; }"

    class Picked(Message):
        """A row was clicked."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self) -> None:
        super().__init__()
        self.shown: Shown | None = None
        self.found: list[Knob] = []
        self.at = self._top = 0

    @property
    def chosen(self) -> Knob | None:
        """The row of the cursor."""
        return self.found[self.at] if self.found else None

    def render(self) -> Content:
        """Rows, a blank one, and the meaning."""
        if self.shown is None:
            return Content("")
        width, height = self.size.width, max(1, self.size.height - DETAIL - 1)
        self._top = max(0, min(self._top, self.at, len(self.found) - height))
        self._top = max(self._top, self.at - height + 1)
        rows = [self._row(k, i == self.at, width) for i, k in enumerate(self.found)][self._top : self._top + height]
        if not self.found:
            rows = [line(("No setting has these letters. backspace takes them back.", LABEL))]
        rows += [Content("")] * (height - len(rows))
        return stack([*rows, Content(""), *self._detail(width)])

    def _row(self, knob: Knob, here: bool, width: int) -> Content:
        assert self.shown is not None
        value, before = self.shown.of(knob.name), self.shown.shipped.get(knob.name)
        special = knob in (PRESET, AXES)
        changed = not special and value != before
        name = min(26, max(16, width // 2 - 6))
        room = max(10, (width - name - 2) // 2)
        note = f"preset {as_text(before)}" if changed else "" if special else knob.unit
        shown = (as_text(value) or "none") if special else as_text(value) if value != "" else '""'
        wide = width - name - 2 if special else room
        made = line(
            ("▸ " if here else "  ", BRIGHT),
            (pad(knob.name, name - 1) + " ", BRIGHT if here else VALUE if changed else LABEL),
            (pad(shown, wide - 1) + " ", STRONG if changed or special else VALUE),
            ("" if special else pad(note, width - name - room - 2), LABEL),
        )
        return made.stylize("on $select") if here else made

    def _detail(self, width: int) -> list[Content]:
        knob = self.chosen
        if knob is None or self.shown is None:
            return []
        about = f"one of {', '.join(self.shown.presets)}" if knob is PRESET else knob.about()
        parts = [(part, VALUE) for part in wrap(plain(knob.description, 300), max(16, width))]
        parts += [(part, LABEL) for part in wrap(about, max(16, width))]
        return [line(part) for part in parts[:DETAIL]]

    def on_click(self, event: events.Click) -> None:
        """Choose a row."""
        if self._top + event.y < len(self.found) and event.y < self.size.height - DETAIL - 1:
            self.post_message(self.Picked(self._top + event.y))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self.post_message(self.Picked(min(len(self.found) - 1, self.at + 3)))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self.post_message(self.Picked(max(0, self.at - 3)))


class Line(Input):
    """Letters that find, or a value that is set."""

    class Pressed(Message):
        """A key that is not part of what is typed."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    finding = True

    async def _on_key(self, event: events.Key) -> None:
        own = (
            "up",
            "down",
            "pageup",
            "pagedown",
            "enter",
            "escape",
            "tab",
            *(("equals_sign", "space") if self.finding else ()),
        )
        if event.key in own:
            event.stop()
            event.prevent_default()
            self.post_message(self.Pressed(event.key))
        else:
            await super()._on_key(event)


class ConfigForm(Vertical):
    """`open` shows it; a value that was set, and that it was closed, are posted."""

    DEFAULT_CSS = """
    ConfigForm { background: $background; }
    ConfigForm Static { height: 1; width: 1fr; text-wrap: nowrap; text-overflow: clip; }
    ConfigForm Horizontal { height: 1; }
    ConfigForm #wrong { height: auto; }
    ConfigForm #name { width: auto; color: $bright; }
    ConfigForm Input { width: 1fr; height: 1; border: none; padding: 0; background: $select; color: $bright; }
    ConfigForm Input:focus { border: none; }
    """

    class Set(Message):
        """A setting was given a value; with `on` the form stays."""

        def __init__(self, knob: Knob, text: str, on: bool) -> None:
            super().__init__()
            self.knob, self.text, self.on = knob, text, on

    class Closed(Message):
        """The person is done."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._rows = Rows()
        self._finding = self._said = ""

    def compose(self) -> ComposeResult:
        """Title, what is typed, what is wrong with it, rows."""
        yield Static(id="head")
        with Horizontal():
            yield Static(id="name")
            yield Line(compact=True, select_on_focus=False)
        yield Static(id="wrong")
        yield self._rows

    def on_mount(self) -> None:
        self._say("")

    def on_resize(self) -> None:
        self._head()
        self._say(self._said)

    def show(self, shown: Shown) -> None:
        """Show this config."""
        self._rows.shown = shown
        self._find(keep=True)
        self._head()

    def open(self, knob: str = "", hint: str = "") -> None:
        """Take the keys; with a setting's name, its value is asked for at once."""
        typing = self.query_one(Line)
        typing.finding, typing.value = True, ""
        self._find()
        typing.focus()
        if knob:
            self._rows.at = next((i for i, k in enumerate(self._rows.found) if k.name == knob), 0)
            self._ask()
        self._say(hint)

    def refuse(self, why: str) -> None:
        """Say in place what is wrong with the value."""
        self._say(why, bad=True)

    def accept(self) -> None:
        """The value was taken: find the next setting."""
        typing = self.query_one(Line)
        typing.finding, typing.value = True, ""
        self._find()
        self._say("")

    def on_input_changed(self, message: Input.Changed) -> None:
        """Letters find; a value loses what was wrong with it."""
        message.stop()
        if self.query_one(Line).finding:
            self._find()
        self._say("")

    def on_line_pressed(self, message: Line.Pressed) -> None:
        """Move, set, or close."""
        message.stop()
        typing, rows = self.query_one(Line), self._rows
        if message.key in ("up", "down", "pageup", "pagedown"):
            by = {"up": -1, "down": 1, "pageup": -10, "pagedown": 10}[message.key]
            if typing.finding and rows.found:
                rows.at = max(0, min(len(rows.found) - 1, rows.at + by))
                rows.refresh()
        elif message.key == "escape":
            if typing.finding:
                self.post_message(self.Closed())
            else:
                self.accept()
        elif typing.finding:
            if rows.chosen is not None:
                self._ask()
        elif rows.chosen is not None:
            self.post_message(self.Set(rows.chosen, typing.value, message.key == "tab"))

    def on_rows_picked(self, message: Rows.Picked) -> None:
        """A click chooses, a second one asks for the value."""
        message.stop()
        if not self.query_one(Line).finding:
            return
        again, self._rows.at = message.index == self._rows.at, message.index
        self._rows.refresh()
        if again:
            self._ask()

    def _ask(self) -> None:
        """Ask for the value of the chosen setting; the old one is marked, so that typing replaces it."""
        knob, typing = self._rows.chosen, self.query_one(Line)
        if knob is None or self._rows.shown is None:
            return
        value = self._rows.shown.of(knob.name)
        typing.finding = False
        typing.value = plain(value, 4000) if isinstance(value, str) else as_text(value)
        typing.action_select_all()
        self._say("")

    def _find(self, *, keep: bool = False) -> None:
        rows, typing = self._rows, self.query_one(Line)
        if rows.shown is None:
            return
        letters = typing.value if typing.finding else self._finding
        self._finding = letters
        chosen = rows.chosen.name if keep and rows.chosen else ""
        first = [k for k in (PRESET, AXES) if k.name.startswith(letters.strip().lower())]
        rows.found = [*first, *matching(letters, rows.shown.changed)]
        rows.at = next((i for i, k in enumerate(rows.found) if k.name == chosen), 0)
        rows.refresh()

    def _say(self, text: str, *, bad: bool = False) -> None:
        self._said = text
        typing, knob = self.query_one(Line), self._rows.chosen
        name = "find  " if typing.finding or knob is None else f"{knob.name} = "
        self.query_one("#name", Static).update(line((name, LABEL if typing.finding else STRONG)))
        hint = (
            "letters find, = or enter sets, esc closes"
            if typing.finding
            else "enter sets, tab sets and goes on, esc leaves it"
        )
        style = "$bad" if bad else VALUE if text else LABEL
        parts = wrap(plain(text or hint, 300), max(20, self.size.width))[:3]
        self.query_one("#wrong", Static).update(stack(line((part, style)) for part in parts))

    def _head(self) -> None:
        shown = self._rows.shown
        if shown is None or not self.size.width:
            return
        count = len(shown.changed)
        note = (
            f"{shown.preset}, {count} {'change' if count == 1 else 'changes'}"
            if count
            else f"{shown.preset} as shipped"
        )
        self.query_one("#head", Static).update(heading("Config", plain(note, 60), self.size.width, line(("", RULE))))
