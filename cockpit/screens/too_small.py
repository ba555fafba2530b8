"""What a terminal shows that is too small for any screen: how large it is, and how large it has to be."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

from cockpit.widgets.line import LABEL, VALUE, line

WIDTH, HEIGHT = 80, 24
"""The smallest terminal, in cells."""


class Sentence(Widget):
    """The sentence, in the middle."""

    def render(self) -> Content:
        """As much of it as is needed."""
        width, height = self.app.size
        return Content("\n").join(
            [
                line((f"The cockpit needs {WIDTH} x {HEIGHT};", VALUE)),
                line((f"this terminal is {width} x {height}.", VALUE)),
                line(("Runs go on. q leaves.", LABEL)),
            ]
        )

    def on_resize(self) -> None:
        self.refresh()


class TooSmall(Screen[None]):
    """Comes and goes with the terminal's size."""

    CSS_PATH = "too_small.tcss"
    room = "too small"

    def compose(self) -> ComposeResult:
        """The sentence."""
        yield Sentence()

    def on_resize(self) -> None:
        """The size is part of the sentence."""
        self.query_one(Sentence).refresh()
