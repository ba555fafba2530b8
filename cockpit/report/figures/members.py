"""A campaign's members: every seed a dot, the mean with its t interval, arm by arm; and each arm's curve by round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cockpit.report.figures.drawing import Drawing
from cockpit.report.figures.frame import Axis, Frame, span, tick, wants_log
from journal.campaign import Campaign, Measured, mean_interval, over_seeds, values
from journal.text import RATES, interval, label, number, plain

PANELS = (
    "trait_rate",
    "benign_rate",
    "broken",
    "tail_ppl",
    "capability",
    "coherence",
    "authority_nats",
    "care_nats",
    "diversity",
)
_NAMES, _WIDE, _ROW = 150.0, 186.0, 22.0


def members(campaign: Campaign, found: Sequence[Measured]) -> Drawing | None:
    """Dots of every member on test with each arm's mean; base and prompted as lines. None where nothing was measured."""
    shown = [m for m in PANELS if any(f.value(m) is not None for f in found)]
    if not shown:
        return None
    arms, lines = campaign.arms, -(-len(shown) // 3)
    tall = 62 + _ROW * len(arms)
    drawing = Drawing(
        "members", f"{', '.join(map(label, shown))} on test of every member, by arm", _NAMES + 3 * _WIDE, lines * tall
    )
    for i, metric in enumerate(shown):
        left, top = _NAMES + i % 3 * _WIDE, i // 3 * tall
        held = [v for f in found for s in ("healed", "base", "prompted") if (v := f.value(metric, s)) is not None]
        spans = [s for arm in arms if (s := mean_interval(found, metric, arm)) is not None]
        ends = held if wants_log(held) else held + [v for s in spans for v in (s.low, s.high)]
        x = span(ends, log=wants_log(held), pad=0.08, least=0.04)
        frame = Frame(drawing, left, top + 28, _WIDE - 22, _ROW * len(arms), x, Axis(0, len(arms)))
        drawing.text(left, top + 10, label(metric), "bright", size=12.5, bold=True)
        _lines(frame, found, metric)
        for row, arm in enumerate(arms):
            _arm(frame, found, metric, arm, row)
            if i % 3 == 0:
                _, y = frame.at(x.low, len(arms) - row - 0.5)
                drawing.text(_NAMES - 14, y + 3.5, _short(arm if len(arms) > 1 else "healed"), "text", "end")
        for value in (v for v in x.ticks(3) if metric not in RATES or -1e-9 <= v <= 1 + 1e-9):
            across, _ = frame.at(value, 0)
            drawing.text(across, top + 28 + _ROW * len(arms) + 14, tick(value), "dim", "middle", size=10.5)
    return drawing


def _lines(frame: Frame, found: Sequence[Measured], metric: str) -> None:
    for subject in ("base", "prompted"):
        held = over_seeds(found, metric, "", subject)
        if held is None:
            continue
        (x, top), (_, bottom) = frame.at(held.mean, frame.y.high), frame.at(held.mean, 0)
        told = f"{subject}: {label(metric)} {number(metric, held.mean)}"
        frame.drawing.line([(x, top), (x, bottom)], "axis", 1, "" if subject == "base" else "2 3", told)
        frame.drawing.sign("base" if subject == "base" else "prompted", x, top - 4, told, size=3.2)


def _arm(frame: Frame, found: Sequence[Measured], metric: str, arm: str, row: int) -> None:
    middle = frame.y.high - row - 0.5
    (left, y), (right, _) = frame.at(frame.x.low, middle), frame.at(frame.x.high, middle)
    frame.drawing.line([(left, y), (right, y)], "rule", 0.75)
    for seed, value in values(found, metric, arm).items():
        x, _ = frame.at(value, middle)
        frame.drawing.sign(
            "healed", x, y, f"{arm}, seed {seed}: {label(metric)} {number(metric, value)}", size=3.2, role="past"
        )
    held = over_seeds(found, metric, arm)
    mean = mean_interval(found, metric, arm)
    if held is None:
        return
    ink = (
        "accent-trait" if metric in ("trait_rate", "benign_rate", "care_nats", "authority_nats") else "accent-coherence"
    )
    if mean is not None:
        (low, _), (high, _) = frame.at(mean.low, middle), frame.at(mean.high, middle)
        told = (
            f"{arm}: mean {number(metric, mean.value)} {interval(metric, (mean.low, mean.high))}, t over {held.n} seeds"
        )
        frame.drawing.line([(low, y), (high, y)], ink, 2, title=told)
    x, _ = frame.at(held.mean, middle)
    frame.drawing.line([(x, y - 6), (x, y + 6)], ink, 2.5, title=f"{arm}: mean {number(metric, held.mean)}")


def curves(campaign: Campaign, found: Sequence[Measured], base: Mapping[str, float]) -> Drawing | None:
    """The predicted metric on val by round, a panel an arm: each member thin, the mean of the rounds that all have thick.

    `base` is each member's base on val by run id. None where no member healed a round."""
    mine = [m for m in found if m.curve]
    if not mine:
        return None
    arms = [arm for arm in campaign.arms if any(m.member.arm == arm for m in mine)]
    metric, lines = campaign.metric, -(-len(arms) // 3)
    every = [v for m in mine for v in (*m.curve, *([base[m.member.run]] if m.member.run in base else []))]
    drawing = Drawing("curves", f"{label(metric)} on val by round, member by member", 708, lines * 180)
    y, last = span(every, log=wants_log(every), pad=0.08, least=0.04), max(len(m.curve) for m in mine)
    for i, arm in enumerate(arms):
        left, top = i % 3 * 236.0, i // 3 * 180.0
        frame = Frame(drawing, left + 44, top + 26, 168, 122, Axis(-0.3, last + 0.4), y)
        drawing.text(
            left + 4, top + 14, _short(arm if len(arms) > 1 else label(metric)), "bright", size=12.5, bold=True
        )
        frame.grid(
            lambda v: f"r{v:.0f}" if v else "base",
            tick,
            x_ticks=range(0, last + 1, max(1, last // 6)),
            rate=metric in RATES,
        )
        paths = []
        for m in (m for m in mine if m.member.arm == arm):
            start = [(0, base[m.member.run])] if m.member.run in base else []
            paths.append([*start, *enumerate(m.curve, start=1)])
            told = f"{arm}, seed {m.member.seed}: {', '.join(number(metric, v) for v in m.curve)}"
            drawing.line([frame.at(*point) for point in paths[-1]], "past", 1, title=told)
        shared = set.intersection(*({r for r, _ in path} for path in paths))
        mean = [(r, sum(dict(path)[r] for path in paths) / len(paths)) for r in sorted(shared)]
        drawing.line([frame.at(*point) for point in mean], "accent-trait", 2)
    return drawing


def _short(name: str) -> str:
    return plain(name, 24)
