"""Heal: fit the round's adapter to nll + lam * mean_i relu(D_i - tau) over the heal set (requirement W6)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import torch
from msgspec import UNSET
from torch import Tensor, nn

from engine.contract.config import Config
from engine.contract.errors import Diverged, NotFinite
from engine.contract.events import CoherenceProbed, EpochFinished, Event, GuardTripped, HealStep, Note, Progress
from engine.heal.barrier import AGGREGATES
from engine.heal.data import HealSet, batches
from engine.heal.guards import Finetune, Trip, check_finite, check_validation
from engine.heal.head import HeadOut, head
from engine.heal.reference import cache
from engine.heal.schedule import learning_rate
from engine.model.adapter import Student
from engine.model.forward import Row, completion_positions, hidden, pad, score

REGIME = Finetune()
SETTLED = 12
"""Optimizer steps before which a round has moved too little for its KL to say anything about tau."""


class Live:
    """The two knobs that a person may move while a round heals."""

    def __init__(self, tau: float, lam: float) -> None:
        self.tau = tau
        self.lam = lam


Poll = Callable[[], Iterator[Event]]
Probe = Callable[[int], CoherenceProbed]


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
) -> Iterator[Event]:
    """Train the round's adapter; afterwards it is active and frozen by the caller's fold.

    Yields heal_step per optimizer step, coherence_probed within the round, epoch_finished per epoch. Raises NotFinite before a step
    with a non-finite loss or gradient is applied (requirement A5), Diverged when validation passes its caps (A2, A3)."""
    knobs = config.heal
    reference = cache(student, data.train, knobs.reference)
    pristine = reference if knobs.reference == "base" or not student.folded else cache(student, data.train, "base")
    parameters = student.begin_round(init_seed)
    optimizer = torch.optim.AdamW(parameters, lr=knobs.lr, betas=(0.9, knobs.beta2), weight_decay=knobs.weight_decay)
    plan = [_epoch_plan(data, config, round_number, epoch) for epoch in range(knobs.epochs)]
    steps = sum(len(groups) for groups in plan)
    probe_at = probe_steps([len(g) for g in plan], config.evaluate.probes)
    validation = [_val_nll(student, data.val)]
    yield from _guard(check_finite(validation[0], 0.0, REGIME))
    yield from _guard(check_validation(validation, REGIME))
    yield Progress(stage="heal", done=0, total=steps)
    step, highest = 0, 0.0
    for epoch, groups in enumerate(plan, start=1):
        train_nll: list[tuple[float, int]] = []
        distances: list[Tensor] = []
        for group in groups:
            yield from poll()
            began = time.perf_counter()
            rate = learning_rate(knobs, step, steps)
            outs, lengths = _backward(student, data, group, reference, pristine, config, live)
            tokens = sum(lengths)
            d = torch.cat([o.d[knobs.aggregate] for o in outs])
            nll = sum(o.nll for o in outs) / tokens
            penalty = float(torch.cat([o.barrier for o in outs]).mean())
            grad_norm = float(nn.utils.clip_grad_norm_(parameters, knobs.max_grad_norm))
            trip = check_finite(nll + penalty, grad_norm, REGIME)
            if trip is not None:
                optimizer.zero_grad(set_to_none=True)
                yield from _guard(trip)
            ratio = _apply(optimizer, parameters, rate)
            step += 1
            train_nll.append((nll, tokens))
            distances.append(d)
            seconds = time.perf_counter() - began
            yield HealStep(
                stage="heal", step=step, epoch=epoch, tokens=tokens, loss=nll + penalty, nll=nll, grad_norm=grad_norm, lr=rate,
                update_ratio=ratio, tokens_per_second=tokens / seconds, **_kl_fields(outs, d, penalty, config, live),
            )  # fmt: skip
            if step in probe_at:
                yield probe(step)
        val_nll = _val_nll(student, data.val)
        yield from _guard(check_finite(val_nll, 0.0, REGIME))
        validation.append(val_nll)
        every = torch.cat(distances)
        yield EpochFinished(
            stage="heal",
            epoch=epoch,
            train_nll=sum(n * t for n, t in train_nll) / sum(t for _, t in train_nll),
            val_nll=val_nll,
            val_items=len(data.val),
            fired=float((every > live.tau).float().mean()) if knobs.divergence != "none" else UNSET,
            operating_kl=float(torch.quantile(every.float(), 0.9)),
        )
        highest = max(highest, float(every.max()))
        settled = epoch == -(-knobs.epochs // 3) and step >= SETTLED
        if settled and knobs.divergence != "none" and live.lam > 0:
            yield from _inert(highest, epoch, live)
        yield from _guard(check_validation(validation, REGIME))


def _epoch_plan(data: HealSet, config: Config, round_number: int, epoch: int) -> list[list[list[int]]]:
    """Optimizer steps of an epoch, each a list of index batches; accumulation never crosses epochs (KB33)."""
    found = list(batches(len(data.train), config.heal.batch_size, config.run.seed, round_number, epoch))
    size = config.heal.accumulation
    return [found[i : i + size] for i in range(0, len(found), size)]


def _backward(
    student: Student,
    data: HealSet,
    group: Sequence[list[int]],
    reference: Sequence[Tensor],
    pristine: Sequence[Tensor],
    config: Config,
    live: Live,
) -> tuple[list[HeadOut], list[int]]:
    """Forward and backward of one optimizer step; returns each batch's losses and the completion tokens of its rows."""
    loaded = student.loaded
    rows = [[data.train[i] for i in batch] for batch in group]
    tokens = sum(len(r.completion) for part in rows for r in part)
    samples = sum(map(len, rows))
    outs, lengths = [], []
    with student.gates(history=1.0, current=1.0):
        for part, indices in zip(rows, group, strict=True):
            batch = pad([r.prompt + r.completion for r in part], loaded.chat.pad, loaded.device, left=False)
            where, targets = completion_positions(part, batch.ids.shape[1], loaded.device)
            h = hidden(loaded.model, batch).flatten(0, 1)[where]
            own = [len(r.completion) for r in part]
            ref = torch.cat([reference[i] for i in indices])
            base = ref if pristine is reference else torch.cat([pristine[i] for i in indices])
            out = head(
                loaded.model, h, targets, own, ref, base, config.heal,
                tau=live.tau, lam=live.lam, tokens=tokens, samples=samples,
            )  # fmt: skip
            h.backward(out.gradient.to(h.dtype))
            outs.append(out)
            lengths += own
    return outs, lengths


def _apply(optimizer: torch.optim.Optimizer, parameters: list[nn.Parameter], rate: float) -> float:
    """One optimizer step at `rate`; returns the norm of the change over the norm of the weights."""
    before = [p.detach().clone() for p in parameters]
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    with torch.no_grad():
        change = torch.stack(torch._foreach_norm([p - b for p, b in zip(parameters, before, strict=True)])).norm()
        size = torch.stack(torch._foreach_norm([p.detach() for p in parameters])).norm()
    return float(change / size.clamp(min=1e-30))


def _kl_fields(outs: Sequence[HeadOut], d: Tensor, penalty: float, config: Config, live: Live) -> dict[str, float]:
    """The divergence fields of heal_step; without a barrier there is no tau, lam, fired or pressure to report."""
    fields = {f"kl_{how}": float(torch.cat([o.d[how] for o in outs]).mean()) for how in AGGREGATES}
    fields |= {"kl": float(d.mean()), "kl_base": float(torch.cat([o.kl_base for o in outs]).mean())}
    fields["g_nll"] = float(torch.tensor([o.g_nll for o in outs]).norm())
    if config.heal.divergence != "none":
        fields |= {"tau": live.tau, "lam": live.lam, "barrier": penalty, "fired": float((d > live.tau).float().mean())}
        fields["g_bar"] = float(torch.tensor([o.g_bar for o in outs]).norm())
    return fields


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


def _guard(trip: Trip | None) -> Iterator[Event]:
    """Report a tripped guard and end the run."""
    if trip is None:
        return
    yield GuardTripped(
        stage="heal", guard=trip.guard, value=trip.value, limit=f"{trip.limit:g}", regime=trip.regime, action="stop"
    )
    raise (NotFinite if trip.guard == "nonfinite" else Diverged)(str(trip))
