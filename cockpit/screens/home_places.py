"""Where the panes of home lie on a terminal of a given size, by the grid of the palette."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Region
from textual.widget import Widget

from cockpit.widgets.line import BRIGHT, LABEL, VALUE, line, margin, spread

KEYS = 1
JOURNAL_WIDE, GUTTER = 46, 4
HEAD, CHARTS = 4, 8
"""Rows of a live run without charts, and what charts take besides."""


def places(width: int, height: int, *, live: bool) -> dict[str, Region]:
    """The region of every pane that is shown; those that find no room are absent."""
    if width < 110 or height < 30:
        return _small(width, height, live)
    edge = margin(width)
    wide = width >= 180
    main = width - edge - JOURNAL_WIDE - GUTTER if wide else width - edge  # where the main column ends
    found = {"title": Region(0, 0, width, 1), "next": Region(0, 2, width, 3)}
    top, bottom = 6, height - KEYS - 1
    found["legend"] = Region(edge, bottom - 1, main - edge, 1)
    floor = 6 if height < 50 else 7
    bottom -= 2 + floor
    if wide:
        found["machine"] = Region(edge, bottom, main - edge, floor)
        found["journal"] = Region(main + GUTTER, top, JOURNAL_WIDE, height - KEYS - 1 - top)
    else:
        a = (width - 2 * edge - 2 * GUTTER) * 34 // 108
        found["machine"] = Region(edge, bottom, a, floor)
        found["journal"] = Region(edge + a + GUTTER, bottom, width - 2 * edge - a - GUTTER, floor)
    if live:
        charts = height >= 38
        rows = HEAD + (CHARTS if charts else 0) + (4 if height >= 50 else 0)
        found["live"] = Region(edge, top, main - edge, rows)
        top += rows + 1
    found["runs"] = Region(0, top, main + edge, bottom - 1 - top)
    return found


def _small(width: int, height: int, live: bool) -> dict[str, Region]:
    """Stacked by priority: next, live, runs, journal, machine."""
    edge = margin(width)
    inner = width - 2 * edge
    found = {"title": Region(0, 0, width, 1), "next": Region(0, 1, width, 1)}
    bottom = height - KEYS - 1
    found["machine"] = Region(edge, bottom, inner, 1)
    rows = 4 if height < 28 else 6
    bottom -= rows
    found["journal"] = Region(edge, bottom, inner, rows)
    top = 3
    if live:
        found["live"] = Region(edge, top, inner, 3)
        top += 4
    found["runs"] = Region(0, top, width, bottom - 1 - top)
    return found


class Legend(Widget):
    """What the signs of home mean."""

    DEFAULT_CSS = "Legend { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }"

    def render(self) -> Content:
        """One line."""
        left = line(("◆", BRIGHT), (" base   ", LABEL), ("◇", VALUE), (" prompted   ", LABEL))
        left = Content.assemble(left, ("●", "$accent-trait"), (" healed", LABEL))
        return spread(left, line(("•", BRIGHT), (" not yet reviewed", LABEL)), self.size.width)
