"""The words around a plot: its title with a hairline, the rounds under it, and the values beside it."""

from __future__ import annotations

import numpy as np

from cockpit.widgets.canvas import ASCII_MARKS, MARKS, Canvas
from cockpit.widgets.look import Look
from cockpit.widgets.model import AXIS_UNITS, Curve, Limit, Model
from cockpit.widgets.scale import tick_text
from cockpit.widgets.xaxis import DOTS, Stretch, XAxis
from journal.text import MISSING, duration, plain


def draw_title(canvas: Canvas, model: Model, look: Look, *, beside: bool) -> None:
    """Title, unit and state, then a hairline to the edge, brighter in focus; the first value too where none stands beside."""
    parts = [(plain(model.title), "bright", True)]
    state = [model.unit, "log" if look.log else "", "smoothed" if look.smooth else "", "zoomed" if look.view else ""]
    parts += [("  " + ", ".join(plain(word) for word in state if word), "dim", False)] if any(state) else []
    if not beside and model.curves:
        curve = model.curves[0]
        parts.append((f"  {plain(curve.label)} ", "dim", False))
        parts.append((shown(curve, look), curve.value_role, True))
    column = 0
    for words, role, bold in parts:
        canvas.text(0, column, words, role, bold=bold)
        column += len(words)
    if canvas.width - column > 2:
        canvas.text(0, column, " " + "─" * (canvas.width - column - 1), "axis" if look.focused else "rule")


def x_text(axis: str, value: float) -> str:
    """A place on an axis: whole steps, tokens in thousands, time as m:ss."""
    if axis == "time":
        return duration(value)
    return f"{value:.0f}" if abs(value) < 1e4 else tick_text(value, 10.0 ** (len(str(int(abs(value)))) - 3))


def draw_x_labels(canvas: Canvas, model: Model, look: Look, axis: XAxis, row: int) -> None:
    """Under each round its name and its last place; under the one under way also where it is; under the cursor its place.

    The cursor's place comes first: a label that it would cut is left out whole.
    """
    taken = range(0)
    if look.cursor is not None and (column := axis.column(look.cursor)) is not None:
        s = axis.stretch_of(look.cursor)
        words = x_text(look.axis, look.cursor - (s.region.start if s else 0.0))
        last = model.left + axis.cells - len(words)
        at = max(min(model.left + column // DOTS - len(words) // 2, last), 0)
        canvas.text(row, at, words, "bright", bold=True)
        taken = range(at - 1, at + len(words) + 1)
    for s in axis.stretches:
        for at, words, strong in _round_labels(model, look, s):
            if at + len(words) <= taken.start or at >= taken.stop:
                canvas.text(row, at, words, "bright" if strong else "dim", bold=strong)
    unit = AXIS_UNITS.get(look.axis, look.axis)
    if canvas.width - model.left - axis.cells >= len(unit) + 2:
        canvas.text(row, model.left + axis.cells + 2, unit, "dim")


def _round_labels(model: Model, look: Look, s: Stretch) -> list[tuple[int, str, bool]]:
    """(column, words, strong) under a stretch; what does not fit between its edges is left out whole."""
    left, region = model.left + s.cell, s.region
    name = plain(region.label, 12)
    if s.low > region.start:
        name = f"{name} {x_text(look.axis, s.low - region.start)}".strip()
    found = [(left, name, region.now)] if len(name) <= s.cells else []
    taken = len(name) + 1
    end = x_text(look.axis, s.high - region.start)
    if taken + len(end) <= s.cells:
        found.append((left + s.cells - len(end), end, False))
    newest = _newest(model, look, s)
    if region.now and newest is not None and newest < s.high:
        words = x_text(look.axis, newest - region.start)
        at = max(int((newest - s.low) / (s.high - s.low) * s.cells) - len(words) + 1, taken)
        if at + len(words) + 1 + len(end) <= s.cells:
            found.append((left + at, words, True))
    return found


def _newest(model: Model, look: Look, s: Stretch) -> float | None:
    """The last place in this stretch that any curve reached."""
    found = []
    for curve in model.curves:
        x = curve.series.x(look.axis)
        place = int(np.searchsorted(x, s.high, side="right")) - 1
        if place >= 0 and x[place] > s.low:
            found.append(float(x[place]))
    return max(found, default=None)


def reading(curve: Curve, look: Look) -> float | None:
    """A curve's value at the cursor, or its newest."""
    return curve.series.last() if look.cursor is None else curve.series.at(look.axis, look.cursor)


def shown(curve: Curve, look: Look) -> str:
    """The same as text; – where it is missing."""
    value = reading(curve, look)
    return MISSING if value is None else curve.show(value)


def draw_readout(canvas: Canvas, model: Model, look: Look, axis: XAxis, top: int, rows: int, column: int) -> None:
    """Beside the plot: active or below the limit, the values at the cursor or the newest, the limit, the slack, the prediction."""
    width = canvas.width - column
    lines = _readout(model, look, axis, width)
    if rows <= 2 and len(model.curves) == 1:
        curve = model.curves[0]
        value = (shown(curve, look), curve.value_role, True)
        lines = [[(plain(curve.label, width), "dim", False)], [value]] if rows == 2 else [[value]]
    for row, line in enumerate(lines[:rows]):
        at = column
        for words, role, bold in line:
            canvas.text(top + row, at, words, role, bold=bold)
            at += len(words)


Part = tuple[str, str, bool]


def _signed(limit: Limit, slack: float) -> str:
    text = limit.show(slack)
    return text if slack <= 0 else f"+{text}"


def _readout(model: Model, look: Look, axis: XAxis, width: int) -> list[list[Part]]:
    head: list[list[Part]] = []
    first = model.curves[0]
    value, limit = reading(first, look), model.limit
    if limit and limit.wash:
        active = value is not None and value >= limit.value
        head.append([("▴ active", first.value_role, False) if active else (f"· below {limit.label}", "dim", False)])
    if look.cursor is not None:
        s = axis.stretch_of(look.cursor)
        place = x_text(look.axis, look.cursor - (s.region.start if s else 0.0))
        head.append(
            [(f"at {plain(s.region.label, 6)} {place}" if s and s.region.label else f"at {place}", "text", False)]
        )
    elif head:
        head.append([])
    marks = ASCII_MARKS if look.ascii_only else MARKS
    many = len(model.curves) > 1
    body: list[tuple[str, str, str, bool]] = []
    for number, curve in enumerate(model.curves):
        sign = f"{marks[number % len(marks)]} " if many and marks[number % len(marks)] else ""
        body.append((sign + plain(curve.label, width), shown(curve, look), curve.value_role, number == 0))
        if number == 0 and limit:
            body.append((limit.label, limit.show(limit.value), "text", False))
            if limit.wash and value is not None:
                body.append(("slack", _signed(limit, limit.value - value), "text", False))
    pad = max(len(label) for label, *_ in body)
    lines = list(head)
    for label, text, role, bold in body:
        if len(label) + 1 + len(text) <= width:
            lines.append([(label.ljust(min(pad, width - 1 - len(text))) + " ", "dim", False), (text, role, bold)])
        else:
            lines += [[(label[:width], "dim", False)], [(text, role, bold)]]
    if look.log and (hidden := sum(int((c.series.y <= 0).sum()) for c in model.curves)):
        lines.append([(f"{hidden} ≤ 0", "dim", False)])
    if model.bands:
        lines.append([(": " + plain(model.bands[0].label, width - 2), "dim", False)])
    if model.predicted:
        role = "text" if model.predicted.state == "pending" else model.predicted.role
        lines.append([(model.predicted.words, role, False)])
    return lines
