"""`python -m cockpit.widgets.demo EVENTS`: every chart on the events of one recorded run, to look at the charts alone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import numpy as np
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal

from cockpit.theme import THEMES, register
from cockpit.widgets.chart import Chart
from cockpit.widgets.linked import Linked
from cockpit.widgets.map import Map, MapModel, Point
from cockpit.widgets.model import FIRED_INK, KL_INK, Curve, Ink, Limit, Model, percent
from cockpit.widgets.series import Series, from_columns
from cockpit.widgets.xaxis import Region

AXES = ("step", "tokens", "time")


def read(path: Path) -> list[dict[str, Any]]:
    """The events of a file; a torn last line is left out. OSError where the file cannot be read."""
    events = []
    for line in path.read_bytes().splitlines():
        try:
            events.append(msgspec.json.decode(line))
        except msgspec.DecodeError:
            continue
    return events


def models(events: list[dict[str, Any]]) -> tuple[Model, Model, Model, MapModel]:
    """KL, fired, tail perplexity and the map of a run."""
    steps = [e for e in events if e["event"] == "heal_step"]
    place = {axis: np.array([], dtype=float) for axis in AXES}
    if steps:
        place = {
            "step": np.arange(1.0, len(steps) + 1),
            "tokens": np.cumsum([float(e["tokens"]) for e in steps]),
            "time": _healing_seconds(steps),
        }
    regions = {axis: _regions(steps, xs) for axis, xs in place.items()}
    number = {(e["round"], e["step"]): n for n, e in enumerate(steps)}
    probes = [(number[e["round"], e["step"]], e) for e in events if e["event"] == "coherence_probed"]
    probed = {axis: [xs[n] for n, _ in probes] for axis, xs in place.items()}

    def column(name: str, key: str) -> Series:
        return from_columns(name, [e.get(key, np.nan) for e in steps], place, part=[e["round"] for e in steps])

    tail = from_columns("tail ppl", [e.get("tail_ppl", np.nan) for _, e in probes], probed)
    tau = Limit(steps[-1]["tau"]) if steps and "tau" in steps[-1] else None
    base = Curve(column("to base", "kl_base"), "base", Ink("dim", "past"))
    kl = Curve(column("kl", "kl"), "KL", KL_INK, value_role="accent-barrier")
    return (
        Model("KL to the previous student", "nats", (kl, base), regions, tau, x_labels=False),
        Model(
            curves=(Curve(column("fired", "fired"), "fired", FIRED_INK, percent, "accent-barrier"),),
            regions=regions,
            kind="bars",
            top=1.0,
            x_labels=False,
            tick=lambda v: f"{100 * v:.0f}",
        ),
        Model(
            curves=(Curve(tail, "tail ppl", Ink("accent-coherence"), lambda v: f"{v:.1f}", "accent-coherence"),),
            regions=regions,
            zero=False,
        ),
        MapModel(points=tuple(_points(events))),
    )


def _healing_seconds(steps: list[dict[str, Any]]) -> np.ndarray:
    """Seconds spent healing up to each step: the time between rounds is left out."""
    at = np.array([float(e["elapsed"]) for e in steps])
    rounds = np.array([e["round"] for e in steps])
    took = np.diff(at, prepend=at[0])
    took[np.diff(rounds, prepend=rounds[0]) != 0] = 0.0
    return np.cumsum(took) + 1e-3


def _regions(steps: list[dict[str, Any]], xs: np.ndarray) -> tuple[Region, ...]:
    rounds = np.array([e["round"] for e in steps])
    found, start = [], 0.0
    for r in sorted(set(rounds.tolist())):
        end = float(xs[rounds == r][-1])
        found.append(Region(f"r{r}", start, end, now=r == rounds[-1]))
        start = end
    return tuple(found)


def _points(events: list[dict[str, Any]]) -> list[Point]:
    return [
        Point(e["subject"], e["round"], e["metrics"]["authority_nats"], e["metrics"]["care_nats"])
        for e in events
        if e["event"] == "evaluated" and e["split"] == "val" and {"authority_nats", "care_nats"} <= set(e["metrics"])
    ]


class Demo(App[None]):
    """The charts of one run, the first three on one axis. t goes through the themes, q leaves."""

    CSS = """
    Screen { padding: 1 2; }
    Linked { width: 72; margin-right: 4; height: 16; }
    #kl { height: 9; } #fired { height: 2; margin-top: 1; } #tail { height: 3; margin-top: 1; }
    Map { width: 40; height: 16; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [("t", "theme", "theme"), ("q", "quit", "quit")]

    def __init__(self, events: list[dict[str, Any]]) -> None:
        super().__init__()
        self.kl, self.fired, self.tail, self.map = models(events)

    def compose(self) -> ComposeResult:
        """Three linked charts and the map beside them."""
        with Horizontal():
            with Linked():
                yield Chart(self.kl, axes=AXES, id="kl")
                yield Chart(self.fired, axes=AXES, id="fired")
                yield Chart(self.tail, axes=AXES, id="tail")
            yield Map(self.map)

    def on_mount(self) -> None:
        """Take the themes."""
        register(self)

    def action_theme(self) -> None:
        """The next theme."""
        names = [theme.name for theme in THEMES]
        self.theme = names[(names.index(self.theme) + 1) % len(names)]


def main(arguments: list[str]) -> int:
    """Run; 2 without a readable file."""
    if len(arguments) != 1:
        print("name the events.jsonl of a run: python -m cockpit.widgets.demo runs/<id>/events.jsonl", file=sys.stderr)
        return 2
    try:
        events = read(Path(arguments[0]))
    except OSError as error:
        print(f"cannot read {arguments[0]}: {error.strerror}", file=sys.stderr)
        return 2
    Demo(events).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
