"""The chart as a widget: shows its model, takes keys and mouse, and tells where the person looks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive

from cockpit.theme import ascii_only
from cockpit.widgets.canvas import Frame
from cockpit.widgets.draw import Drawing, draw, regions_of
from cockpit.widgets.look import Look
from cockpit.widgets.model import Model
from cockpit.widgets.painted import Painted
from cockpit.widgets.series import Floats

KEYS: tuple[tuple[str, str, str, str], ...] = (
    ("left", "cursor(-1)", "earlier", "move the cursor of the charts one place back"),
    ("right", "cursor(1)", "later", "move the cursor of the charts one place on"),
    ("shift+left", "pan(-1)", "pan back", "show the part before, at the same zoom"),
    ("shift+right", "pan(1)", "pan on", "show the part after, at the same zoom"),
    ("plus,equals_sign", "zoom(0.5)", "zoom in", "half as much of the axis, around the cursor"),
    ("minus", "zoom(2)", "zoom out", "twice as much of the axis"),
    ("0", "whole", "whole", "the whole axis, without a cursor"),
    ("x", "next_axis", "axis", "read along step, tokens or time"),
    ("y", "toggle_log", "log", "logarithmic or linear scale"),
    ("e", "toggle_smooth", "smooth", "running average over the raw values, or the raw values alone"),
)
"""(key, action, label, help) of a focused chart, for bindings, key bar and help alike."""


class Chart(Painted, can_focus=True):
    """Curves or bars over step, tokens or time. Feed the series of its model and call `touch`, or give a new model to `show`."""

    DEFAULT_CSS = "Chart { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [Binding(key, action, label, show=False) for key, action, label, _ in KEYS]

    cursor: reactive[float | None] = reactive(None, repaint=False)
    """The place that the person looks at, on the chart's axis; None for the newest."""
    view: reactive[tuple[float, float] | None] = reactive(None, repaint=False)
    """The part of the axis that is shown; None for all of it."""
    axis: reactive[str] = reactive("step", repaint=False)
    """step, tokens or time: one that all series have."""
    log_scale: reactive[bool] = reactive(False, repaint=False)
    smoothed: reactive[bool] = reactive(False, repaint=False)

    class CursorMoved(Message):
        """The person looks at another place."""

        def __init__(self, chart: Chart, x: float | None, axis: str) -> None:
            super().__init__()
            self.chart, self.x, self.axis = chart, x, axis

        @property
        def control(self) -> Chart:
            """The chart that was moved in."""
            return self.chart

    class ViewMoved(Message):
        """The person zoomed, panned or chose another axis."""

        def __init__(self, chart: Chart, view: tuple[float, float] | None, axis: str) -> None:
            super().__init__()
            self.chart, self.view, self.axis = chart, view, axis

        @property
        def control(self) -> Chart:
            """The chart that was moved in."""
            return self.chart

    def __init__(
        self,
        model: Model | None = None,
        *,
        axes: Sequence[str] = ("step",),
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.model = model or Model()
        self.axes = tuple(axes)
        self._drawing: Drawing | None = None
        self._drag: tuple[int, tuple[float, float], bool] | None = None

    def show(self, model: Model) -> None:
        """Show another model."""
        self.model = model
        self.touch()

    def make_frame(self, width: int, height: int) -> Frame:
        """The model as the person looks at it."""
        look = Look(self.axis, self.view, self.log_scale, self.smoothed, self.cursor, self.has_focus, ascii_only())
        self._drawing = draw(self.model, width, height, look)
        return self._drawing.frame

    def watch_cursor(self) -> None:
        self.touch()

    def watch_view(self) -> None:
        self.touch()

    def watch_axis(self) -> None:
        self.touch()

    def watch_log_scale(self) -> None:
        self.touch()

    def watch_smoothed(self) -> None:
        self.touch()

    def on_focus(self) -> None:
        self.touch()

    def on_blur(self) -> None:
        self.touch()

    def link(self, *, cursor: float | None, view: tuple[float, float] | None, axis: str) -> None:
        """Look where another chart looks, without telling anybody; nothing happens on an axis that this chart has not."""
        if axis in self.axes:
            self.axis, self.view, self.cursor = axis, view, cursor

    # what the person does

    def look_at(self, x: float | None) -> None:
        """Put the cursor on the measured place nearest to x, and tell."""
        if x is not None:
            x = self._measured(x)
        if x != self.cursor:
            self.cursor = x
            self.post_message(self.CursorMoved(self, x, self.axis))

    def action_cursor(self, by: int) -> None:
        """One column on or back; at least one measured place."""
        if self._drawing is None or not self._drawing.axis.stretches:
            return
        places = self._places()
        if not len(places):
            return
        axis = self._drawing.axis
        column = None if self.cursor is None else axis.column(self.cursor)
        if column is None:
            self.look_at(min(axis.stretches[-1].high, float(places[-1])))
            return
        cell = column // 2
        for target in range(cell + by, axis.cells if by > 0 else -1, by):
            x = axis.x_at(target)
            found = None if x is None else self._measured(x)
            if found is not None and self.cursor is not None and (found - self.cursor) * by > 0:
                self.look_at(found)
                return

    def action_pan(self, by: int) -> None:
        """Half a view on or back."""
        if self.view is not None:
            low, high = self.view
            self._move(low + by * (high - low) / 2, high + by * (high - low) / 2)

    def action_zoom(self, factor: float) -> None:
        """Around the cursor, or the middle of what is shown."""
        whole = self._whole()
        if whole is None:
            return
        low, high = self.view or whole
        self._zoom(factor, self.cursor if self.cursor is not None and low < self.cursor <= high else (low + high) / 2)

    def action_whole(self) -> None:
        """The whole axis, and no cursor."""
        self.look_at(None)
        self._tell_view(None)

    def action_next_axis(self) -> None:
        """The next of the chart's axes; cursor and zoom belong to the old one and go."""
        if len(self.axes) > 1:
            self.look_at(None)
            self.axis = self.axes[(self.axes.index(self.axis) + 1) % len(self.axes)]
            self.view = None
            self.post_message(self.ViewMoved(self, None, self.axis))

    def action_toggle_log(self) -> None:
        """Bars have no logarithm."""
        self.log_scale = not self.log_scale and self.model.kind == "line"

    def action_toggle_smooth(self) -> None:
        """Smoothed over raw, or raw alone."""
        self.smoothed = not self.smoothed

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Drag pans; otherwise the cursor follows."""
        if self._drag is not None and self._drawing is not None:
            start, (low, high), _ = self._drag
            cells = max(self._drawing.axis.cells, 1)
            by = (start - event.x) / cells * (high - low)
            self._drag = (start, (low, high), True)
            if self.view is not None:
                self._move(low + by, high + by)
        elif (x := self._x_under(event.x)) is not None:
            self.look_at(x)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """A drag may begin."""
        whole = self._whole()
        if whole is not None:
            self._drag = (event.x, self.view or whole, False)
            self.capture_mouse()

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """A press without a drag puts the cursor."""
        dragged = self._drag is not None and self._drag[2] and self.view is not None
        self._drag = None
        self.release_mouse()
        if not dragged and (x := self._x_under(event.x)) is not None:
            self.look_at(x)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Zoom in around the pointer; with shift, pan."""
        self._wheel(event, 0.8, -1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Zoom out around the pointer; with shift, pan."""
        self._wheel(event, 1.25, 1)

    def _wheel(self, event: events.MouseEvent, factor: float, by: int) -> None:
        event.stop()
        if event.shift:
            self.action_pan(by)
        elif (x := self._x_under(event.x)) is not None:
            self._zoom(factor, x)

    def _x_under(self, column: int) -> float | None:
        if self._drawing is None or not 0 <= column - self._drawing.left < self._drawing.axis.cells:
            return None
        return self._drawing.axis.x_at(column - self._drawing.left)

    def _measured(self, x: float) -> float | None:
        """The measured place nearest to x."""
        places = self._places()
        if not len(places):
            return None
        after = int(places.searchsorted(x))
        near = places[max(after - 1, 0) : after + 1]
        return float(near[int(np.abs(near - x).argmin())])

    def _places(self) -> Floats:
        """Where the first curve was measured."""
        return self.model.curves[0].series.x(self.axis) if self.model.curves else np.empty(0)

    def _whole(self) -> tuple[float, float] | None:
        regions = regions_of(self.model, self.axis)
        return (regions[0].start, regions[-1].end) if regions else None

    def _zoom(self, factor: float, around: float) -> None:
        whole = self._whole()
        if whole is None:
            return
        low, high = self.view or whole
        held = max((len(curve.series) for curve in self.model.curves), default=0)
        least = min((whole[1] - whole[0]) / max(held, 1) * 4, whole[1] - whole[0])
        span = max((high - low) * factor, least)
        if span >= whole[1] - whole[0]:
            self._tell_view(None)
            return
        share = (around - low) / (high - low)
        self._move(around - share * span, around + (1 - share) * span)

    def _move(self, low: float, high: float) -> None:
        """Show this part, pushed back inside the axis."""
        whole = self._whole()
        if whole is not None:
            by = max(whole[0] - low, 0.0) - max(high - whole[1], 0.0)
            self._tell_view((low + by, high + by))

    def _tell_view(self, view: tuple[float, float] | None) -> None:
        if view != self.view:
            self.view = view
            self.post_message(self.ViewMoved(self, view, self.axis))
