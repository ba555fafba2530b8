"""Where each pane of the monitor lies, at any size from 80 x 24 up: what matters most stays, what does not fit goes as a whole.

The order of what stays: title, stage strip, KL with tau, fired, coherence, completions, alerts and machine, keys; then map, barrier,
prediction. More rows go to KL (8, then 12), then to completions. The grid is PALETTE.md's: one column, three, or four.
"""

from __future__ import annotations

from textual.geometry import Offset, Region, Size, Spacing
from textual.layout import ArrangeResult, Layout, WidgetPlacement
from textual.widget import Widget

WIDE, WIDEST = 100, 160
"""Columns from which there are three columns, and four."""
TALL = 40
"""Rows from which the wide form shows everything."""
GUTTER = 4
FIRED, PROBE = 2, 3
"""Rows of the fired bars, and of a coherence probe with the axis."""
MORE = ("mass", "valid_json", "prefill_nll")
"""Probes that have a place of their own where there is most room."""


def plan(width: int, height: int) -> dict[str, Region]:
    """Pane -> region; the last row is the key bar's. Panes that are not named are not shown."""
    if width >= WIDEST and height >= TALL:
        return _widest(width, height)
    if width >= WIDE and height >= TALL:
        return _wide(width, height)
    return _stacked(width, height)


def _charts(found: dict[str, Region], x: int, y: int, width: int, rows: int, more: tuple[str, ...] = ()) -> int:
    """KL with its title, fired, further probes, and the probe with the axis, a row between; the row behind them."""
    found["kl"] = Region(x, y, width, rows + 1)
    y += rows + 2
    for name in ("fired", *more):
        found[name] = Region(x, y, width, FIRED)
        y += FIRED + 1
    found["probe"] = Region(x, y, width, PROBE)
    return y + PROBE


def _wide(width: int, height: int) -> dict[str, Region]:
    inner = width - 4
    a = (inner - 2 * GUTTER) * 34 // 108
    b = 2 + a + GUTTER
    c = b + a + GUTTER
    end = width - 2
    spare = height - TALL
    more = min(spare, 4)
    found = {"title": Region(0, 0, width, 1), "strip": Region(2, 2, inner, 5)}
    y = _charts(found, 2, 8, b + a - 2, 8 + more)
    found["map"] = Region(c, 8, end - c, y - 8)
    y += 1
    found["barrier"] = Region(2, y, a, 5)
    found["coherence"] = Region(b, y, a, 5)
    found["prediction"] = Region(c, y, end - c, 5)
    y += 6
    bottom = height - 3
    found["completions"] = Region(2, y, inner, bottom - 1 - y)
    found["machine"] = Region(2, bottom, b + a - 2, 1)
    found["alerts"] = Region(c, bottom, end - c, 1)
    return found


def _widest(width: int, height: int) -> dict[str, Region]:
    inner = width - 4
    column = (inner - 3 * GUTTER) // 4
    a, b, c, d = (2 + n * (column + GUTTER) for n in range(4))
    end = width - 2
    spare = height - TALL
    found = {"title": Region(0, 0, width, 1), "strip": Region(2, 2, c + column - 2, 5)}
    y = _charts(found, 2, 8, b + column - 2, 8 + min(spare, 4), MORE if spare >= 18 else ())
    found["map"] = Region(c, 8, column, y - 8)
    y += 1
    rows = 6 if spare >= 6 else 5
    found["barrier"] = Region(a, y, column, rows)
    found["coherence"] = Region(b, y, column, rows)
    found["prediction"] = Region(c, y, column, rows)
    y += rows + 1
    bottom = height - 3
    if bottom - 1 - y >= 6:
        found["rounds"] = Region(a, y, b + column - 2, bottom - 1 - y)
        found["log"] = Region(c, y, column, bottom - 1 - y)
    else:
        found["rounds"] = Region(a, y, c + column - 2, bottom - 1 - y)
    found["completions"] = Region(d, 2, end - d, bottom - 3)
    found["machine"] = Region(2, bottom, b + column - 2, 1)
    found["alerts"] = Region(c, bottom, end - c, 1)
    return found


def _stacked(width: int, height: int) -> dict[str, Region]:
    """One column; beside KL the map where the screen is wide but not tall."""
    m = 1 if width < WIDE else 2
    inner = width - 2 * m
    spare = max(height - 24, 0)
    more = min(spare, 4)
    spare -= more
    probe = PROBE + 1 if spare >= PROBE + 1 else 0
    spare -= probe
    table = 4 if spare >= 4 else 0
    spare -= table
    found = {"title": Region(0, 0, width, 1), "strip": Region(m, 1, inner, 2)}
    kl = inner if width < WIDE else (inner - GUTTER) * 72 // 112
    y = 4
    found["kl"] = Region(m, y, kl, 9 + more)
    y += 9 + more
    found["fired"] = Region(m, y, kl, 2)
    y += 2
    if probe:
        found["probe"] = Region(m, y, kl, PROBE)
        y += probe - 1
    if width >= WIDE:
        found["map"] = Region(m + kl + GUTTER, 4, inner - kl - GUTTER, y - 4)
    y += 1
    found["coherence"] = Region(m, y, kl if width >= WIDE and table else inner, 1 + table)
    if width >= WIDE and table:
        found["prediction"] = Region(m + kl + GUTTER, y, inner - kl - GUTTER, 1 + table)
    y += 2 + table
    if width < WIDE:
        for name, rows in (("prediction", 5), ("barrier", 5), ("map", 13)):
            if spare >= rows + 1:
                found[name] = Region(m, y, inner, rows)
                y += rows + 1
                spare -= rows + 1
    bottom = height - 2
    found["completions"] = Region(m, y, inner, bottom - 1 - y)
    half = inner // 2
    found["machine"] = Region(m, bottom, half - 2, 1)
    found["alerts"] = Region(m + half, bottom, inner - half, 1)
    return found


class _Placed(Layout):
    name = "board"

    def arrange(self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True) -> ArrangeResult:
        """Children by their id; one that has no place is not shown, and tab passes it by."""
        assert isinstance(parent, Board)
        regions = parent.regions(size)
        nothing = Spacing(0, 0, 0, 0)
        placed = [child for child in children if child.id in regions and regions[child.id].size.area]
        for child in children:
            child.can_focus = type(child).can_focus and child in placed
        return [WidgetPlacement(regions[child.id or ""], Offset(0, 0), nothing, child) for child in placed]


class Board(Widget):
    """Holds the panes; it is as high as the screen less the key bar."""

    DEFAULT_CSS = "Board { width: 1fr; height: 1fr; }"
    _placed = _Placed()
    _face = 0

    @property
    def layout(self) -> Layout:
        """The plan above."""
        return self._placed

    def regions(self, size: Size) -> dict[str, Region]:
        """Where each pane lies now, with the face that was turned up."""
        found = plan(size.width, size.height + 1)
        faces = _faces(found)
        face = faces[self._face % len(faces)]
        if face in found:
            return found
        place = found["map"] if "map" in found else found["kl"].union(found["fired"])
        hidden = ("map",) if "map" in found else ("kl", "fired", "probe")
        found = {name: region for name, region in found.items() if name not in hidden}
        return found | {face: place}

    def shows(self, name: str) -> bool:
        """Whether a pane has a place now."""
        return name in self.regions(self.size)

    def turn(self) -> None:
        """Turn up the next of the charts, the map and the rounds, where they share a place."""
        self._face += 1
        for child in self.children:
            child.refresh(layout=True)  # so that this container lays its children anew


def _faces(found: dict[str, Region]) -> tuple[str, ...]:
    """What can stand in one place, what is there at first before the others."""
    if "rounds" in found:
        return ("map",)
    return ("map", "rounds") if "map" in found else ("kl", "map", "rounds")
