"""Where the panes of the checklist's screen lie on a terminal of a given size, by the grid of the palette."""

from __future__ import annotations

from textual.geometry import Region

from cockpit.widgets.line import margin

WIDE, TALL, WIDEST = 100, 30, 180
GUTTER, BAR = 4, 1
"""Columns between two panes, and those of a scroll bar, which stands in the gutter or the margin."""
BAND = 8
"""Rows of estimate and launch, where there is room."""


def places(width: int, height: int, *, form: bool, evidence: bool) -> dict[str, Region]:
    """The region of every pane that is shown. `form` puts the config in place of the evidence; on a small screen it takes the checklist's
    place too, and so does the evidence when it was asked for."""
    edge = margin(width)
    inner = width - 2 * edge
    keys = height - 1
    found = {"title": Region(0, 0, width, 1)}
    if width < WIDE:
        return found | _stacked(edge, inner, keys, form=form, evidence=evidence)
    left = (inner - GUTTER) // 2 if width >= WIDEST else (inner - GUTTER) * 62 // 112
    right, top = edge + left + GUTTER, 2
    band = BAND if height >= TALL else 2
    body = keys - 1 - band - 1 - top if height >= TALL else keys - band - 1 - top
    found["checklist"] = Region(edge, top, left + BAR, body)
    found["form" if form else "evidence"] = Region(right, top, inner - left - GUTTER + (0 if form else BAR), body)
    below = top + body + 1
    if height >= TALL:
        found["estimate"] = Region(edge, below, left, band)
        found["launch"] = Region(right, below, inner - left - GUTTER, band)
    else:
        found["estimate"] = Region(edge, below, inner, 1)
        found["launch"] = Region(edge, below + 1, inner, 1)
    return found


def _stacked(edge: int, inner: int, keys: int, *, form: bool, evidence: bool) -> dict[str, Region]:
    top = 2 if keys >= 27 else 1
    body = keys - 2 - 1 - top
    found = {"estimate": Region(edge, keys - 2, inner, 1), "launch": Region(edge, keys - 1, inner, 1)}
    whole = Region(edge, top, inner, body)
    if form or evidence:
        return found | ({"form": whole} if form else {"evidence": whole.grow((0, BAR, 0, 0))})
    upper = body * 6 // 10
    found["checklist"] = Region(edge, top, inner + BAR, upper)
    found["evidence"] = Region(edge, top + upper + 1, inner + BAR, body - upper - 1)
    return found
