"""The first line of the checklist's screen: the preset, what is changed from it, whether the draft is on disk, how much is answered."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from cockpit.widgets.line import LABEL, STRONG, VALUE, line, margin, spread
from journal.text import plain


class Standing(NamedTuple):
    """What it says; `answered` is None while nobody knows."""

    preset: str = ""
    changes: int = 0
    saved: datetime | None = None
    unsaved: str = ""
    answered: int | None = None


class DraftTitle(Widget):
    """Shows a Standing."""

    DEFAULT_CSS = (
        "DraftTitle { height: 1; width: 1fr; background: $panel; text-wrap: nowrap; text-overflow: ellipsis; }"
    )
    standing: reactive[Standing] = reactive(Standing())

    def render(self) -> Content:
        """The line."""
        said, edge = self.standing, margin(self.size.width)
        width = self.size.width - 2 * edge
        count = (
            f"{said.changes} {'change' if said.changes == 1 else 'changes'} from the preset"
            if said.changes
            else "as shipped"
        )
        if width < 90:
            count = count.removesuffix(" from the preset")
        left = line(("New run", STRONG))
        if said.preset:
            left = line(left, ("   preset ", LABEL), (plain(said.preset, 30), VALUE), (f"   {count}", LABEL))
        right = line()
        if said.unsaved:
            right = line(("draft not saved    ", "$bad"))
        elif said.saved:
            right = line((f"draft saved {said.saved:%H:%M}    ", LABEL))
        if said.answered is not None:
            right = line(right, (str(said.answered), STRONG), (" of 8 answered", LABEL))
        return Content.assemble(" " * edge, spread(left, right, width))
