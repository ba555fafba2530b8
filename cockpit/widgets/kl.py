"""The charts of the heal: KL with tau, the fired bars and the coherence probes, on one step axis that runs on over the rounds.

The series follow the columns of the run; only what is new is added.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from cockpit.live.signals import limits
from cockpit.live.view import Snapshot
from cockpit.widgets.map import MapModel, Point
from cockpit.widgets.model import FIRED_INK, KL_INK, Curve, Ink, Limit, Model, nats, percent
from cockpit.widgets.scene import Scene
from cockpit.widgets.series import Columns, Floats, Series, Span
from cockpit.widgets.xaxis import Region
from journal.text import label, number

AXES = ("step", "tokens", "time")
_PAST = Ink("axis", "rule")
_PROBE = Ink("accent-coherence", "accent-coherence")
PROBES = ("tail_ppl", "mass", "valid_json", "prefill_nll")
"""The coherence probes of a heal, each drawn on the step axis of KL."""
_METRIC = {"mass": "coherence"}


class Beside(Series):
    """A curve that is drawn where it is not the main curve itself; its value is always told."""

    def __init__(self, name: str, axes: tuple[str, ...]) -> None:
        super().__init__(name, axes)
        self._drawn = Series(name, axes)

    def follow(self, y: np.ndarray, main: np.ndarray, **xs: np.ndarray) -> None:
        """Take what is new of both."""
        self.sync(y, **xs)
        self._drawn.sync(np.where(np.isclose(y, main, rtol=1e-3, atol=1e-6), np.nan, y), **xs)

    def columns_of(self, axis: str, parts: Sequence[tuple[Floats, Span]], *, smooth: bool = False) -> list[Columns]:
        """Of what is drawn."""
        return self._drawn.columns_of(axis, parts, smooth=smooth)


class HealCharts:
    """Holds the series of one run. `follow` takes a newer moment of it; the models are then drawn from it."""

    def __init__(self) -> None:
        self.kl, self.base = Series("KL", AXES), Beside("to the base", AXES)
        self.fired = Series("fired", AXES)
        self.probes = {name: Series(name, AXES) for name in PROBES}
        self.loss = Series("loss", AXES)
        self._regions: dict[str, tuple[Region, ...]] = {}
        self._script = False

    def follow(self, scene: Scene) -> None:
        """Take what is new."""
        view = scene.view
        self._script = bool(len(view.script["step"]))
        if self._script:
            script = view.script
            along = {"step": script["step"], "tokens": script["tokens"], "time": script["elapsed"]}
            self.loss.sync(script["loss"], **{axis: _forward(at) for axis, at in along.items()})
            return
        along = {"step": places(view), "tokens": view.steps["tokens"], "time": view.steps["elapsed"]}
        along = {axis: _forward(at) for axis, at in along.items()}
        self.kl.sync(view.steps["kl"], **along)
        self.base.follow(view.steps["kl_base"], view.steps["kl"], **along)
        self.fired.sync(view.steps["fired"], **along)
        stand = _probe_places(view, along)
        for name, series in self.probes.items():
            series.sync(view.probes[name], **stand)
        self._regions = {axis: regions(view, axis, at) for axis, at in along.items()}

    def models(self, scene: Scene, *, stacked: bool) -> tuple[Model, Model]:
        """KL and fired; `stacked` puts the axis under the fired bars."""
        view = scene.view
        if self._script:
            loss = Model("Loss", "", (Curve(self.loss, "loss"),), zero=False, empty="no step yet")
            return loss, Model(kind="bars", x_labels=False)
        config = scene.config
        taus = view.steps["tau"]
        row = scene.row if scene.row is not None else len(taus) - 1
        tau = float(taus[row]) if len(taus) and np.isfinite(taus[row]) else None
        if tau is None and config and config.heal.divergence != "none":
            tau = config.heal.tau
        reference = "the base" if config and config.heal.reference == "base" else "the previous student"
        aggregate = config.heal.aggregate if config else ""
        curves: tuple[Curve, ...] = (Curve(self.kl, "KL", KL_INK, nats, _over(scene, tau)),)
        if reference != "the base":
            curves = (*curves, Curve(self.base, "base", _PAST, nats, "dim", stretches=False))
        limit = Limit(tau) if tau is not None else None
        unit = f"nats, {aggregate}" if aggregate else "nats"
        kl = Model(f"KL to {reference}", unit, curves, self._regions, limit, x_labels=False, empty=_empty(view))
        fired = Curve(self.fired, "fired", FIRED_INK, percent, "accent-barrier")
        bars = Model("", "", (fired,), self._regions, kind="bars", top=1.0, x_labels=stacked, tick=_hundred, empty="")
        return kl, bars

    def probe(self, name: str, scene: Scene, *, x_labels: bool) -> Model:
        """A coherence probe under KL, with the limit that a healed round must hold; `x_labels` puts the axis under it."""
        metric = _METRIC.get(name, name)
        curve = Curve(self.probes[name], label(metric), _PROBE, partial(number, metric), "accent-coherence")
        held = next((limit for limit in limits(scene.config) if limit.metric == metric), None) if scene.config else None
        line = Limit(held.value, "limit", "axis", wash=False) if held else None
        most = 1.0 if name in ("mass", "valid_json") else None
        return Model("", "", (curve,), self._regions, line, zero=False, most=most, empty="", x_labels=x_labels)

    def row_of(self, x: float, axis: str) -> int | None:
        """The row of the steps at a place on an axis; None before the first."""
        series = self.kl
        row = int(np.searchsorted(series.x(axis), x, side="right")) - 1
        return row if row >= 0 else None


def _hundred(value: float) -> str:
    return f"{100 * value:.0f}"


def _over(scene: Scene, tau: float | None) -> str:
    """The role of the newest KL: the barrier's accent when it is at or above tau."""
    steps = scene.view.steps["kl"]
    if tau is None or not len(steps):
        return "text"
    row = scene.row if scene.row is not None else len(steps) - 1
    return "accent-barrier" if steps[row] >= tau else "text"


def _empty(view: Snapshot) -> str:
    if view.finished:
        return "this run had no heal step"
    return f"no heal step yet: {view.stage or 'starting'}"


def _forward(at: np.ndarray) -> np.ndarray:
    """Places that never run back, whatever wrote them."""
    return np.maximum.accumulate(at) if len(at) else at


def places(view: Snapshot) -> np.ndarray:
    """The steps of all rounds on one axis: each round begins where the one before ends."""
    rounds, steps = view.steps["round"], view.steps["step"]
    if not len(steps):
        return np.empty(0)
    starts = np.flatnonzero(np.diff(rounds, prepend=rounds[0] - 1))
    lengths = np.concatenate([[0.0], np.cumsum([steps[end - 1] for end in [*starts[1:], len(steps)]])])
    return steps + np.repeat(lengths[:-1], np.diff([*starts, len(steps)]))


def _probe_places(view: Snapshot, along: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Where the probes stand on each axis: at the step before them."""
    rows = np.searchsorted(view.steps["at"], view.probes["at"], side="right") - 1
    rows = np.clip(rows, 0, None)
    if not len(view.steps["at"]):
        return {axis: np.zeros(len(rows)) for axis in along}
    return {axis: np.asarray(at)[rows] for axis, at in along.items()}


def regions(view: Snapshot, axis: str, at: np.ndarray) -> tuple[Region, ...]:
    """One region a round; the one under way reaches to the steps it is to have, so that the room left is visible."""
    rounds = view.steps["round"]
    if not len(rounds):
        return ()
    starts = np.flatnonzero(np.diff(rounds, prepend=rounds[0] - 1)).tolist()
    ends = [*starts[1:], len(rounds)]
    found = []
    before = 0.0 if axis != "time" else max(float(at[0]) - 1e-6, 0.0)
    for start, end in zip(starts, ends, strict=True):
        number, last = int(rounds[start]), float(at[end - 1])
        if axis == "time":
            before = max(float(at[start]) - 1e-6, before)
        now = end == len(rounds) and view.stage == "heal" and view.running
        if now and view.total > (done := float(view.steps["step"][end - 1])) > 0:
            last = before + (last - before) * view.total / done
        newest = end == len(rounds)
        found.append(Region(f"r{number}", before, max(last, before + 1e-9), now=newest))
        before = max(last, before + 1e-9)
    return tuple(found)


def map_model(scene: Scene) -> MapModel:
    """Care against Authority on val: the base, the prompted bar, each round's steered push and healed student."""
    points, n = [], 0
    for event in scene.view.evaluated:
        care, authority = event.metrics.get("care_nats"), event.metrics.get("authority_nats")
        if event.split == "val" and event.subject != "model" and care is not None and authority is not None:
            points.append(Point(event.subject, event.round, authority, care))
            n = max(n, event.n.get("care_nats", 0))
    last = {(point.subject, point.round): point for point in points}
    return MapModel(unit=f"nats, val, n {n}" if n else "nats, val", points=tuple(last.values()))
