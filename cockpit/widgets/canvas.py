"""A grid of cells that charts draw on: braille dots (2 x 4 a cell) or ASCII, each cell with one ink, one ground and at most one sign.

Dots lie bottom up: dot row 0 is the lowest. Cell rows lie top down, as a terminal counts them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cockpit.theme import ROLES

INK = {role: number for number, role in enumerate(ROLES)}
"""The number by which a cell's ink is stored."""
GROUNDS = ("background", "wash-barrier", "select", "panel")
BOLD = 1 << 6
_GROUND_SHIFT = 8

# The bit of the dot (row from the top, column) in a braille pattern, from the Unicode standard, chapter 21.
_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], dtype=np.uint8)
_TOP, _BOTTOM = 0x01 | 0x08 | 0x02 | 0x10, 0x04 | 0x20 | 0x40 | 0x80
MARKS = ("", "+", "×", "□", "∗")
"""Signs that tell series apart where colour does not; the first is drawn plain."""
ASCII_MARKS = (".", "+", "x", "o", "*")
ASCII_SIGNS = str.maketrans("✓✗▸·‖◆◇▲●○•▴▾−–τκ≥≤×□∗┄─━│…λ±▁▂▃▄▅▆▇█", "+x>.=#o^@o*^v--tk><xo*---|.l~...:::##")
"""ASCII in the place of each sign, one for one."""


def pack(dots: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Dots (4 rows a cell, bottom up, x 2 columns a cell) as the bits of braille patterns (cell rows, top down)."""
    rows, columns = dots.shape
    cells = dots[::-1].reshape(rows // 4, 4, columns // 2, 2)
    bits: NDArray[np.uint8] = np.einsum("rycx,yx->rc", cells, _BITS, dtype=np.uint8, casting="unsafe")
    return bits


def braille(bits: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Code points of the patterns; a cell without dots is a space."""
    return np.where(bits == 0, 0x20, 0x2800 + bits.astype(np.uint32)).astype(np.uint32)


def ascii_dots(bits: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """The same cells in ASCII: ' for dots in the upper half alone, . for the lower, : for both."""
    upper, lower = (bits & _TOP) != 0, (bits & _BOTTOM) != 0
    glyphs = np.where(upper & lower, ord(":"), np.where(upper, ord("'"), np.where(lower, ord("."), ord(" "))))
    return glyphs.astype(np.uint32)


@dataclass(frozen=True)
class Frame:
    """A finished drawing: code points and styles of every cell (cell rows x cell columns)."""

    glyphs: NDArray[np.uint32]
    styles: NDArray[np.int16]

    def lines(self) -> list[str]:
        """The text of each row."""
        return [row.tobytes().decode("utf-32-le") for row in self.glyphs.astype("<u4")]

    def runs(self, y: int) -> list[tuple[str, str, bool, str]]:
        """Row y as stretches of one style: (text, ink, bold, ground)."""
        styles = self.styles[y]
        cuts = [0, *(np.flatnonzero(np.diff(styles)) + 1).tolist(), len(styles)]
        text = self.glyphs[y].astype("<u4").tobytes().decode("utf-32-le")
        found = []
        for start, stop in pairwise(cuts):
            style = int(styles[start])
            ink, ground = ROLES[style & (BOLD - 1)], GROUNDS[style >> _GROUND_SHIFT]
            found.append((text[start:stop], ink, bool(style & BOLD), ground))
        return found

    def changed(self, earlier: Frame | None) -> list[int]:
        """The rows that differ from an earlier drawing; all of them where its size differs."""
        if earlier is None or earlier.glyphs.shape != self.glyphs.shape:
            return list(range(len(self.glyphs)))
        same = (self.glyphs == earlier.glyphs).all(axis=1) & (self.styles == earlier.styles).all(axis=1)
        rows: list[int] = np.flatnonzero(~same).tolist()
        return rows


class Canvas:
    """The drawing under way. Data lies over decoration in a cell; text and signs lie over both."""

    def __init__(self, width: int, height: int, *, ascii_only: bool = False) -> None:
        self.width, self.height, self.ascii_only = max(width, 0), max(height, 0), ascii_only
        shape = (self.height, self.width)
        self._under = np.zeros(shape, dtype=np.uint8)
        self._data = np.zeros(shape, dtype=np.uint8)
        self._sign = np.zeros(shape, dtype=np.uint32)
        self._ink = np.full(shape, INK["text"], dtype=np.int16)
        self._ground = np.zeros(shape, dtype=np.int16)
        self._text = np.zeros(shape, dtype=np.uint32)

    def decorate(self, top: int, left: int, dots: NDArray[np.bool_], role: str, plain: str = "") -> None:
        """Dots that data replaces: gridlines, limits, the cursor. A later decoration replaces an earlier one in its cell.

        `plain` is the sign of its cells in ASCII, where dots alone would look like data; a space leaves it out.
        """
        bits = pack(dots)
        window = np.s_[top : top + bits.shape[0], left : left + bits.shape[1]]
        drawn = bits != 0
        self._under[window][drawn] = bits[drawn]
        self._sign[window][drawn] = ord(plain) if plain else 0
        self._ink[window][drawn & (self._data[window] == 0)] = INK[role]

    def plot(self, top: int, left: int, dots: NDArray[np.bool_], inks: NDArray[np.int16]) -> None:
        """Dots of data, with the ink of every cell. Dots of several series in one cell are all kept; the last one gives the ink."""
        bits = pack(dots)
        window = np.s_[top : top + bits.shape[0], left : left + bits.shape[1]]
        self._data[window] |= bits
        self._ink[window] = np.where(bits != 0, inks, self._ink[window])

    def wash(self, top: int, left: int, height: int, width: int, ground: str) -> None:
        """Give a rectangle of cells a ground."""
        self._ground[top : top + height, left : left + width] = GROUNDS.index(ground)

    def text(self, row: int, column: int, words: str, role: str, *, bold: bool = False) -> None:
        """Write in a row; what does not fit on the canvas is left out. Spaces are written too."""
        if not 0 <= row < self.height or column >= self.width:
            return
        if column < 0:
            words, column = words[-column:], 0
        if self.ascii_only:
            words = words.translate(ASCII_SIGNS)
        words = words[: self.width - column]
        window = np.s_[row, column : column + len(words)]
        self._text[window] = [ord(c) for c in words]
        self._ink[window] = INK[role] | (BOLD if bold else 0)

    def free(self, row: int, column: int, length: int) -> bool:
        """Whether these cells hold no data and no text yet."""
        if row < 0 or row >= self.height or column < 0 or column + length > self.width:
            return False
        window = np.s_[row, column : column + length]
        return not (self._data[window].any() or self._text[window].any())

    def lone(self, row: int, column: int, lows: NDArray[np.int64], highs: NDArray[np.int64]) -> bool:
        """Whether a cell holds exactly the dots from lows to highs (dot rows in the cell, of its two columns) and no text."""
        dots = (np.arange(4)[:, None] >= lows) & (np.arange(4)[:, None] <= highs)
        return not self._text[row, column] and int(self._data[row, column]) == int(pack(dots)[0, 0])

    def frame(self) -> Frame:
        """What was drawn."""
        bits = np.where(self._data != 0, self._data, self._under)
        if self.ascii_only:
            glyphs = np.where((self._data == 0) & (self._sign != 0), self._sign, ascii_dots(bits))
        else:
            glyphs = braille(bits)
        glyphs = np.where(self._text != 0, self._text, glyphs).astype(np.uint32)
        styles = (self._ink | (self._ground << _GROUND_SHIFT)).astype(np.int16)
        # A blank cell shows no ink: one style for all of them makes longer stretches and fewer changed rows.
        blank = glyphs == 0x20
        styles = np.where(blank, (styles >> _GROUND_SHIFT) << _GROUND_SHIFT | INK["text"], styles).astype(np.int16)
        return Frame(glyphs, styles)
