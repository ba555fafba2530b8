"""A hairline between two parts of a screen; brighter beside what has the focus."""

from __future__ import annotations

from cockpit.widgets.pane import Pane, Row


class Hairline(Pane):
    """One row, from margin to margin."""

    DEFAULT_CSS = "Hairline { height: 1; }"
    focused_part = False

    def brighten(self, focused: bool) -> None:
        """Whether what it borders has the focus."""
        self.focused_part = focused
        self.touch()

    def rows(self, width: int, height: int) -> list[Row]:
        """The line."""
        edge = 1 if width < 92 else 2
        return [Row(width).hairline(edge, width - edge, "axis" if self.focused_part else "rule")]
