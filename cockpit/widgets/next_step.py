"""The one line that says what to do next, with the key that does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from cockpit.actions import ACTIONS, there
from cockpit.widgets.line import LABEL, STRONG, VALUE, cut, line, margin, spread
from journal.text import plain

if TYPE_CHECKING:
    from cockpit.live.glance import Step


class NextStep(Widget):
    """Shows a Step, or what is being done now."""

    DEFAULT_CSS = "NextStep { height: 3; width: 1fr; background: $panel; text-wrap: nowrap; text-overflow: ellipsis; }"
    step: reactive[Step | None] = reactive(None)
    doing: reactive[str] = reactive("")

    class Chosen(Message):
        """The step was clicked."""

    def render(self) -> Content:
        """The line, in the middle of three where there is room."""
        edge = margin(self.size.width)
        width = self.size.width - 2 * edge
        if self.doing:
            left, right = line(("Now    ", LABEL), (plain(self.doing), VALUE)), Content("")
        elif self.step is None:
            left, right = line(("Next   reading the project", LABEL)), Content("")
        else:
            right = self._how(width)
            room = width - right.cell_length - 9
            left = line(("Next   ", LABEL), (cut(plain(self.step.text), room), STRONG))
        shown = Content.assemble(" " * edge, spread(left, right, width))
        return shown if self.size.height < 3 else Content.assemble("\n", shown)

    def _how(self, width: int) -> Content:
        """The key; or the command, where the screen that it would open is not part of this cockpit."""
        assert self.step is not None
        action = next((a for a in ACTIONS if a.name == self.step.action and a.where == "home"), None)
        if action is not None and action.opens and not there(action.opens):
            return line((cut(self.step.command, width // 2), VALUE))
        if action is not None and action.name in ("fast_dev_run", "new_run"):
            return line((action.shown_key, STRONG), (f" {action.label}", LABEL))
        return line(("g", STRONG), (" go there", LABEL))

    def on_click(self, event: events.Click) -> None:
        self.post_message(self.Chosen())
