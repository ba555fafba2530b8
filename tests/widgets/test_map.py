"""The map puts better up and to the right, names its points, and copes with none."""

from __future__ import annotations

import re

from cockpit.widgets.map import MapModel, Point, draw_map

POINTS = (
    Point("base", 0, -2.4, -1.4),
    Point("prompted", 0, -2.8, -0.8),
    Point("steered", 1, -3.3, -1.25),
    Point("healed", 1, -2.9, -1.15),
    Point("steered", 2, -3.9, -1.05),
    Point("healed", 2, -3.4, -0.95),
)


def place(lines: list[str], sign: str) -> list[tuple[int, int]]:
    return [(y, x) for y, line in enumerate(lines) for x, c in enumerate(line) if c == sign and 0 < y < len(lines) - 1]


def test_more_care_is_up_and_less_authority_is_right() -> None:
    lines = draw_map(MapModel(points=POINTS), 60, 18).lines()
    ((base_y, base_x),) = place(lines, "◆")
    healed = sorted(place(lines, "●"))
    assert len(healed) == 2
    assert all(y < base_y and x > base_x for y, x in healed)
    assert healed[0][1] > healed[1][1]
    assert "▴ more care" in lines[-1]
    assert lines[-1].endswith("less authority ▸")


def test_the_newest_points_are_named_in_full() -> None:
    text = "\n".join(draw_map(MapModel(points=POINTS), 60, 18).lines())
    for name in ("base", "prompted", "r2 healed", "r2 steered", "r1"):
        assert name in text


def test_points_in_one_cell_share_a_sign_and_list_their_names() -> None:
    close = (*POINTS[:2], Point("healed", 1, -3.0, -1.02), Point("healed", 2, -3.0001, -1.0201))
    lines = draw_map(MapModel(points=close), 60, 18).lines()
    assert len(place(lines, "●")) == 1
    assert "r1, r2 healed" in "\n".join(lines)


def test_without_points_the_map_says_so() -> None:
    assert any("nothing evaluated yet" in line for line in draw_map(MapModel(), 40, 12).lines())


def test_one_point_any_size_and_ascii() -> None:
    for width, height in ((1, 1), (14, 5), (40, 12), (200, 60)):
        frame = draw_map(MapModel(points=POINTS[:1]), width, height, ascii_only=True)
        assert frame.glyphs.shape == (height, width)
        assert all(line.isascii() for line in frame.lines())


def test_the_base_is_named_where_only_the_gutter_has_room() -> None:
    healed = ((-0.96, -1.82), (-1.05, -1.73), (-1.12, -1.69), (-1.20, -1.64))
    held = (Point("base", 0, -0.91, -1.80), Point("prompted", 0, -2.61, -0.53))
    held += tuple(Point("healed", r, *at) for r, at in enumerate(healed, start=1))
    assert re.search("base.◆", "\n".join(draw_map(MapModel(points=held), 40, 16).lines()))


def test_a_high_map_gives_its_rows_to_the_points() -> None:
    held = (Point("base", 0, -0.91, -1.80), Point("prompted", 0, -2.61, -0.53), Point("healed", 1, -1.2, -1.64))
    for height in (20, 29, 40):
        lines = draw_map(MapModel(points=held), 46, height).lines()
        ((top, _),), ((bottom, _),) = place(lines, "◇"), place(lines, "◆")
        assert bottom - top >= 0.6 * (height - 4), height
