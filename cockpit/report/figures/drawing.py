"""A small SVG drawing: shapes with roles of the palette for colours, and text that cannot act.

Colours are classes (`f-dim` fills, `s-dim` strokes), so that one drawing follows the page's light or dark room, stands alone as a file
with its own style, and becomes pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Literal

from cockpit.theme import PALETTES
from journal.text import plain

FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif"
Anchor = Literal["start", "middle", "end"]
Sign = Literal["base", "prompted", "steered", "healed", "model"]
INKS: dict[Sign, str] = {
    "base": "bright",
    "prompted": "bright",
    "steered": "text",
    "healed": "accent-trait",
    "model": "accent-trait",
}
"""The role that each subject's sign is drawn in."""
Point = tuple[float, float]


class Drawing:
    """Shapes on `width` x `height` user units, drawn in order. `told` is what the figure shows, for who cannot see it."""

    def __init__(self, name: str, told: str, width: float, height: float) -> None:
        self.name, self.told, self.width, self.height = name, told, width, height
        self._parts: list[str] = []

    def line(self, points: Sequence[Point], role: str, width: float = 1.0, dash: str = "", title: str = "") -> None:
        """A line through points."""
        if len(points) < 2:
            return
        path = "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in points)
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self._add(
            "path",
            f'd="{path}" class="s-{role}" fill="none" stroke-width="{_n(width)}"{dashed} stroke-linejoin="round"',
            title,
        )

    def area(self, points: Sequence[Point], role: str, opacity: float = 1.0) -> None:
        """A filled polygon."""
        if len(points) > 2:
            path = "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in points) + "Z"
            self._add("path", f'd="{path}" class="f-{role}" fill-opacity="{_n(opacity)}"')

    def box(self, x: float, y: float, width: float, height: float, role: str, title: str = "") -> None:
        """A filled rectangle; nothing where it has no size."""
        if width > 0 and height > 0:
            self._add(
                "rect", f'x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" class="f-{role}"', title
            )

    def text(
        self,
        x: float,
        y: float,
        text: str,
        role: str,
        anchor: Anchor = "start",
        *,
        size: float = 11,
        bold: bool = False,
        halo: bool = False,
    ) -> None:
        """One line of text at its baseline; `halo` keeps lines that run behind it away from its letters."""
        weight = ' font-weight="600"' if bold else ""
        place = f'x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}" font-size="{_n(size)}"'
        ring = ' s-background" stroke-width="3" paint-order="stroke"' if halo else '"'
        self._parts.append(f'<text {place} class="f-{role}{ring}{weight}>{escape(plain(text, 200))}</text>')

    def sign(self, subject: Sign, x: float, y: float, title: str = "", *, size: float = 5.0, role: str = "") -> None:
        """The sign of a subject: base a filled diamond, prompted an open one, steered a triangle, healed a disc."""
        role, r = role or INKS[subject], size
        if subject in ("healed", "model"):
            self._add("circle", f'cx="{_n(x)}" cy="{_n(y)}" r="{_n(r * 0.85)}" class="f-{role} mark"', title)
            return
        if subject == "steered":
            corners = [(x, y - r), (x + r, y + r * 0.8), (x - r, y + r * 0.8)]
        else:
            corners = [(x, y - r * 1.15), (x + r * 1.15, y), (x, y + r * 1.15), (x - r * 1.15, y)]
        path = "M" + "L".join(f"{_n(a)} {_n(b)}" for a, b in corners) + "Z"
        ink = (
            f'class="f-background s-{role} mark" stroke-width="1.5"'
            if subject == "prompted"
            else f'class="f-{role} mark"'
        )
        self._add("path", f'd="{path}" {ink}', title)

    def svg(self, *, alone: bool = True, theme: str = "") -> str:
        """The drawing as SVG. `alone` carries its own colours: those of `theme`, or both rooms by the reader's setting."""
        size = f'viewBox="0 0 {_n(self.width)} {_n(self.height)}" width="{_n(self.width)}" height="{_n(self.height)}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(self.told)}" font-family="{FONT}">'
        style = f"<style>{_style(theme)}</style>" if alone else ""
        ground = f'<rect width="{_n(self.width)}" height="{_n(self.height)}" class="f-background"/>' if alone else ""
        return f"{head}<title>{escape(self.told)}</title>{style}{ground}{''.join(self._parts)}</svg>"

    def _add(self, tag: str, attributes: str, title: str = "") -> None:
        inner = f"<title>{escape(plain(title, 300))}</title>" if title else ""
        self._parts.append(f"<{tag} {attributes}>{inner}</{tag}>" if inner else f"<{tag} {attributes}/>")


def _style(theme: str) -> str:
    if theme:
        return _rules(theme)
    return f"{_rules('cockpit-light')}@media(prefers-color-scheme:dark){{{_rules('cockpit-dark')}}}"


def _rules(theme: str) -> str:
    colours = PALETTES[theme]
    return "".join(f".f-{role}{{fill:{hex_}}}.s-{role}{{stroke:{hex_}}}" for role, hex_ in colours.items())


def _n(value: float) -> str:
    """A coordinate to a hundredth, as short as it goes."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
