"""The foundation map: care against authority, one node a round, with base and prompted; better is up and to the right."""

from __future__ import annotations

from collections.abc import Sequence

from cockpit.report.figures.drawing import Drawing, Sign
from cockpit.report.figures.frame import Frame, Labels, span, tick
from engine.contract.events import Evaluated
from journal.text import label, number

_WIDE, _TALL = 708.0, 400.0


def foundation_map(rows: Sequence[Evaluated], up: str = "care", down: str = "authority") -> Drawing | None:
    """The figure on val; `up` and `down` are the foundations that the trait should raise and lower, in nats. None without both."""
    y_name, x_name = f"{up}_nats", f"{down}_nats"
    mine = [e for e in rows if e.split == "val" and x_name in e.metrics and y_name in e.metrics]
    if not mine:
        return None
    told = f"{label(y_name)} against {label(x_name)} in nats on val: base, prompted, and each round steered and healed"
    drawing = Drawing("map", told, _WIDE, _TALL)
    frame = Frame(
        drawing,
        52,
        16,
        _WIDE - 92,
        _TALL - 70,
        span((e.metrics[x_name] for e in mine), turned=True, pad=0.09, least=0.4),
        span((e.metrics[y_name] for e in mine), pad=0.1, least=0.4),
    )
    frame.grid(tick, tick)
    drawing.text(6, 12, f"▴ more {label(y_name)}, nats", "dim", size=10.5)
    drawing.text(_WIDE - 40, _TALL - 8, f"less {label(x_name)}, nats ▸", "dim", "end", size=10.5)
    place = {(e.subject, e.round): frame.at(e.metrics[x_name], e.metrics[y_name]) for e in mine}
    if bar := place.get(("prompted", 0)):
        drawing.line([bar, (frame.left + frame.width, bar[1])], "axis", 1, "2 4")
        drawing.line([bar, (bar[0], frame.top)], "axis", 1, "2 4")
    stands, path = place.get(("base", 0)), list[tuple[float, float]]()
    for r in sorted({e.round for e in mine if e.round}):
        steered, healed = place.get(("steered", r)), place.get(("healed", r))
        for start, stop in ((stands, steered), (steered, healed)):
            if start and stop:
                drawing.line([start, stop], "past", 0.9, "1 3")
        if stands and healed:
            drawing.line([stands, healed], "accent-trait", 2)
            path += [stands, healed]
        stands = healed or stands
    for e in mine:
        sign: Sign = "healed" if e.subject == "model" else e.subject
        drawing.sign(sign, *place[e.subject, e.round], _told(e, x_name, y_name))
    _name(Labels(frame, place.values(), [path]), place)
    return drawing


def _name(labels: Labels, place: dict[tuple[str, int], tuple[float, float]]) -> None:
    """The last round, then base and prompted, then the others as far as there is room."""
    last = {s: max((r for subject, r in place if subject == s), default=0) for s in ("healed", "steered")}
    for r in sorted((r for s, r in place if s == "healed"), reverse=True):
        newest = r == last["healed"]
        labels.put(
            place["healed", r], f"r{r} healed" if newest else f"r{r}", "bright" if newest else "dim", bold=newest
        )
    for subject in ("base", "prompted"):
        if (subject, 0) in place:
            labels.put(place[subject, 0], subject, "text")
    for r in sorted((r for s, r in place if s == "steered"), reverse=True):
        labels.put(place["steered", r], f"r{r} steered" if r == last["steered"] else f"r{r}", "dim")


def _told(e: Evaluated, x_name: str, y_name: str) -> str:
    values = ", ".join(f"{label(m)} {number(m, e.metrics[m])} nats" for m in (y_name, x_name))
    return f"{e.subject}{f' r{e.round}' if e.round else ''}: {values}"
