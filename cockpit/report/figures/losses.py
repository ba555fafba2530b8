"""The loss that a foreign script reported, by its own step."""

from __future__ import annotations

import numpy as np

from cockpit.live.view import Snapshot
from cockpit.report.figures.drawing import Drawing
from cockpit.report.figures.frame import Axis, Frame, span, tick, wants_log

MOST = 1500
"""Points of the curve; of more steps, every so many."""


def losses(view: Snapshot) -> Drawing | None:
    """The figure; None where no loss was reported."""
    step, loss = (np.asarray(view.script[name], dtype=float) for name in ("step", "loss"))
    held = np.flatnonzero(np.isfinite(loss))
    if len(held) < 2:
        return None
    held = held[:: -(-len(held) // MOST)]
    x, y = step[held].tolist(), loss[held].tolist()
    drawing = Drawing("losses", f"loss by step, {len(loss)} steps", 708, 260)
    frame = Frame(drawing, 52, 22, 616, 190, Axis(x[0], max(x[-1], x[0] + 1)), span(y, log=wants_log(y)))
    drawing.text(6, 12, "loss", "bright", size=12.5, bold=True)
    drawing.text(668, 252, "step ▸", "dim", "end", size=10.5)
    frame.grid(lambda v: f"{v:,.0f}", tick)
    drawing.line([frame.at(a, b) for a, b in zip(x, y, strict=True)], "text", 1.25)
    return drawing
