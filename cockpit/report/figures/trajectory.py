"""Metrics by round as small multiples: the base at 0, each healed round with its interval, the steered push, the prompted bar to beat."""

from __future__ import annotations

from collections.abc import Sequence

from cockpit.report.figures.drawing import Drawing, Sign
from cockpit.report.figures.frame import Axis, Frame, span, tick, wants_log
from engine.contract.events import Evaluated
from journal.text import RATES, interval, label, number

PANELS = (
    "trait_rate",
    "benign_rate",
    "authority_nats",
    "care_nats",
    "coherence",
    "tail_ppl",
    "capability",
    "broken",
    "diversity",
)
"""What is drawn, trait first."""
COLUMNS = 3
_WIDE, _TALL, _LEFT, _GAP = 236.0, 176.0, 44.0, 16.0
TRAIT = ("trait_rate", "benign_rate", "care_nats", "authority_nats")


def trajectory(rows: Sequence[Evaluated], metrics: Sequence[str] = PANELS) -> Drawing | None:
    """The figure of a run's evaluations on val; None where nothing was healed on it."""
    val = [e for e in rows if e.split == "val"]
    shown = [m for m in metrics if any(m in e.metrics for e in val if e.subject in ("healed", "model"))]
    if not shown:
        return None
    lines = -(-len(shown) // COLUMNS)
    drawing = Drawing(
        "trajectory",
        f"{', '.join(map(label, shown))} by round on val, with 95% intervals over items",
        COLUMNS * _WIDE + 8,
        lines * _TALL + 4,
    )
    for i, metric in enumerate(shown):
        _panel(drawing, val, metric, i % COLUMNS * _WIDE, i // COLUMNS * _TALL)
    return drawing


def _panel(drawing: Drawing, val: Sequence[Evaluated], metric: str, left: float, top: float) -> None:
    mine = [e for e in val if metric in e.metrics]
    values = [v for e in mine for v in (e.metrics[metric], *e.ci.get(metric, ()))]
    log = wants_log(values)
    last = max((e.round for e in mine), default=1)
    least = 0.0 if log else 0.1 if metric.endswith("_nats") else 0.5 if metric.startswith("tail_ppl") else 0.04
    frame = Frame(
        drawing,
        left + _LEFT,
        top + 26,
        _WIDE - _LEFT - _GAP - 8,
        _TALL - 56,
        Axis(-0.3, max(last, 1) + 0.4),
        span(values, log=log, least=least, pad=0.08),
    )
    unit = "nats" if metric.endswith("_nats") else "log scale" if log else ""
    drawing.text(left + 4, top + 14, label(metric), "bright", size=12.5, bold=True)
    drawing.text(left + 10 + 7.9 * len(label(metric)), top + 14, unit, "dim", size=10.5)
    every = max(1, last // 6)
    frame.grid(lambda v: f"r{v:.0f}" if v else "base", tick, x_ticks=range(0, last + 1, every), rate=metric in RATES)
    ink = "accent-trait" if metric in TRAIT else "accent-coherence"
    _bar(frame, mine, metric)
    healed = sorted((e for e in mine if e.subject in ("healed", "model")), key=lambda e: e.round)
    base = [e for e in mine if e.subject == "base"][-1:]
    drawing.line([frame.at(e.round, e.metrics[metric]) for e in [*base, *healed]], ink, 1.75)
    for e in mine:
        if e.subject == "steered":
            drawing.sign(
                "steered", *frame.at(e.round - 0.14, e.metrics[metric]), _told(e, metric), size=3.6, role="past"
            )
    for e in [*base, *healed]:
        if metric in e.ci:
            frame.whisker(e.round, *e.ci[metric], role=ink)
        subject: Sign = "base" if e.subject == "base" else "healed"
        drawing.sign(
            subject,
            *frame.at(e.round, e.metrics[metric]),
            _told(e, metric),
            size=4.2,
            role="" if subject == "base" else ink,
        )


def _bar(frame: Frame, mine: Sequence[Evaluated], metric: str) -> None:
    for e in [e for e in mine if e.subject == "prompted"][-1:]:
        _, y = frame.at(0, e.metrics[metric])
        frame.drawing.line([(frame.left, y), (frame.left + frame.width, y)], "axis", 1, "2 3", _told(e, metric))
        frame.drawing.sign("prompted", frame.left + frame.width + 5, y, _told(e, metric), size=3.6)


def _told(e: Evaluated, metric: str) -> str:
    where = f" r{e.round}" if e.round else ""
    dose = f" at dose {e.dose:.3g}" if e.subject == "steered" else ""
    return f"{e.subject}{where}{dose}: {label(metric)} {number(metric, e.metrics[metric])} {interval(metric, e.ci.get(metric))}".rstrip()
