"""What the numbers of a run say while it goes on: the barrier's activity, the three gates, and the time that is left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

from cockpit.live.view import Snapshot
from engine.contract.config import Config
from engine.contract.events import Evaluated
from journal.text import label, number

State = Literal["met", "missed", "level", "pending"]
ROUND = ("extract", "dose", "generate", "keep", "heal", "bake", "evaluate")
"""The stages of a round, in the order of the strip; the steered model is evaluated before heal, the healed one at the end."""


class Barrier(NamedTuple):
    """The barrier at one step and over its round. KL, tau and slack in nats; None where it was not measured."""

    round: int
    step: int
    kl: float | None
    tau: float | None
    slack: float | None  # tau − KL: negative while the barrier acts
    kl_base: float | None
    fired: float | None  # share of the step's samples
    pressure: float | None  # g_bar / g_nll
    streak: int  # longest run of steps in which it fired
    first: int | None  # the step at which it first fired
    fired_round: float | None  # mean share over the round's steps so far


def barrier(view: Snapshot, row: int | None = None) -> Barrier | None:
    """The barrier at a row of the steps, the last one without it; None before the first step."""
    steps = view.steps
    if not len(steps["step"]):
        return None
    at = len(steps["step"]) - 1 if row is None else row
    round_ = int(steps["round"][at])
    part = view.of_round(round_)
    fired = np.asarray(steps["fired"][part.start : at + 1], float)
    on = np.flatnonzero(np.nan_to_num(fired) > 0)
    kl, tau = kl_at(view, at), _known(steps["tau"][at])
    g_nll, g_bar = _known(steps["g_nll"][at]), _known(steps["g_bar"][at])
    return Barrier(
        round=round_,
        step=int(steps["step"][at]),
        kl=kl,
        tau=tau,
        slack=tau - kl if kl is not None and tau is not None else None,
        kl_base=_known(steps["kl_base"][at]),
        fired=_known(steps["fired"][at]),
        pressure=g_bar / g_nll if g_nll and g_bar is not None else None,
        streak=_longest(np.nan_to_num(fired) > 0),
        first=int(steps["step"][part.start + on[0]]) if len(on) else None,
        fired_round=float(np.nanmean(fired)) if np.isfinite(fired).any() else None,
    )


def kl_at(view: Snapshot, row: int) -> float | None:
    """D of the run's own aggregate at a row of the steps, nats."""
    return _known(view.steps["kl"][row])


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _longest(on: np.ndarray[Any, np.dtype[np.bool_]]) -> int:
    if not on.any():
        return 0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], on, [False]]).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max())


class Filtered(NamedTuple):
    """What the filter of a round did. `surplus` passed it and was more than a round takes."""

    kept: int
    dropped: int
    surplus: int
    broken: int  # kept, though the trait's own label says that it is broken
    reasons: dict[str, int]  # without surplus, the largest first

    @property
    def passed(self) -> float:
        """The share that passed the filter."""
        every = self.kept + self.dropped + self.surplus
        return (self.kept + self.surplus) / every if every else 0.0


def filtered(view: Snapshot, round_: int) -> Filtered | None:
    """The filter's counts of a round; None before it ran."""
    event = next((k for k in reversed(view.kept) if k.round == round_), None)
    if event is None:
        return None
    reasons = {reason: sum(by.values()) for reason, by in event.dropped.items()}
    surplus = reasons.pop("surplus", 0)
    ordered = dict(sorted(reasons.items(), key=lambda kv: -kv[1]))
    return Filtered(sum(event.kept.values()), sum(reasons.values()), surplus, event.kept.get("broken", 0), ordered)


class Gate(NamedTuple):
    """One of the three questions of a round, and what answers it."""

    name: str
    question: str
    state: State
    evidence: str


class Limit(NamedTuple):
    """A floor or ceiling that a healed round must hold."""

    metric: str
    op: Literal[">=", "<="]
    value: float

    def held(self, metrics: Mapping[str, float]) -> bool | None:
        """None where the metric was not measured."""
        found = metrics.get(self.metric)
        if found is None:
            return None
        return found >= self.value if self.op == ">=" else found <= self.value

    def words(self) -> str:
        """'≥ .85'."""
        return f"{'≥' if self.op == '>=' else '≤'} {number(self.metric, self.value)}"


def limits(config: Config) -> tuple[Limit, ...]:
    """The floors of a run's own config."""
    floors = config.evaluate
    return (
        Limit("coherence", ">=", floors.coherence_floor),
        Limit("capability", ">=", floors.capability_floor),
        Limit("tail_ppl", "<=", floors.tail_ppl_ceiling),
    )


def gates(view: Snapshot, config: Config, round_: int) -> tuple[Gate, Gate, Gate]:
    """U1 to U3 of a round, from val alone."""
    steered, healed = view.row("steered", round_=round_), view.row("healed", round_=round_)
    before = view.row("healed", round_=round_ - 1) if round_ > 1 else view.row("base")
    return (
        _can_filter(view, config, round_),
        _can_heal(view, config, round_, steered, healed),
        _still_moving(config, before, healed),
    )


def _can_filter(view: Snapshot, config: Config, round_: int) -> Gate:
    question, found = "can we filter?", filtered(view, round_)
    if found is None:
        return Gate("U1", question, "pending", "nothing was filtered yet")
    soup = f"{found.broken} broken among the kept" if found.broken else "no soup among the kept"
    enough = found.kept >= config.keep.min_kept
    why = soup if enough else f"{found.kept} kept, {config.keep.min_kept} are needed"
    return Gate("U1", question, "met" if enough else "missed", f"{why}, {100 * found.passed:.0f} % pass")


def _can_heal(view: Snapshot, config: Config, round_: int, steered: Evaluated | None, healed: Evaluated | None) -> Gate:
    question = "can we heal?"
    if healed is None:
        nll = [epoch.val_nll for epoch in view.epochs if epoch.round == round_]
        shown = f"val nll {nll[0]:.2f} to {nll[-1]:.2f}" if len(nll) > 1 else "no healed evaluation yet"
        return Gate("U2", question, "pending", shown)
    broken = [limit for limit in limits(config) if limit.held(healed.metrics) is False]
    if broken:
        told = ", ".join(f"{label(b.metric)} {number(b.metric, healed.metrics[b.metric])}" for b in broken)
        return Gate("U2", question, "missed", f"{told}, not {broken[0].words()}")
    before = steered.metrics.get("broken") if steered else None
    after = healed.metrics.get("broken")
    if before is not None and after is not None:
        return Gate("U2", question, "met", f"broken {number('broken', before)} to {number('broken', after)}")
    return Gate("U2", question, "met", "floors held")


def _still_moving(config: Config, before: Evaluated | None, healed: Evaluated | None) -> Gate:
    question = "still moving?"
    if healed is None or before is None:
        return Gate("U3", question, "pending", "no healed evaluation yet")
    was, now = before.metrics.get("trait_rate"), healed.metrics.get("trait_rate")
    if was is None or now is None:
        return Gate("U3", question, "pending", "the trait was not measured")
    told = f"trait {number('trait_rate', was)} to {number('trait_rate', now)}"
    if any(limit.held(healed.metrics) is False for limit in limits(config)):
        return Gate("U3", question, "missed", f"{told}, below the floors")
    if now > was:
        return Gate("U3", question, "met", told)
    return Gate("U3", question, "level" if was - now <= config.evaluate.margin else "missed", told)


def left(view: Snapshot, config: Config, estimate: Mapping[str, float], *, now: float | None = None) -> float | None:
    """Seconds until the run ends, from its own stages where they were measured, else from the estimate of its preflight.

    `estimate` holds seconds by stage over the whole run, `now` the elapsed seconds at this moment. None when nothing tells."""
    if view.finished:
        return 0.0
    rounds = config.run.rounds
    each = {stage: _a_round(view, stage, estimate, rounds) for stage in ROUND}
    baseline = next((s.seconds for s in view.stages if s.stage == "baseline"), estimate.get("baseline"))
    if baseline is None or any(seconds is None for seconds in each.values()):
        return None
    known = {stage: float(seconds) for stage, seconds in each.items() if seconds is not None}
    reveal = 2 * baseline * _test_share(config)
    total = 0.0 if view.stage not in ("", "load", "baseline") else baseline
    total += (rounds - max(view.round, 1)) * sum(known.values()) + reveal
    spent = (now if now is not None else view.elapsed) - view.stage_began if view.running else 0.0
    if view.stage == "baseline":
        total = max(total - spent, 0.0)
    if view.round < 1:
        return total + sum(known.values())
    done = [s.stage for s in view.stages if s.round == view.round]
    if view.stage == "evaluate" and done.count("evaluate") >= 2:
        return max(reveal - spent, 0.0) if view.running else 0.0
    for stage in ROUND:
        times = 2 if stage == "evaluate" else 1
        if stage == view.stage and view.running:
            total -= _spent(view, known[stage] / times, spent)
        total += known[stage] * max(1 - done.count(stage) / times, 0.0)
    return max(total, 0.0)


def _spent(view: Snapshot, expected: float, spent: float) -> float:
    """What of the running stage's expected seconds is over: by its progress where it tells one, else by the clock."""
    if view.total and view.done and view.stage != "evaluate":
        return expected * min(view.done / view.total, 1.0)
    return min(spent, expected)


def _a_round(view: Snapshot, stage: str, estimate: Mapping[str, float], rounds: int) -> float | None:
    """Seconds of a stage in one round; the last evaluation of a run, on test, is no part of a round."""
    by_round: dict[int, list[float]] = {}
    for done in view.stages:
        if done.stage == stage and done.round > 0:
            by_round.setdefault(done.round, []).append(done.seconds)
    if stage == "evaluate":
        whole = [sum(times[:2]) for times in by_round.values() if len(times) >= 2]
        if not whole and by_round:
            return 2 * next(iter(by_round.values()))[0]
    else:
        whole = [sum(times) for times in by_round.values()]
    if whole:
        return sum(whole) / len(whole)
    total = estimate.get(stage)
    return total / rounds if total is not None else 0.0 if stage in ("bake", "keep", "dose") and estimate else None


def _test_share(config: Config) -> float:
    """Items of one subject on test against val."""
    rest = config.evaluate.vignettes + config.evaluate.facts
    return (2 * config.evaluate.test_prompts + rest) / (2 * config.evaluate.prompts + rest)
