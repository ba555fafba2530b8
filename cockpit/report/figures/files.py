"""Figures as files: an SVG each, and pixels where the extra `report` is installed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cockpit.report.figures.drawing import Drawing
from engine.contract.errors import BadInput
from engine.contract.files import write_atomic

ZOOM = 2
"""Pixels a unit of the drawing: a figure of 700 units is 1,400 pixels wide."""
MISSING = "no PNG: that takes the extra report (pip install 'cockpit[report]'); the SVG files are written"


def write(drawings: Sequence[Drawing], folder: Path) -> tuple[list[Path], str]:
    """Write every figure into a folder, light, and what a person must know: '' when the PNG files are written too.

    Raises BadInput when the folder cannot be written."""
    written, said = [], ""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for drawing in drawings:
            path = folder / f"{drawing.name}.svg"
            write_atomic(path, f'<?xml version="1.0" encoding="UTF-8"?>\n{drawing.svg()}\n'.encode())
            written.append(path)
            data = png(drawing)
            if data is None:
                said = MISSING
                continue
            write_atomic(path.with_suffix(".png"), data)
            written.append(path.with_suffix(".png"))
    except OSError as error:
        raise BadInput(
            f"cannot write {folder}: {error.strerror or error}; name another folder with --figures"
        ) from None
    return written, said


def png(drawing: Drawing) -> bytes | None:
    """A figure's pixels in the light palette; None where what draws them is not installed."""
    try:
        from resvg_py import svg_to_bytes
    except ImportError:
        return None
    return bytes(
        svg_to_bytes(svg_string=drawing.svg(theme="cockpit-light"), zoom=ZOOM, sans_serif_family="DejaVu Sans")
    )
