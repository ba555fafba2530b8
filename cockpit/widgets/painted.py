"""A widget that shows frames of cells: drawn off the paint, once for many changes, and repainting only the rows that differ."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region as Area
from textual.strip import Strip
from textual.widget import Widget

from cockpit.theme import colours_of
from cockpit.widgets.canvas import Frame


class Painted(Widget):
    """A widget that shows frames: each new frame repaints the rows that differ from the one before, and no others."""

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._frame: Frame | None = None
        self._due = False
        self._pens: dict[tuple[str, bool, str], Style] = {}
        self.painted_rows = 0
        """Rows repainted so far, for measurements."""

    def make_frame(self, width: int, height: int) -> Frame:
        """Draw for this size."""
        raise NotImplementedError

    def touch(self) -> None:
        """The data changed: draw again once, however often this is called before."""
        if not self._due and self.is_mounted:
            self._due = True
            self.call_next(self.redraw)

    def redraw(self) -> None:
        """Draw now, and repaint what changed."""
        self._due = False
        width, height = self.size
        if not (width and height and self.display):
            return
        frame = self.make_frame(width, height)
        rows = frame.changed(self._frame)
        self._frame = frame
        if rows:
            self.painted_rows += len(rows)
            self.refresh(*(Area(0, y, width, 1) for y in rows))

    def on_mount(self) -> None:
        """Follow the theme."""
        self.app.theme_changed_signal.subscribe(self, self._repaint)

    def _repaint(self, _: object) -> None:
        self._pens.clear()
        self.refresh()

    def notify_style_update(self) -> None:
        """The ground may have another colour now."""
        self._pens.clear()
        super().notify_style_update()

    def on_resize(self) -> None:
        """Draw for the new size."""
        self.redraw()

    def on_show(self) -> None:
        """Draw what arrived while hidden."""
        self.touch()

    def render_line(self, y: int) -> Strip:
        """Row y of the frame."""
        if self._frame is None or y >= len(self._frame.glyphs):
            return Strip.blank(self.size.width)
        segments = [Segment(text, self._pen(ink, bold, ground)) for text, ink, bold, ground in self._frame.runs(y)]
        return Strip(segments, self._frame.glyphs.shape[1])

    def _pen(self, ink: str, bold: bool, ground: str) -> Style:
        pen = self._pens.get((ink, bold, ground))
        if pen is None:
            colours = colours_of(self.app)
            behind = self.background_colors[1].rich_color.name if ground == "background" else colours[ground]
            pen = self._pens[ink, bold, ground] = Style(color=colours[ink], bgcolor=behind, bold=bold)
        return pen
