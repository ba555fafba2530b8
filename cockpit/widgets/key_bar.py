"""The last line of a screen: what can be done here and by which key, read from the registry, as much as fits."""

from __future__ import annotations

from typing import NamedTuple

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.widget import Widget

from cockpit.actions import EVERYWHERE, Action, offered
from cockpit.widgets.line import LABEL, STRONG, margin

GAP = 2
RIGHT = ("help", "palette")
"""Actions that stand at the right end on every screen."""


class Spot(NamedTuple):
    """Where an action stands: cells [start, end) of the line."""

    action: Action
    start: int
    end: int


class KeyBar(Widget):
    """A click on a word does what its key does."""

    DEFAULT_CSS = "KeyBar { height: 1; width: 1fr; dock: bottom; background: $panel; text-wrap: nowrap; text-overflow: ellipsis; }"

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self.refresh())

    def spots(self) -> list[Spot]:
        """What is shown, from left to right."""
        edge = margin(self.size.width)
        actions = [a for a in offered(self.screen) if a.rank and self._active(a)]
        return place(actions, edge, self.size.width - edge)

    def render(self) -> Content:
        """The line."""
        parts: list[str | tuple[str, str]] = []
        at = 0
        for action, start, end in self.spots():
            parts += [" " * (start - at), (action.shown_key, STRONG), " ", (action.label, LABEL)]
            at = end
        return Content.assemble(*parts)

    def on_click(self, event: events.Click) -> None:
        """Do what was clicked."""
        chosen = next((s.action for s in self.spots() if s.start <= event.x < s.end), None)
        if chosen is not None:
            owner = "app" if chosen.where == EVERYWHERE else "screen"
            self.run_worker(self.run_action(f"{owner}.{chosen.name}"), exclusive=False)

    def _active(self, action: Action) -> bool:
        owner = self.app if action.where == EVERYWHERE else self.screen
        return bool(owner.check_action(action.name, ()))


def place(actions: list[Action], start: int, end: int) -> list[Spot]:
    """Actions on a line from cell `start` to `end`: help and palette at the right, the others from the left by rank while they fit."""
    right = [a for a in actions if a.name in RIGHT]
    left = sorted((a for a in actions if a.name not in RIGHT), key=lambda a: a.rank)
    room = end - start
    kept: list[Action] = []
    for action in [*right, *left]:
        need = _width(action) + (GAP if kept else 0)
        if need > room:
            break
        room -= need
        kept.append(action)
    spots, at = [], start
    for action in (a for a in left if a in kept):
        spots.append(Spot(action, at, at + _width(action)))
        at += _width(action) + GAP
    at = end
    for action in reversed([a for a in right if a in kept]):
        spots.append(Spot(action, at - _width(action), at))
        at -= _width(action) + GAP
    return sorted(spots, key=lambda s: s.start)


def _width(action: Action) -> int:
    return cell_len(action.shown_key) + 1 + cell_len(action.label)
