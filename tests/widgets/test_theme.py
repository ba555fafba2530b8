"""The palette holds what it promises: contrast, and accents that stay apart for every kind of colour vision."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from cockpit.theme import LABELS, PALETTES, ROLES, THEMES

ACCENTS = ("accent-barrier", "accent-trait", "accent-coherence")
# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
SIGHT = {
    "normal": np.eye(3),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritan": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}


def light(colour: str) -> np.ndarray:
    """Linear RGB of #rrggbb."""
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def contrast(a: str, b: str) -> float:
    """WCAG 2 contrast ratio."""
    one, other = sorted(float(light(c) @ [0.2126, 0.7152, 0.0722]) for c in (a, b))
    return (other + 0.05) / (one + 0.05)


def oklab(rgb: np.ndarray) -> np.ndarray:
    """OKLab of linear RGB (Ottosson 2020)."""
    lms = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    ) @ np.clip(rgb, 0, 1)
    return np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    ) @ np.cbrt(lms)


@pytest.mark.parametrize("name", PALETTES)
def test_text_can_be_read(name: str) -> None:
    palette = PALETTES[name]
    for role, least in (
        ("text", 12),
        ("bright", 12),
        ("dim", 5.6),
        ("axis", 3),
        *((accent, 4.4) for accent in ACCENTS),
        ("bad", 4.4),
    ):
        assert contrast(palette[role], palette["background"]) >= least, role


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("name", PALETTES)
def test_the_accents_stay_apart_for_every_kind_of_colour_vision(name: str, sight: str) -> None:
    least = 19 if name == "cockpit-colour-blind" else 10
    seen = [oklab(SIGHT[sight] @ light(PALETTES[name][accent])) for accent in ACCENTS]
    assert min(100 * float(np.linalg.norm(a - b)) for a, b in itertools.combinations(seen, 2)) >= least


@pytest.mark.parametrize("sight", SIGHT)
def test_in_the_colour_blind_safe_theme_ok_and_bad_stay_as_far_apart(sight: str) -> None:
    ok, bad = (oklab(SIGHT[sight] @ light(PALETTES["cockpit-colour-blind"][role])) for role in ("ok", "bad"))
    assert 100 * float(np.linalg.norm(ok - bad)) >= 19


def test_every_theme_has_every_role_as_a_variable_and_a_name_for_people() -> None:
    assert {theme.name for theme in THEMES} == set(LABELS)
    for theme in THEMES:
        assert set(ROLES) <= set(theme.variables)
