"""ASCII mode: what the screen is about to show, cell by cell in plain ASCII, for terminals and fonts that have nothing else.

Widgets write the signs of the palette; a filter over every line that is drawn puts each one's ASCII column in its place, so that no
widget can forget it. Letters lose their accents, and what has no ASCII form becomes a question mark of its own width.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

SIGNS = {
    "✓": "+", "✗": "x", "▸": ">", "·": ".", "‖": "=", "◆": "#", "◇": "o", "▲": "^", "●": "@", "○": "0", "•": "*",
    "▎": "|", "▴": "^", "▾": "v", "–": "-", "—": "-", "−": "-", "…": "~", "τ": "t", "λ": "l", "κ": "k", "θ": "T", "±": "~",
    "≤": "<", "≥": ">", "×": "x", "─": "-", "━": "=", "╌": "-", "│": "|", "┃": "|", "┄": "-", "┊": ":", "▁": "_",
    "▂": "_", "▃": "-", "▄": "-", "▅": "=", "▆": "=", "▇": "#", "█": "#", "▏": "|", "▕": "|", "▔": "-", "▀": "-",
    "▌": "|", "▐": "|", "░": ".", "▒": ":", "▓": "#", "←": "<", "→": ">", "↑": "^", "↓": "v", "“": '"', "”": '"',
    "‘": "'", "’": "'", "²": "2", "³": "3", "µ": "u", "\u00a0": " ", "╺": "-", "╸": "-", "┌": "+", "┐": "+", "└": "+",
    "┘": "+", "├": "+", "┤": "+", "┬": "+", "┴": "+", "┼": "+",
}  # fmt: skip
"""The ASCII form of each sign; one cell for one cell."""


@lru_cache(4096)
def ascii_text(text: str) -> str:
    """The same text in ASCII, exactly as many cells wide."""
    if text.isascii():
        return text
    return "".join(_ascii(c) for c in text)


@lru_cache(4096)
def _ascii(c: str) -> str:
    if c.isascii():
        return c
    if c in SIGNS:
        return SIGNS[c]
    if "\u2800" <= c <= "\u28ff":
        return " " if c == "\u2800" else "*" if (ord(c) - 0x2800).bit_count() > 2 else "."
    width = cell_len(c)
    letter = unicodedata.normalize("NFKD", c)[:1]
    return letter if letter.isascii() and width == 1 else "?" * width


class AsciiFilter(LineFilter):
    """Draws every line in ASCII."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same segments, their text in ASCII; what steers the terminal is left alone."""
        return [s if s.control else Segment(ascii_text(s.text), s.style, None) for s in segments]
