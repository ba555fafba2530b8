"""The arms over each other: trait and tail perplexity over the rounds, KL over the heal steps, with the band of their seeds.

The chosen arm is drawn in the quantity's accent and first, the others neutral with their signs; base, prompted bar and the chosen arm's
steered push are always there.
"""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.app import ComposeResult
from textual.containers import Container

from cockpit.compare.comparison import Comparison, Line, over_rounds, over_steps
from cockpit.widgets.chart import Chart
from cockpit.widgets.model import Curve, Ink, Limit, Model, SeedBand, nats
from cockpit.widgets.series import Series, from_columns
from journal.text import number

GREYS = ("text", "past", "dim", "axis")
ROUNDS, STEPS = "round", "step"


def trait(value: float) -> str:
    """A rate in house style."""
    return number("trait_rate", value)


def tail(value: float) -> str:
    """A perplexity in house style."""
    return number("tail_ppl", value)


class Overlay(Container):
    """Three charts: side by side where there is room, below each other where there is not."""

    DEFAULT_CSS = """
    Overlay { height: auto; layout: grid; grid-size: 1; grid-gutter: 1 3; grid-rows: 9; }
    Overlay.two { grid-size: 2; }
    Overlay.two #kl { column-span: 2; }
    Overlay.three { grid-size: 3; }
    Overlay Chart { height: 9; }
    """

    def compose(self) -> ComposeResult:
        """Trait, tail perplexity, KL."""
        yield Chart(axes=(ROUNDS,), id="trait")
        yield Chart(axes=(ROUNDS,), id="tail")
        yield Chart(axes=(STEPS,), id="kl")

    def on_mount(self) -> None:
        """The first two are read over rounds."""
        for name in ("#trait", "#tail"):
            self.query_one(name, Chart).axis = ROUNDS

    def on_resize(self, event: events.Resize) -> None:
        """As many beside each other as fit."""
        self.set_class(96 <= event.size.width < 150, "two")
        self.set_class(event.size.width >= 150, "three")

    def show(self, found: Comparison, chosen: int) -> None:
        """Draw these arms, one of them in front."""
        if not found.arms:
            return
        for name, model in models(found, chosen).items():
            self.query_one(f"#{name}", Chart).show(model)


def models(found: Comparison, chosen: int) -> dict[str, Model]:
    """The three charts."""
    return {
        "trait": _rounds(found, chosen, "trait_rate", "Trait", "fraction, val", "accent-trait", trait),
        "tail": _rounds(found, chosen, "tail_ppl", "Tail perplexity", "val", "accent-coherence", tail),
        "kl": _steps(found, chosen),
    }


def _rounds(
    found: Comparison, chosen: int, metric: str, title: str, unit: str, accent: str, show: Callable[[float], str]
) -> Model:
    front = found.arms[chosen]
    lines = {i: over_rounds(arm, "healed", metric) for i, arm in enumerate(found.arms)}
    curves, bands = _arms(found, chosen, lines, ROUNDS, accent, show)
    steered = over_rounds(front, "steered", metric)
    if steered is not None:
        curves.append(Curve(_series("steered", ROUNDS, steered, steered.mean), "▲ steered", Ink("axis"), show, "dim"))
    base = front.sides[0].over_rounds("base", metric).get(0)
    last = max((line.x[-1] for line in lines.values() if line), default=0.0)
    if base is not None:
        flat = from_columns("base", [base, base], {ROUNDS: [0.0, max(last, 1.0)]})
        curves.append(Curve(flat, "◆ base", Ink("axis"), show, "dim"))
    prompted = front.sides[0].over_rounds("prompted", metric).get(0)
    limit = Limit(prompted, "◇ prompted", "text", wash=False, show=show) if prompted is not None else None
    return Model(
        title,
        unit,
        tuple(curves),
        limit=limit,
        bands=tuple(bands),
        zero=metric == "trait_rate",
        most=1.0 if metric == "trait_rate" else None,
        empty="no round was evaluated yet",
        right=20,
    )


def _steps(found: Comparison, chosen: int) -> Model:
    lines = {i: over_steps(arm) for i, arm in enumerate(found.arms)}
    curves, bands = _arms(found, chosen, lines, STEPS, "accent-barrier", nats)
    return Model(
        "KL", "nats, as each run measures it", tuple(curves), bands=tuple(bands), empty="no heal step yet", right=20
    )


def _arms(
    found: Comparison, chosen: int, lines: dict[int, Line | None], axis: str, accent: str, show: Callable[[float], str]
) -> tuple[list[Curve], list[SeedBand]]:
    """The chosen arm first; a band for every arm of several seeds."""
    curves: list[Curve] = []
    bands: list[SeedBand] = []
    for i in sorted(lines, key=lambda i: i != chosen):
        line = lines[i]
        if line is None:
            continue
        role = accent if i == chosen else GREYS[len(curves) % len(GREYS)]
        curves.append(
            Curve(_series(found.arms[i].name, axis, line, line.mean), found.arms[i].name, Ink(role), show, role)
        )
        if line.low != line.high:
            low, high = (_series("band", axis, line, ends) for ends in (line.low, line.high))
            bands.append(SeedBand(low, high, "seed range"))
    return curves, bands


def _series(name: str, axis: str, line: Line, values: tuple[float, ...]) -> Series:
    return from_columns(name, values, {axis: line.x})
