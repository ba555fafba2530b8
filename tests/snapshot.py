"""What a screen shows, as text that two people can compare: its lines, and below them which style each run of cells has.

    | Cockpit   steering-care                         |     the cells, as a terminal shows them
    a  #f7f4ec on #1b1d1f bold                            the styles that occur
    0  a7 b3 c13 b26                                      row 0: seven cells of style a, three of b, ...

What differs from day to day or from machine to machine is masked by a rule with a name: a whole pane, or words that look like a moment.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.style import Style
from textual.app import App

FOLDER = Path(__file__).parent / "snapshots"
MOMENT = re.compile(r"\b\d\d[-:]\d\d\b")
"""A clock or a date; home tells today's by its clock and others by their date."""
MASKED = "░"


def rendering(app: App[Any], panes: Iterable[str] = (), words: re.Pattern[str] | None = None) -> str:
    """The app's screen; cells of the masked `panes` (selectors) and `words` are drawn as ░ without a style."""
    cells = [list(_cells(strip, app)) for strip in app.screen._compositor.render_strips()]
    for selector in panes:
        for pane in app.screen.query(selector):
            for y in range(pane.region.y, pane.region.bottom):
                for x in range(pane.region.x, pane.region.right):
                    cells[y][x] = (MASKED, "masked")
    lines = ["".join(text for text, _ in row) for row in cells]
    if words is not None:
        lines = [words.sub(lambda found: MASKED * len(found[0]), line) for line in lines]
    runs = [[(style, len(list(run))) for style, run in groupby(row, key=lambda cell: cell[1])] for row in cells]
    styles = {style: _letters(n) for n, style in enumerate(dict.fromkeys(s for row in runs for s, _ in row))}
    told = [f"|{line}|" for line in lines]
    told += [f"{letters}  {style}" for style, letters in styles.items()]
    told += [f"{n}  {' '.join(f'{styles[s]}{count}' for s, count in row)}" for n, row in enumerate(runs)]
    return "\n".join(told) + "\n"


def difference(name: str, now: str) -> str:
    """How a rendering differs from the stored one, '' when it does not."""
    path = FOLDER / f"{name}.txt"
    before = path.read_text("utf-8") if path.exists() else ""
    if before == now:
        return ""
    lines = difflib.unified_diff(before.splitlines(), now.splitlines(), "stored", "now", lineterm="", n=0)
    return "\n".join([f"{name} is not what is stored; pytest --update-snapshots stores it anew", *list(lines)[:60]])


def store(name: str, now: str) -> None:
    """Keep a rendering as what is right."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.txt").write_text(now, "utf-8")


def _cells(strip: Any, app: App[Any]) -> Iterable[tuple[str, str]]:
    """One entry a cell; a wide sign has a second, empty one."""
    for line_filter in app.get_line_filters():
        strip = strip.apply_filter(line_filter, app.screen.background_colors[1])
    for segment in strip:
        style = _told(segment.style or Style())
        for sign in segment.text:
            yield from [(sign, style), ("", style)][: cell_len(sign)]


def _told(style: Style) -> str:
    colours = [c.triplet.hex if c and c.triplet else "default" for c in (style.color, style.bgcolor)]
    words = [word for word in ("bold", "dim", "italic", "underline", "reverse", "strike") if getattr(style, word)]
    return " ".join([f"{colours[0]} on {colours[1]}", *words])


def _letters(number: int) -> str:
    return chr(97 + number % 26) * (1 + number // 26)
