"""The KL that an earlier run measured over its heal steps, under this run's tau: whether the barrier would do anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from textual.content import Content

from cockpit.preflight.measured import Measured
from cockpit.theme import ascii_only
from cockpit.widgets.canvas import Frame
from cockpit.widgets.draw import draw
from cockpit.widgets.kl import places, regions
from cockpit.widgets.line import LABEL, STRONG, VALUE, heading, line
from cockpit.widgets.look import Look
from cockpit.widgets.model import Curve, Ink, Limit, Model, nats
from cockpit.widgets.scale import DOTS, Scale
from cockpit.widgets.series import from_columns
from engine.contract.config import Heal
from journal.text import short

HEIGHT, BESIDE, LEAST = 7, 14, 40
"""Rows of the chart with its rounds, columns of the words beside it, and the width from which on it is drawn."""
_INK = Ink("text", above="accent-barrier")


def pressure(heal: Heal, measured: Measured | None, width: int) -> Iterator[Content]:
    """Its curve with tau, and its operating KL as p90; without its steps only the numbers; nothing to tell without a barrier."""
    if heal.divergence == "none":
        return
    if measured is None:
        yield heading("KL under this run's τ", "nats", width)
        yield line(("No earlier run near this one measured it.", LABEL))
        yield Content("")
        return
    yield heading(f"KL of {short(measured.run)} under this run's τ", "nats", width)
    operating, tau = measured.operating_kl, heal.tau
    fires = operating > tau
    head = ("▴ active", "$accent-barrier") if fires else ("✗ inert", "bold $bad")
    now = f"{tau:.3g}"
    limit = line(("τ ", LABEL), (now, "bold $accent-barrier"), (" now" if len(now) < 7 else "", LABEL))
    reached = line((nats(operating), STRONG), (" p90", LABEL))
    kl = np.asarray(measured.view.steps["kl"], dtype=float)
    if width < LEAST or not np.isfinite(kl).any():
        yield line(reached, "   ", limit, "   ", head)
    else:
        at = places(measured.view)
        rounds = tuple(replace(region, now=False) for region in regions(measured.view, "step", at))
        curve = Curve(from_columns("KL", kl, {"step": at}), "KL", _INK)
        model = Model(
            curves=(curve,), regions={"step": rounds}, limit=Limit(tau), references=(operating,), right=0
        )  # fmt: skip
        drawn = draw(model, width - BESIDE, HEIGHT, Look(ascii_only=ascii_only()))
        beside = {HEIGHT - 1: line(("heal step", LABEL))}
        if drawn.scale is not None:
            beside |= _beside(drawn.scale, [(tau, limit), (operating, reached)], line(head))
        yield from (line(row, "  ", beside.get(n, "")) for n, row in enumerate(painted(drawn.frame)))
    if not fires:
        yield line(("A barrier that never fires changes nothing.", VALUE))
    yield Content("")


def painted(frame: Frame) -> Iterator[Content]:
    """The rows of a drawing as lines of text."""
    for y in range(len(frame.glyphs)):
        yield line(*(
            (text, f"{'bold ' if bold else ''}${ink}" + (f" on ${ground}" if ground != "background" else ""))
            for text, ink, bold, ground in frame.runs(y)
        ))  # fmt: skip


def _beside(scale: Scale, values: list[tuple[float, Content]], head: Content) -> dict[int, Content]:
    """Words on the rows of their values, from the top; where two would share a row, the lower value stands a row below."""
    found, free = {0: head}, 1
    for value, words in sorted(values, key=lambda pair: -pair[0]):
        row = scale.cells - 1 - int(scale.rows([value])[0]) // DOTS
        left = sum(other < value for other, _ in values)
        free = min(max(row, free), scale.cells - 1 - left)
        found[free] = words
        free += 1
    return found
