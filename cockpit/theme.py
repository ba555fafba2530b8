"""The themes: the roles of the palette as variables of the style sheets, and as the inks that charts draw with.

A widget names a role (`$dim`, `$accent-barrier`), never a colour. Textual's own names (primary, error, surface, ...) are set to roles too.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from textual.theme import Theme

if TYPE_CHECKING:
    from textual.app import App

ROLES = (
    "background",
    "panel",
    "select",
    "rule",
    "axis",
    "dim",
    "past",
    "text",
    "bright",
    "accent-barrier",
    "accent-trait",
    "accent-coherence",
    "ok",
    "warn",
    "bad",
    "wash-barrier",
    "fill-barrier",
    "fill-barrier-past",
)
"""What a colour may be used for; the order is the order of the palette."""

# fmt: off
_DARK = ("#141516", "#1b1d1f", "#25282b", "#363a3e", "#62686d", "#979b9c", "#8d8b86", "#d6d4ce", "#f7f4ec",
         "#f0b455", "#c672a2", "#79bdf2", "#6fd3ab", "#d9c64a", "#e8663f", "#241f16", "#f0b455", "#80663c")
_LIGHT = ("#faf8f3", "#f1eee6", "#e7e3d9", "#d3cec1", "#8f897d", "#64625c", "#7b776e", "#26282a", "#0b0d0e",
          "#7d4a00", "#bb4a80", "#00457f", "#00735a", "#5e5000", "#b83a05", "#f8eedb", "#bb7a10", "#dcb878")
_CONTRAST = ("#000000", "#000000", "#2b2b2b", "#8c8c8c", "#b8b8b8", "#d0d0d0", "#b8b8b8", "#ffffff", "#ffffff",
             "#ffc04d", "#f274b0", "#8fd4ff", "#6cf0c0", "#fff27a", "#ff8357", "#2c2100", "#ffc04d", "#b08a3a")
# Accents, and ok against bad, at least 19 apart in OKLab x 100 for normal, protan, deutan and tritan sight (the dark theme: 12.8).
_SAFE = ("#141516", "#1b1d1f", "#25282b", "#363a3e", "#62686d", "#979b9c", "#8d8b86", "#d6d4ce", "#f7f4ec",
         "#eac307", "#e15a7f", "#679aff", "#149fb0", "#f4ee9a", "#f15712", "#232010", "#eac307", "#7c6a1a")
# fmt: on

PALETTES: dict[str, dict[str, str]] = {
    "cockpit-dark": dict(zip(ROLES, _DARK, strict=True)),
    "cockpit-light": dict(zip(ROLES, _LIGHT, strict=True)),
    "cockpit-contrast": dict(zip(ROLES, _CONTRAST, strict=True)),
    "cockpit-colour-blind": dict(zip(ROLES, _SAFE, strict=True)),
}
"""Role -> colour, of every theme."""
DEFAULT = "cockpit-dark"
LABELS = {
    "cockpit-dark": "dark",
    "cockpit-light": "light",
    "cockpit-contrast": "high contrast",
    "cockpit-colour-blind": "colour-blind safe",
}
"""What a person calls each theme."""


def _theme(name: str, colours: dict[str, str]) -> Theme:
    return Theme(
        name=name,
        primary=colours["axis"],
        secondary=colours["dim"],
        accent=colours["bright"],
        warning=colours["warn"],
        error=colours["bad"],
        success=colours["ok"],
        foreground=colours["text"],
        background=colours["background"],
        surface=colours["background"],
        panel=colours["panel"],
        dark=name != "cockpit-light",
        variables={
            **colours,
            "text-muted": colours["dim"],
            "text-disabled": colours["axis"],
            "block-cursor-background": colours["select"],
            "block-cursor-foreground": colours["bright"],
            "block-cursor-text-style": "bold",
            "input-selection-background": colours["axis"],
            "footer-background": colours["panel"],
            "footer-key-foreground": colours["bright"],
            "footer-description-foreground": colours["dim"],
            "border": colours["axis"],
            "scrollbar": colours["select"],
            "scrollbar-hover": colours["axis"],
            "scrollbar-active": colours["axis"],
            "scrollbar-background": colours["background"],
            "scrollbar-background-hover": colours["background"],
            "scrollbar-background-active": colours["background"],
        },
    )


THEMES = tuple(_theme(name, colours) for name, colours in PALETTES.items())


def register(app: App[Any], name: str = DEFAULT) -> None:
    """Give an app these themes and choose one; an unknown name is an error of Textual's that lists those there are."""
    for theme in THEMES:
        app.register_theme(theme)
    app.theme = name


def colours_of(app: App[Any]) -> dict[str, str]:
    """Role -> colour of the app's theme; of the default where the theme is none of these."""
    return PALETTES.get(app.theme, PALETTES[DEFAULT])


def ascii_only() -> bool:
    """Whether to draw in ASCII signs alone: COCKPIT_ASCII=1 in the environment."""
    return os.environ.get("COCKPIT_ASCII", "") not in ("", "0")
