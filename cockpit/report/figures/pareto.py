"""Trait against each coherence measure: what a push costs, for the base, the prompt, each steered dose and each healed round."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cockpit.report.figures.drawing import Drawing, Sign
from cockpit.report.figures.frame import Frame, Labels, span, tick, wants_log
from engine.contract.events import Evaluated
from journal.text import RATES, label, number

AGAINST = ("coherence", "capability", "tail_ppl", "broken", "benign_rate", "diversity")
FALLING = ("tail_ppl", "tail_ppl_p90", "broken", "repetition", "prefill_nll")
"""Measures of which less is better: their axis is turned, so that better is always up."""
_WIDE, _TALL, _LEFT = 236.0, 190.0, 44.0


class Dot(NamedTuple):
    """A subject's metrics with its sign, a short name ('' for none) and a long one; `line` joins those of one line in order."""

    sign: Sign
    name: str
    told: str
    metrics: dict[str, float]
    line: str = ""


def dots(rows: Iterable[Evaluated], split: str = "val") -> list[Dot]:
    """A run's subjects on a split."""
    found = []
    for e in rows:
        if e.split != split:
            continue
        sign: Sign = "healed" if e.subject == "model" else e.subject
        name = (
            f"r{e.round}" if e.subject == "healed" else tick(float(f"{e.dose:.2g}")) if e.subject == "steered" else ""
        )
        dose = f" at dose {e.dose:.3g}" if e.subject == "steered" else ""
        told = f"{e.subject}{f' r{e.round}' if e.round else ''}{dose}"
        found.append(Dot(sign, name, told, e.metrics, "healed" if e.subject in ("base", "healed") else ""))
    return found


def pareto(found: Sequence[Dot], where: str = "val") -> Drawing | None:
    """The figure; None where no trait was measured."""
    mine = [d for d in found if "trait_rate" in d.metrics]
    shown = [m for m in AGAINST if any(m in d.metrics for d in mine)]
    if not shown:
        return None
    lines = -(-len(shown) // 3)
    drawing = Drawing(
        "pareto",
        f"trait against {', '.join(map(label, shown))} on {where}; better is up and to the right",
        3 * _WIDE + 8,
        lines * _TALL + 4,
    )
    for i, metric in enumerate(shown):
        _panel(drawing, [d for d in mine if metric in d.metrics], metric, i % 3 * _WIDE, i // 3 * _TALL)
    return drawing


def _panel(drawing: Drawing, mine: Sequence[Dot], metric: str, left: float, top: float) -> None:
    values = [d.metrics[metric] for d in mine]
    log, falling = wants_log(values), metric in FALLING
    frame = Frame(
        drawing,
        left + _LEFT,
        top + 26,
        _WIDE - _LEFT - 24,
        _TALL - 62,
        span((d.metrics["trait_rate"] for d in mine), pad=0.08, least=0.1),
        span(
            values, log=log, turned=falling, pad=0.1, least=0.5 if metric.startswith("tail_ppl") and not log else 0.04
        ),
    )
    drawing.text(left + 4, top + 14, label(metric), "bright", size=12.5, bold=True)
    note = ", ".join(([""] if not log else ["log scale"]) + (["less is up"] if falling else [])).strip(", ")
    drawing.text(left + 10 + 7.9 * len(label(metric)), top + 14, note, "dim", size=10.5)
    frame.grid(tick, tick, x_ticks=[v for v in frame.x.ticks(4) if v <= 1 + 1e-9], rate=metric in RATES)
    if top == 0 and left == 0:
        drawing.text(left + _WIDE - 24, top + _TALL - 6, "trait ▸", "dim", "end", size=10.5)
    place = [frame.at(d.metrics["trait_rate"], d.metrics[metric]) for d in mine]
    lines = [
        [at for d, at in zip(mine, place, strict=True) if d.line == name]
        for name in dict.fromkeys(d.line for d in mine if d.line)
    ]
    for line in lines:
        drawing.line(line, "accent-coherence", 1.25)
    for d, at in zip(mine, place, strict=True):
        said = f"{d.told}: trait {number('trait_rate', d.metrics['trait_rate'])}, {label(metric)} {number(metric, d.metrics[metric])}"
        role = "accent-coherence" if d.sign == "healed" else ""
        drawing.sign(d.sign, *at, said, size=4.2, role=role)
    labels = Labels(frame, place, lines)
    for d, at in sorted(zip(mine, place, strict=True), key=lambda pair: pair[0].sign != "healed"):
        if d.name:
            labels.put(at, d.name, "text" if d.sign == "healed" else "dim")
