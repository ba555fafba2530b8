"""KL against tau by optimizer step with the share of samples that fired below it; what lies above tau is coloured, nothing else is."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from cockpit.live.view import Snapshot
from cockpit.report.figures.drawing import Drawing
from cockpit.report.figures.frame import Axis, Frame, tick

_WIDE, _KL, _FIRED = 708.0, 230.0, 74.0
COLUMNS = 600
"""Columns that steps are gathered into, each drawn by its smallest and largest KL."""
Floats = np.ndarray[Any, np.dtype[np.float64]]


def barrier(view: Snapshot) -> Drawing | None:
    """The figure over all rounds of a run; None where no KL was measured."""
    kl, tau, fired = (np.asarray(view.steps[name], dtype=float) for name in ("kl", "tau", "fired"))
    if not np.isfinite(kl).any():
        return None
    count = len(kl)
    held = tau[np.isfinite(tau)]
    if not len(held):
        return _alone(kl, np.asarray(view.steps["round"]))
    told = f"KL against tau over {count} optimizer steps, and the share of samples above tau"
    drawing = Drawing("barrier", told, _WIDE, _KL + _FIRED + 76)
    top = float(max(np.nanquantile(kl, 0.995), *(held * 1.6)))
    across = Axis(0.5, count + 0.5)
    frame = Frame(drawing, 52, 22, _WIDE - 106, _KL - 30, across, Axis(0.0, top * 1.05 or 1.0))
    drawing.text(6, 12, "KL, nats", "bright", size=12.5, bold=True)
    _wash(frame, tau)
    frame.grid(None, tick)
    _rounds(drawing, frame, np.asarray(view.steps["round"]), _KL + _FIRED + 40)
    _curve(frame, kl, tau, np.asarray(view.steps["round"]))
    _tau(frame, tau)
    below = Frame(drawing, 52, _KL + 34, _WIDE - 106, _FIRED, across, Axis(0.0, 1.0))
    drawing.text(6, _KL + 24, "fired", "bright", size=12.5, bold=True)
    drawing.text(44, _KL + 24, "share of the step's samples with KL above tau", "dim", size=10.5)
    below.grid(lambda v: f"{v:,.0f}", tick, x_ticks=[v for v in across.ticks(6) if v >= 1])
    drawing.text(_WIDE - 40, _KL + _FIRED + 64, "optimizer step, over all rounds ▸", "dim", "end", size=10.5)
    for first, last in _columns(count):
        part = fired[first:last]
        share = float(np.nanmean(part)) if np.isfinite(part).any() else 0.0
        (left, y), (right, floor) = below.at(first + 0.55, share), below.at(last + 0.45, 0.0)
        drawing.box(
            left,
            y,
            max(right - left, 0.4),
            floor - y,
            "fill-barrier",
            f"step {first + 1}: fired {share:.2f}" if count <= COLUMNS else "",
        )
    return drawing


def _alone(kl: Floats, rounds: np.ndarray[Any, Any]) -> Drawing:
    """KL where no barrier stood: nothing could fire."""
    drawing = Drawing("barrier", f"KL over {len(kl)} optimizer steps; no barrier stood in this run", _WIDE, _KL + 46)
    across = Axis(0.5, len(kl) + 0.5)
    frame = Frame(drawing, 52, 22, _WIDE - 106, _KL - 30, across, Axis(0.0, float(np.nanmax(kl)) * 1.05 or 1.0))
    drawing.text(6, 12, "KL, nats", "bright", size=12.5, bold=True)
    frame.grid(lambda v: f"{v:,.0f}", tick, x_ticks=[v for v in across.ticks(6) if v >= 1])
    _rounds(drawing, frame, rounds, _KL)
    _curve(frame, kl, np.full(len(kl), np.nan), rounds)
    drawing.text(_WIDE - 54, _KL + 34, "optimizer step, over all rounds; no barrier stood ▸", "dim", "end", size=10.5)
    return drawing


def _columns(count: int) -> list[tuple[int, int]]:
    """Steps by column: (first, one past the last)."""
    edges = np.unique(np.linspace(0, count, min(count, COLUMNS) + 1).astype(int))
    return [(int(a), int(b)) for a, b in pairwise(edges)]


def _curve(frame: Frame, kl: Floats, tau: Floats, rounds: np.ndarray[Any, Any]) -> None:
    """One step a column is a line, more are a ribbon, with a gap between rounds; the part above tau in the barrier's colour."""
    ribbons = [
        (first, float(np.nanmin(kl[first:last])), float(np.nanmax(kl[first:last])), last)
        for first, last in _columns(len(kl))
        if np.isfinite(kl[first:last]).any()
    ]
    paths: dict[int, list[tuple[float, float]]] = {}
    for first, low, high, last in ribbons:
        middle = (first + last + 1) / 2
        path = paths.setdefault(int(rounds[first]), [])
        path += [frame.at(middle, high)] if low == high else [frame.at(middle, low), frame.at(middle, high)]
    for path in paths.values():
        frame.drawing.line(path, "past", 1.25)
    for first, _, high, last in ribbons:
        limit = float(tau[first]) if np.isfinite(tau[first]) else float("inf")
        if high > limit:
            middle = (first + last + 1) / 2
            title = f"step {first + 1}: KL {high:.3g} nats, tau {limit:.3g}"
            frame.drawing.line([frame.at(middle, limit), frame.at(middle, high)], "accent-barrier", 1.25, title=title)


def _wash(frame: Frame, tau: Floats) -> None:
    for first, last, value in _pieces(tau):
        (left, y), (right, top) = frame.at(first + 0.5, value), frame.at(last + 0.5, frame.y.high)
        frame.drawing.box(left, top, right - left, y - top, "wash-barrier")


def _tau(frame: Frame, tau: Floats) -> None:
    pieces = _pieces(tau)
    for first, last, value in pieces:
        frame.drawing.line(
            [frame.at(first + 0.5, value), frame.at(last + 0.5, value)],
            "accent-barrier",
            1,
            "4 3",
            title=f"tau {value:g} nats",
        )
    if pieces:
        x, y = frame.at(len(tau) + 0.5, pieces[-1][2])
        frame.drawing.text(x + 5, y + 3.5, f"tau {tick(pieces[-1][2])}", "accent-barrier", size=10.5)


def _pieces(tau: Floats) -> list[tuple[int, int, float]]:
    """Stretches of equal tau: (first, one past the last, tau)."""
    found: list[tuple[int, int, float]] = []
    for i, value in enumerate(tau.tolist()):
        if value != value:
            continue
        if found and found[-1][1] == i and found[-1][2] == value:
            found[-1] = (found[-1][0], i + 1, value)
        else:
            found.append((i, i + 1, value))
    return found


def _rounds(drawing: Drawing, frame: Frame, rounds: np.ndarray[Any, Any], bottom: float) -> None:
    for number in np.unique(rounds).astype(int):
        where = np.flatnonzero(rounds == number)
        (left, _), (right, _) = frame.at(where[0] + 0.5, 0), frame.at(where[-1] + 1.5, 0)
        if where[0]:
            drawing.line([(left, frame.top), (left, bottom - 6)], "axis", 0.75, "1 3")
        drawing.text((left + right) / 2, 14, f"r{number}", "dim", "middle", size=10.5)
