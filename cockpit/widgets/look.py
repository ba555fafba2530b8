"""How a person looks at a chart."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Look:
    """What the person chose: the axis, the part of it in view, log or linear, smoothed or not, the cursor, and where they look."""

    axis: str = "step"
    view: tuple[float, float] | None = None
    log: bool = False
    smooth: bool = False
    cursor: float | None = None
    focused: bool = False
    ascii_only: bool = False
