"""Alerts of a run while it goes on: the signatures' own thresholds, one event at a time, at a cost that does not grow with the run.

Each alert has hysteresis: it is raised once, after several steps over its bound, and cleared only after many below a lower one; then it
can be raised again. The worker feeds every event that it writes and writes what comes back."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

from msgspec import UNSET

from engine.contract import events as e
from engine.contract.config import Config
from engine.diagnosis.thresholds import Thresholds

INERT_STEPS = 40
"""Steps of a round in which a barrier that never fired is worth a word."""


class Latch:
    """Raised after `arm` values in a row from `over` on, cleared after `hold` in a row below `under`."""

    def __init__(self, over: float, under: float, arm: int = 1, hold: int = 8) -> None:
        self._over, self._under, self._arm, self._hold = over, under, arm, hold
        self.raised, self._streak = False, 0

    def see(self, value: float) -> str:
        """'raised' or 'cleared' when this value changes the state, else ''. A NaN counts as under."""
        towards = value < self._under or value != value if self.raised else value >= self._over
        self._streak = self._streak + 1 if towards else 0
        if self._streak < (self._hold if self.raised else self._arm):
            return ""
        self._streak, self.raised = 0, not self.raised
        return "raised" if self.raised else "cleared"


class Window:
    """Mean and spread of the last `size` values, updated in constant time."""

    def __init__(self, size: int) -> None:
        self._held: deque[float] = deque(maxlen=size)
        self._sum = self._square = 0.0

    def __len__(self) -> int:
        return len(self._held)

    def add(self, value: float) -> None:
        """Take a value in, and let the oldest go."""
        if len(self._held) == self._held.maxlen:
            old = self._held[0]
            self._sum, self._square = self._sum - old, self._square - old * old
        self._held.append(value)
        self._sum, self._square = self._sum + value, self._square + value * value

    def sigma(self, value: float) -> float:
        """Standard deviations of a value above the mean, with the mean's thousandth as the least one."""
        n = max(len(self._held), 1)
        mean = self._sum / n
        spread = math.sqrt(max(self._square / n - mean * mean, 0.0))
        return (value - mean) / max(spread, 1e-3 * abs(mean), 1e-12)

    @property
    def mean(self) -> float:
        return self._sum / max(len(self._held), 1)


class Alerts:
    """Fed with every event of a run in order; `feed` returns what to write beside it. A `vocabulary` is given for pretrained weights, whose
    loss must not be a uniform guess's; 0 leaves that unjudged."""

    def __init__(self, config: Config | None = None, vocabulary: int = 0, thresholds: Thresholds | None = None) -> None:
        self._t = thresholds or Thresholds()
        self._config = config
        self._base_tail = self._base_mass = self._base_broken = 0.0
        self._uniform = math.log(vocabulary) if vocabulary else 0.0
        self._losses = Window(self._t.spike_window)
        self._latches = self._fresh()
        self._quiet = 0
        self._highest = 0.0
        self._round = 0
        self._lowest = math.inf
        self._hear: dict[type, Callable[..., list[e.Alert]]] = {
            e.HealStep: self._step,
            e.ScriptStep: self._script_step,
            e.EpochFinished: self._epoch,
            e.CoherenceProbed: self._probe,
            e.Evaluated: self._evaluated,
            e.Kept: self._kept,
            e.RunResumed: self._resumed,
        }

    def feed(self, event: e.Event) -> list[e.Alert]:
        """The alerts that an event raises or clears; most raise none."""
        hear = self._hear.get(type(event))
        return hear(event) if hear else []

    def _fresh(self) -> dict[str, Latch]:
        t = self._t
        return {
            "spike": Latch(1.0, 0.5, arm=1, hold=16),
            "exploding gradients": Latch(t.exploding[1], t.exploding[0], arm=3),
            "vanishing gradients": Latch(1 / t.backward_low[1], 1 / t.backward_low[0], arm=8),
            "learning rate too high": Latch(t.update_high[1], t.update_high[0], arm=2),
            "learning rate too low": Latch(1 / t.update_low[1], 1 / t.update_low[0], arm=t.settled),
            "stuck near ln V": Latch(1.0, 0.5, arm=t.settled),
            "loss exactly 0": Latch(1.0, 0.5, arm=t.constant_steps),
            "placeholder data": Latch(1.0, 0.5, arm=t.constant_steps),
            "inert barrier": Latch(float(INERT_STEPS), 1.0, arm=1, hold=2),
            "over-tight barrier": Latch(t.pressure[1], t.pressure[0], arm=t.settled),
            "validation rises": Latch(1 + t.gap[1], 1 + t.gap[0], arm=1, hold=1),
            "mode collapse": Latch(4.0, 3.0, arm=2, hold=2),
            "broken answers": Latch(t.broken_rise[0], t.broken_rise[0] / 2, arm=1, hold=1),
            "starved filter": Latch(1.0, 0.67, arm=1, hold=1),
        }

    def _see(self, event: e.Event, name: str, value: float, told: Callable[[], str]) -> list[e.Alert]:
        """An alert of a latch, when a value turns it."""
        state = self._latches[name].see(value)
        if not state:
            return []
        words = told() if state == "raised" else f"back within its bounds: {told()}"
        return [
            e.Alert(signature=name, state=state, evidence=words, round=event.round, stage=event.stage)  # type: ignore[arg-type]
        ]

    # events

    def _step(self, s: e.HealStep) -> list[e.Alert]:
        if s.round != self._round:
            self._begin(s.round)
        found = self._losses_of(s, s.loss, s.grad_norm)
        t = self._latches
        if self._uniform:
            below, above = self._t.near_uniform
            near = float(self._uniform - below <= s.nll <= self._uniform + above)
            found += self._see(
                s, "stuck near ln V", near, lambda: f"nll {s.nll:.3g}, a uniform guess has {self._uniform:.3g}"
            )
        ratio = s.update_ratio
        if ratio >= self._t.update_high[0] or t["learning rate too high"].raised:
            found += self._see(
                s, "learning rate too high", ratio, lambda: f"updates of {ratio:.2g} of the weights at rate {s.lr:.2g}"
            )
        inverse = 1 / ratio if ratio > 0 else math.inf
        found += self._see(
            s, "learning rate too low", inverse, lambda: f"updates of {ratio:.2g} of the weights at rate {s.lr:.2g}"
        )
        g_nll, g_bar = s.g_nll, s.g_bar
        if g_nll is not UNSET and g_nll > 0:
            share = s.grad_norm / g_nll
            lost = 1 / share if share > 0 else math.inf
            found += self._see(
                s, "vanishing gradients", lost, lambda: f"gradient norm {s.grad_norm:.2g}, {g_nll:.2g} at the head"
            )
            if g_bar is not UNSET:
                pressure = g_bar / g_nll
                found += self._see(
                    s, "over-tight barrier", pressure, lambda: f"pressure {pressure:.2g} at step {s.step}"
                )
        return found + self._barrier(s)

    def _barrier(self, s: e.HealStep) -> list[e.Alert]:
        """Steps in a row without a barrier that fired, against the highest D so far."""
        if s.fired is UNSET or s.tau is UNSET or s.lam is UNSET or s.lam == 0:
            return []
        tau, d = s.tau, 0.0 if s.kl is UNSET else s.kl
        self._highest = max(self._highest, d)
        self._quiet = 0 if s.fired > 0 else self._quiet + 1
        quiet, highest = self._quiet, self._highest
        words = f"fired 0 % for {quiet} steps, the highest D {highest:.2g} under tau {tau:.2g}"
        return self._see(s, "inert barrier", float(quiet), lambda: words if quiet else f"fired at step {s.step}")

    def _script_step(self, s: e.ScriptStep) -> list[e.Alert]:
        if s.loss is UNSET:
            return []
        return self._losses_of(s, s.loss, None if s.grad_norm is UNSET else s.grad_norm)

    def _losses_of(self, s: e.HealStep | e.ScriptStep, loss: float, norm: float | None) -> list[e.Alert]:
        """What every training loop shows: spikes, exploding gradients, and losses that nobody measured."""
        found = self._see(
            s, "loss exactly 0", float(loss == 0.0), lambda: f"loss exactly 0 at step {s.step}: every label is masked"
        )
        same = float(loss == 1.0 and norm in (1.0, None))
        found += self._see(s, "placeholder data", same, lambda: f"loss and gradient norm exactly 1 at step {s.step}")
        if norm is not None:
            found += self._see(s, "exploding gradients", norm, lambda: f"gradient norm {norm:.3g} at step {s.step}")
        seen, mean = len(self._losses), self._losses.mean
        bound = self._t.spike_sigma if seen >= self._t.spike_armed else self._t.spike_early_sigma
        sigma = self._losses.sigma(loss) if seen >= self._t.spike_early else 0.0
        spiked = float(sigma > bound and loss > mean + self._t.spike_rise * abs(mean))
        found += self._see(
            s, "spike", spiked, lambda: f"loss {loss:.3g} at step {s.step}, the steps before have {mean:.3g}"
        )
        self._losses.add(loss)
        return found

    def _epoch(self, s: e.EpochFinished) -> list[e.Alert]:
        if s.round != self._round:
            self._begin(s.round)
        self._lowest = min(self._lowest, s.val_nll)
        rise = s.val_nll / self._lowest if self._lowest > 0 and s.val_nll - self._lowest >= self._t.gap_nats else 1.0
        lowest = self._lowest
        return self._see(
            s, "validation rises", rise, lambda: f"validation {s.val_nll:.3g} nats after {lowest:.3g}, epoch {s.epoch}"
        )

    def _probe(self, s: e.CoherenceProbed) -> list[e.Alert]:
        if not self._base_tail:
            return []
        lost = s.mass < self._t.base_coherence <= self._base_mass
        share = max(s.tail_ppl / self._base_tail, 4.0 if lost else 0.0)
        base = self._base_tail
        return self._see(
            s,
            "mode collapse",
            share,
            lambda: f"tail ppl {s.tail_ppl:,.3g} (base {base:.3g}), answer mass {s.mass:.2f}",
        )

    def _evaluated(self, s: e.Evaluated) -> list[e.Alert]:
        if s.subject == "base" and s.split == "val":
            self._base_tail, self._base_mass = s.metrics.get("tail_ppl", 0.0), s.metrics.get("coherence", 0.0)
            self._base_broken = s.metrics.get("broken", 0.0)
        if s.subject != "healed" or s.split != "val" or "broken" not in s.metrics:
            return []
        now, base = s.metrics["broken"], self._base_broken
        return self._see(
            s,
            "broken answers",
            now - base,
            lambda: f"{now:.0%} of the healed answers are broken, {base:.0%} of the base's",
        )

    def _kept(self, s: e.Kept) -> list[e.Alert]:
        if self._config is None:
            return []
        kept, least = sum(s.kept.values()), self._config.keep.min_kept
        return self._see(
            s, "starved filter", 1.25 * least / max(kept, 1), lambda: f"{kept} completions kept, {least} are the floor"
        )

    def _resumed(self, s: e.RunResumed) -> list[e.Alert]:
        self._begin(0)
        self._losses = Window(self._t.spike_window)
        return []

    def _begin(self, round_: int) -> None:
        """A round has its own barrier, validation and losses; alerts that stand go on standing until they are seen to clear."""
        self._round, self._quiet, self._highest, self._lowest = round_, 0, 0.0, math.inf
        self._losses = Window(self._t.spike_window)
