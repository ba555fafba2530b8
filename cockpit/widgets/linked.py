"""Charts that look at the same place: cursor, zoom and axis chosen in one are taken over by all others in the container."""

from __future__ import annotations

from textual.containers import Vertical

from cockpit.widgets.chart import Chart


class Linked(Vertical):
    """A column of charts on one shared axis. The messages go on upwards, so that a screen can follow the cursor too."""

    def on_chart_cursor_moved(self, message: Chart.CursorMoved) -> None:
        """Every other chart takes the cursor."""
        self._follow(message.chart)

    def on_chart_view_moved(self, message: Chart.ViewMoved) -> None:
        """Every other chart takes the zoom and the axis."""
        self._follow(message.chart)

    def _follow(self, moved: Chart) -> None:
        for chart in self.query(Chart):
            if chart is not moved:
                chart.link(cursor=moved.cursor, view=moved.view, axis=moved.axis)
