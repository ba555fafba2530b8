"""Prose in lines, by the cells that a terminal gives it: wide letters count two, and a word that is too long for a line is cut."""

from __future__ import annotations

from rich.cells import cell_len, chop_cells


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most `width` cells (at least 2); none for a blank text. Words are parted at blanks only."""
    width = max(2, width)
    lines: list[str] = []
    for word in text.split():
        if lines and cell_len(lines[-1]) + 1 + cell_len(word) <= width:
            lines[-1] += f" {word}"
        elif cell_len(word) <= width:
            lines.append(word)
        else:
            lines += [part for part in chop_cells(word, width) if part]
    return lines
