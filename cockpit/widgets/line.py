"""Lines of text in the house's type: headings with a hairline, a left and a right end, cuts at a word. Nothing here reads markup."""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len, set_cell_size
from textual.content import Content

LABEL, VALUE, BRIGHT, STRONG, RULE = "$dim", "$text", "$bright", "bold $bright", "$rule"
"""Styles by what they are for."""


def line(*parts: Content | str | tuple[str, str]) -> Content:
    """Parts in a row; a plain string is a value."""
    return Content.assemble(*((p, VALUE) if isinstance(p, str) else p for p in parts))


def cut(text: str, width: int) -> str:
    """The text in at most `width` cells; what does not fit ends in … at a word."""
    if cell_len(text) <= width:
        return text
    if width < 2:
        return "…"[:width]
    kept = set_cell_size(text, width - 1).rstrip()
    at_word = kept.rpartition(" ")[0]
    whole = text.startswith(kept + " ") or cell_len(at_word) < width // 2
    return (kept if whole else at_word).rstrip(" ,;:·") + "…"


def again(seed: object, method: str) -> str:
    """What stands in place of a question that the row above asks too: what else tells the two runs apart."""
    return ", ".join(["the same", *([] if seed in (None, "") else [f"seed {seed}"]), *([method] if method else [])])


def pad(text: str, width: int, *, right: bool = False) -> str:
    """The text cut and filled to exactly `width` cells."""
    text = cut(text, width)
    blank = " " * (width - cell_len(text))
    return blank + text if right else text + blank


def spread(left: Content, right: Content, width: int, *, rule: bool = False) -> Content:
    """Left and right at the two ends of a line, blank or a hairline between. The right end stays, the left is cut."""
    room = width - right.cell_length
    if room < 2:
        return right if right.cell_length <= width else right.truncate(width)
    if left.cell_length > room - 1:
        left = left.truncate(room - 1, ellipsis=True)
    gap = room - left.cell_length
    if rule and gap >= 3:
        tail = " " if right.cell_length else ""
        return Content.assemble(left, " ", ("─" * (gap - 1 - len(tail)), RULE), tail, right)
    return Content.assemble(left, " " * gap, right)


def heading(title: str, note: str, width: int, right: Content | None = None) -> Content:
    """A pane's title, what it is about, and a hairline to the pane's edge."""
    left = line((title, STRONG), (f"  {note}" if note else "", LABEL))
    return spread(left, right or Content(""), width, rule=True)


def stack(lines: Iterable[Content]) -> Content:
    """Lines below each other."""
    return Content("\n").join(lines)


def margin(width: int) -> int:
    """Columns left free at each side of a screen of this width."""
    return 1 if width < 100 else 2
