"""The canvas keeps every dot, in braille and in ASCII, and says which rows changed."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cockpit.widgets.canvas import ASCII_SIGNS, INK, Canvas, ascii_dots, braille, pack

dots = st.tuples(st.integers(1, 6), st.integers(1, 9)).flatmap(lambda s: arrays.arrays(bool, (4 * s[0], 2 * s[1])))


@given(dots)
def test_braille_shows_as_many_dots_as_were_set(held: np.ndarray) -> None:
    shown = braille(pack(held))
    patterns = np.where(shown == 0x20, 0, shown - 0x2800)
    assert sum(int(p).bit_count() for p in patterns.ravel()) == held.sum()


@given(dots)
def test_ascii_and_braille_have_dots_in_the_same_cells(held: np.ndarray) -> None:
    bits = pack(held)
    assert ((ascii_dots(bits) == 0x20) == (braille(bits) == 0x20)).all()


def test_the_lowest_dot_row_is_the_lowest_of_the_lowest_cell() -> None:
    held = np.zeros((8, 2), dtype=bool)
    held[0, 0], held[7, 1] = True, True
    assert [chr(c) for c in braille(pack(held)).ravel()] == ["⠈", "⡀"]


def test_ascii_says_which_half_of_a_cell_holds_dots() -> None:
    held = np.zeros((4, 6), dtype=bool)
    held[0, 0], held[3, 2], held[0, 4], held[3, 4] = True, True, True, True
    assert "".join(chr(c) for c in ascii_dots(pack(held)).ravel()) == ".':"


def test_data_replaces_decoration_and_data_joins_data_in_a_cell() -> None:
    canvas = Canvas(1, 1)
    row = np.zeros((4, 2), dtype=bool)
    row[0] = True
    canvas.decorate(0, 0, row, "rule")
    first, second = np.zeros((4, 2), dtype=bool), np.zeros((4, 2), dtype=bool)
    first[1, 0], second[2, 1] = True, True
    ink = np.full((1, 1), INK["bright"], dtype=np.int16)
    canvas.plot(0, 0, first, ink)
    canvas.plot(0, 0, second, ink)
    assert int(canvas.frame().glyphs[0, 0] - 0x2800).bit_count() == 2


def test_only_the_row_that_changed_is_named() -> None:
    def drawn(words: str) -> Canvas:
        canvas = Canvas(12, 3)
        canvas.text(1, 2, words, "text")
        return canvas

    before = drawn("12").frame()
    assert drawn("12").frame().changed(before) == []
    assert drawn("13").frame().changed(before) == [1]
    assert drawn("12").frame().changed(None) == [0, 1, 2]


def test_text_outside_the_canvas_is_left_out() -> None:
    canvas = Canvas(4, 1)
    canvas.text(0, -2, "abcdefgh", "text")
    canvas.text(5, 0, "nowhere", "text")
    assert canvas.frame().lines() == ["cdef"]


def test_every_sign_has_one_ascii_sign() -> None:
    assert all(32 <= ord("✓".translate({k: v})) < 127 or k != ord("✓") for k, v in ASCII_SIGNS.items())
    canvas = Canvas(8, 1, ascii_only=True)
    canvas.text(0, 0, "✓✗▸◆◇▲●−", "text")
    assert canvas.frame().lines() == ["+x>#o^@-"]
