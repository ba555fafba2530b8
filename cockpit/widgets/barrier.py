"""What the barrier does: how much of it fires, how hard it pulls, and how far KL is from tau and from the base."""

from __future__ import annotations

from cockpit.live.signals import barrier
from cockpit.widgets.model import nats, percent
from cockpit.widgets.pane import Pane, Row, heading
from cockpit.widgets.scene import Scene
from journal.text import MISSING

UNIT = 21
"""The column of the units."""


class BarrierPane(Pane):
    """Five rows at the cursor, or at the newest step."""

    scene: Scene | None = None

    def show(self, scene: Scene) -> None:
        """Show this moment."""
        self.scene = scene
        self.touch()

    def rows(self, width: int, height: int) -> list[Row]:
        if self.scene is None:
            return [heading(width, "Barrier")]
        found = barrier(self.scene.view, self.scene.row)
        where = f"at step {found.step}" if found and self.scene.row is not None else ""
        rows = [heading(width, "Barrier", where)]
        if found is None:
            return [*rows, Row(width).put(0, "no heal step yet", "dim")]
        if found.tau is None:
            return [
                *rows,
                Row(width).put(0, "this run has no barrier", "dim"),
                _row(width, "KL to the base", found.kl_base, "nats"),
            ]
        first = f"first at {found.first}, streak {found.streak}" if found.first is not None else "never this round"
        fired = percent(found.fired) if found.fired is not None else MISSING
        row = (
            Row(width)
            .put(0, "fired", "dim")
            .right(UNIT - 1, fired, "accent-barrier" if found.fired else "text", "bold")
        )
        rows.append(row.put(UNIT, "of samples", "dim"))
        rows.append(_row(width, "pressure", found.pressure, "g_bar / g_nll"))
        over = "" if found.slack is None else "under τ" if found.slack > 0 else "over τ"
        rows.append(_row(width, "slack", found.slack, f"nats, {over}", signed=True))
        rows.append(_row(width, "KL to the base", found.kl_base, "nats"))
        if height > 5:
            rows.append(Row(width).put(0, first, "dim"))
        elif width - UNIT >= len(first):
            row.parts[-1] = row.parts[-1]._replace(words=first)
        return rows


def _row(width: int, name: str, value: float | None, unit: str, *, signed: bool = False) -> Row:
    text = MISSING if value is None else nats(value)
    if signed and value is not None and value > 0:
        text = f"+{text}"
    return Row(width).put(0, name, "dim").right(UNIT - 1, text).put(UNIT, unit, "dim")
