"""A live run in a few values, from its new events only."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cockpit.live.feed import Facts, checklist
from cockpit.live.signals import left
from cockpit.live.view import RunView, Snapshot, read
from cockpit.runs import evidence, processes
from cockpit.runs.stream import Tail
from engine.contract.config import Config
from engine.contract.errors import BadInput
from engine.contract.rundir import RunDir
from engine.contract.runfile import load_runfile

Floats = NDArray[np.float64]
POINTS = 400
"""Values of a curve that are handed on, the extremes of each stretch kept."""


class Curve(NamedTuple):
    """Something over the steps of a run, thinned: place (steps since the run began), value and round of each point."""

    at: tuple[float, ...] = ()
    values: tuple[float, ...] = ()
    rounds: tuple[int, ...] = ()


class Pulse(NamedTuple):
    """A live run now. `elapsed` and `left` in seconds, KL and tau in nats; None where it is not known yet."""

    state: str  # starting, running, paused
    host: str  # '' on this machine
    round: int
    rounds: int
    stage: str
    done: int
    total: int
    elapsed: float | None
    left: float | None
    round_seconds: tuple[float, ...]  # of the rounds that are done
    tau: float | None
    reference: str  # prev or base
    kl: Curve
    tail: Curve
    base: float | None
    prompted: float | None
    healed: tuple[float, ...]  # trait rate after each round
    tail_ppl: float | None


class Live:
    """Follows one run. Its file is read once."""

    def __init__(self, folder: RunDir) -> None:
        self._folder, self._tail, self._view = folder, Tail(folder.events), RunView()
        self._config: Config | None = None
        with suppress(BadInput):
            self._config = load_runfile(folder.config).config
        self._estimate = Facts(preflight=checklist(folder)[0]).estimate

    def look(self) -> Pulse:
        """Read what is new. Raises OSError when the folder cannot be read."""
        if data := self._tail.read():
            self._view.add(read(data))
        return self._pulse(self._view.snapshot())

    def _pulse(self, seen: Snapshot) -> Pulse:
        process, config = evidence.process(self._folder), self._config
        host = str(process.get("host", ""))
        healed = tuple(v for e in seen.evaluated if (v := _trait(e, "healed")) is not None)
        steps = seen.steps
        taus = steps["tau"]
        return Pulse(
            state="paused" if seen.paused else "running" if seen.stage else "starting",
            host="" if host in ("", processes.host()) else host,
            round=seen.round,
            rounds=config.run.rounds if config else 0,
            stage=seen.stage,
            done=seen.done,
            total=seen.total,
            elapsed=seen.elapsed if seen.events else None,
            left=left(seen, config, self._estimate) if config and seen.events and not seen.finished else None,
            round_seconds=_round_seconds(seen),
            tau=float(taus[-1]) if len(taus) and np.isfinite(taus[-1]) else None,
            reference=config.heal.reference if config else "",
            kl=_curve(np.arange(1.0, len(steps["kl"]) + 1), steps["kl"], steps["round"]),
            tail=_curve(_places(seen), seen.probes["tail_ppl"], seen.probes["round"]),
            base=next((v for e in seen.evaluated if (v := _trait(e, "base")) is not None), None),
            prompted=next((v for e in seen.evaluated if (v := _trait(e, "prompted")) is not None), None),
            healed=healed,
            tail_ppl=next(
                (e.metrics.get("tail_ppl") for e in reversed(seen.evaluated) if e.subject == "healed"),
                None,
            ),
        )


def _trait(event: object, subject: str) -> float | None:
    if getattr(event, "subject", "") != subject or getattr(event, "split", "") != "val":
        return None
    value = getattr(event, "metrics", {}).get("trait_rate")
    return float(value) if isinstance(value, (int, float)) else None


def _round_seconds(seen: Snapshot) -> tuple[float, ...]:
    """Seconds of each round that is done."""
    by_round: dict[int, float] = {}
    for stage in seen.stages:
        by_round[stage.round] = by_round.get(stage.round, 0.0) + stage.seconds
    last = seen.round if seen.running or not seen.finished else seen.round + 1
    return tuple(by_round.get(number, 0.0) for number in range(1, last) if number in by_round)


def _places(seen: Snapshot) -> Floats:
    """Where each coherence probe lies among the steps."""
    found = [
        seen.of_round(int(number)).start + step
        for number, step in zip(seen.probes["round"].tolist(), seen.probes["step"].tolist(), strict=True)
    ]
    return np.array(found, dtype=np.float64)


def _curve(at: Floats, values: Floats, rounds: Floats) -> Curve:
    """At most about POINTS values, the lowest and the highest of each stretch."""
    if len(values) > POINTS:
        stretch = -(-len(values) * 2 // POINTS)
        starts = range(0, len(values), stretch)
        chosen: list[int] = []
        for start in starts:
            part = values[start : start + stretch]
            if np.isfinite(part).any():
                chosen += sorted({start + int(np.nanargmin(part)), start + int(np.nanargmax(part))})
        at, values, rounds = at[chosen], values[chosen], rounds[chosen]
    return Curve(tuple(at.tolist()), tuple(values.tolist()), tuple(int(r) for r in rounds))
