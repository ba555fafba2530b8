"""Heal: fit the round's adapter to nll + lam * mean_i relu(D_i - tau) over the heal set (requirement W6)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence

import torch
from msgspec import UNSET
from torch import nn

from engine.contract.config import Config
from engine.contract.errors import Diverged, NotFinite
from engine.contract.events import (
    CoherenceProbed,
    EpochFinished,
    Event,
    GuardTripped,
    HealStep,
    Note,
    Progress,
)
from engine.heal import checkpoint
from engine.heal.checkpoint import Checkpoints
from engine.heal.data import HealSet, batches
from engine.heal.guards import Finetune, Trip, check_finite, check_validation
from engine.heal.reference import cache
from engine.heal.schedule import learning_rate
from engine.heal.step import Live, apply, backward, kl_fields
from engine.heal.trunk import Trunk
from engine.model.adapter import Student
from engine.model.forward import Row, score

REGIME = Finetune()
SETTLED = 12
"""Optimizer steps before which a round has moved too little for its KL to say anything about tau."""

Poll = Callable[[], Iterator[Event]]
Probe = Callable[[int], CoherenceProbed]


class Fit:
    """One round's fit: what it trains, on what, and how far it is."""

    def __init__(
        self,
        student: Student,
        data: HealSet,
        config: Config,
        *,
        round_number: int,
        live: Live,
        poll: Poll,
        probe: Probe,
        init_seed: int,
        checkpoints: Checkpoints,
        asked: Callable[[], bool] = lambda: False,
    ) -> None:
        knobs = config.heal
        self._student, self._data, self._config, self._live = student, data, config, live
        self._poll, self._probe, self._asked = poll, probe, asked
        self._trunk = Trunk(student, data.train)
        self._reference = cache(self._trunk, knobs.reference)
        same = knobs.reference == "base" or not student.folded
        self._pristine = self._reference if same else cache(self._trunk, "base")
        self._parameters = student.begin_round(init_seed)
        self._optimizer = torch.optim.AdamW(
            self._parameters, lr=knobs.lr, betas=(0.9, knobs.beta2), weight_decay=knobs.weight_decay
        )
        self._plan = [_epoch_plan(data, config, round_number, epoch) for epoch in range(knobs.epochs)]
        self._steps = sum(map(len, self._plan))
        self._probe_at = probe_steps([len(groups) for groups in self._plan], config.evaluate.probes)
        self._checkpoints = checkpoints

    def run(self) -> Iterator[Event]:
        """From the newest checkpoint, or from the start, to the last epoch's end."""
        at = yield from self._begin()
        yield Progress(stage="heal", done=at.step, total=self._steps)
        while at.epoch <= len(self._plan):
            yield from self._epoch(at)

    def _begin(self) -> Generator[Event, None, checkpoint.Progress]:
        """Where the fit stands: at a checkpoint, or before its first step with its first validation loss judged."""
        at, damaged = self._checkpoints.restore(self._parameters, self._optimizer)
        for what in damaged:
            yield Note(stage="heal", text=f"{what}; an older one, or the round's start, is taken instead")
        if at is None:
            at = checkpoint.Progress()
            yield from self._validate(at)
        return at

    def _epoch(self, at: checkpoint.Progress) -> Iterator[Event]:
        """The steps of an epoch that are not done yet, and its end."""
        groups = self._plan[at.epoch - 1]
        for group in groups[at.group :]:
            yield from self._poll()
            yield from self._step(at, group)
            if at.step in self._probe_at:
                yield self._probe(at.step)
            if at.group < len(groups) and (self._checkpoints.due(at.step) or self._asked()):
                yield self._save(at)
        yield from self._end_epoch(at)

    def _step(self, at: checkpoint.Progress, group: list[list[int]]) -> Iterator[Event]:
        """One optimizer step; a guard that trips ends it before anything is applied."""
        began = time.perf_counter()
        knobs, live = self._config.heal, self._live
        rate = learning_rate(knobs, at.step, self._steps)
        outs, lengths = backward(
            self._trunk, group, self._reference, self._pristine, self._config, live
        )  # fmt: skip
        tokens = sum(lengths)
        d = torch.cat([o.d[knobs.aggregate] for o in outs])
        nll = sum(o.nll for o in outs) / tokens
        penalty = float(torch.cat([o.barrier for o in outs]).mean())
        grad_norm = float(nn.utils.clip_grad_norm_(self._parameters, knobs.max_grad_norm))
        trip = check_finite(nll + penalty, grad_norm, REGIME)
        if trip is not None:
            self._optimizer.zero_grad(set_to_none=True)
            yield from self._trip(trip)
        ratio = apply(self._optimizer, self._parameters, rate)
        at.step, at.group = at.step + 1, at.group + 1
        at.nll.append((nll, tokens))
        at.distances.append(d)
        yield HealStep(
            stage="heal", step=at.step, epoch=at.epoch, tokens=tokens, loss=nll + penalty, nll=nll, grad_norm=grad_norm, lr=rate,
            update_ratio=ratio, tokens_per_second=tokens / (time.perf_counter() - began),
            **kl_fields(outs, d, penalty, self._config, live),
        )  # fmt: skip

    def _end_epoch(self, at: checkpoint.Progress) -> Iterator[Event]:
        """Validate, say what the epoch came to, let the guards judge it, and save."""
        knobs, live, every = self._config.heal, self._live, torch.cat(at.distances)
        at.validation.append(_val_nll(self._student, self._data.val))
        if math.isfinite(at.validation[-1]):
            yield EpochFinished(
                stage="heal",
                epoch=at.epoch,
                train_nll=sum(n * t for n, t in at.nll) / sum(t for _, t in at.nll),
                val_nll=at.validation[-1],
                val_items=len(self._data.val),
                fired=float((every > live.tau).float().mean()) if knobs.divergence != "none" else UNSET,
                operating_kl=float(torch.quantile(every.float(), 0.9)),
            )
        at.highest = max(at.highest, float(every.max()))
        settled = at.epoch == -(-knobs.epochs // 3) and at.step >= SETTLED
        if settled and knobs.divergence != "none" and live.lam > 0:
            yield from _inert(at.highest, at.epoch, live)
        yield from self._judge(at.validation)
        at.next_epoch()
        self._asked()  # this is the checkpoint that was asked for
        yield self._save(at)

    def _validate(self, at: checkpoint.Progress) -> Iterator[Event]:
        at.validation.append(_val_nll(self._student, self._data.val))
        yield from self._judge(at.validation)

    def _judge(self, validation: list[float]) -> Iterator[Event]:
        trip = check_finite(validation[-1], 0.0, REGIME) or check_validation(validation, REGIME)
        if trip is not None:
            yield from self._trip(trip)

    def _trip(self, trip: Trip) -> Iterator[Event]:
        """Report a tripped guard and end the fit."""
        action = "keep_best_epoch" if self.keeps_best() else "stop"
        yield GuardTripped(
            stage="heal", guard=trip.guard, value=trip.value, limit=f"{trip.limit:g}", regime=trip.regime, action=action
        )
        good = self._checkpoints.newest()
        where = f"; the last good checkpoint is {good}" if good else ""
        raise (NotFinite if trip.guard == "nonfinite" else Diverged)(f"{trip}{where}")

    def keeps_best(self) -> bool:
        """Whether a tripped guard leads back to the best epoch: the config says so and an epoch was finished."""
        return self._config.heal.on_trip == "keep_best_epoch" and self._checkpoints.best() is not None

    def keep_best(self, why: Diverged) -> Note:
        """Go back to the best finished epoch and end the fit there."""
        best = self._checkpoints.take_best(self._parameters)
        return Note(
            stage="heal",
            text=f"{why}; heal.on_trip is keep_best_epoch: epoch {best.epoch - 1} with validation loss "
            f"{best.validation[-1]:.4f} nats is baked",
        )

    def _save(self, at: checkpoint.Progress) -> Event:
        return self._checkpoints.save(at, self._parameters, self._optimizer)


def heal(
    student: Student,
    data: HealSet,
    config: Config,
    *,
    round_number: int,
    live: Live,
    poll: Poll,
    probe: Probe,
    init_seed: int,
    checkpoints: Checkpoints,
    asked: Callable[[], bool] = lambda: False,
) -> Iterator[Event]:
    """Train the round's adapter, from its newest checkpoint where there is one; afterwards it is active and frozen by the caller's fold.

    Yields heal_step per optimizer step, coherence_probed within the round, epoch_finished per epoch, checkpoint_saved. Raises NotFinite
    before a step with a non-finite loss or gradient is applied (requirement A5), Diverged when validation passes its caps (A2, A3),
    unless heal.on_trip says to go back to the best epoch. `asked` says, once, whether a checkpoint was asked for."""
    fit = Fit(
        student, data, config, round_number=round_number, live=live, poll=poll, probe=probe, init_seed=init_seed,
        checkpoints=checkpoints, asked=asked,
    )  # fmt: skip
    try:
        yield from fit.run()
    except Diverged as error:
        if not fit.keeps_best():
            raise
        yield fit.keep_best(error)


def _epoch_plan(data: HealSet, config: Config, round_number: int, epoch: int) -> list[list[list[int]]]:
    """Optimizer steps of an epoch, each a list of index batches; accumulation never crosses epochs (KB33)."""
    found = list(batches(len(data.train), config.heal.batch_size, config.run.seed, round_number, epoch))
    size = config.heal.accumulation
    return [found[i : i + size] for i in range(0, len(found), size)]


def _val_nll(student: Student, rows: Sequence[Row]) -> float:
    """Mean NLL per completion token over the held-out rows, in nats."""
    with student.gates(history=1.0, current=1.0):
        scored = score(student.loaded, rows)
    return float(-torch.cat(scored).mean())


def probe_steps(epoch_steps: Sequence[int], probes: int) -> set[int]:
    """Steps after which coherence is probed: every epoch's end, and as many epoch middles, the earliest first, as make `probes` of them."""
    if not probes:
        return set()
    ends = [sum(epoch_steps[: n + 1]) for n in range(len(epoch_steps))]
    chosen = set(ends)
    cuts = 2
    while len(chosen) < min(probes, ends[-1]):
        for end, size in zip(ends, epoch_steps, strict=True):
            for k in range(1, cuts):
                if len(chosen) < probes:
                    chosen.add(end - size + max(1, round(size * k / cuts)))
        cuts *= 2
    return chosen


def _inert(highest: float, epochs: int, live: Live) -> Iterator[Event]:
    """After a third of the epochs (from B = 0 there is no KL to speak of at first): say when tau lies above all that was measured."""
    if highest <= live.tau:
        yield Note(
            stage="heal",
            text=f"tau {live.tau:g} is above every D so far, the highest {highest:.2f} nats: the barrier never fired in {epochs} epochs. "
            f"Set heal.tau below {highest:.2f}",
        )
