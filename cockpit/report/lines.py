"""One event as one plain line, for terminals, logs and pipes; most events of a heal are for charts and have none."""

from __future__ import annotations

from engine.contract.events import (
    Alert,
    CoherenceProbed,
    ControlApplied,
    DoseProbed,
    EpochFinished,
    Evaluated,
    Event,
    GuardTripped,
    HealStep,
    Kept,
    Note,
    RoundBaked,
    RunFinished,
    RunForked,
    RunResumed,
    RunStarted,
    ScriptReported,
    ScriptStarted,
    ScriptStep,
    StageFinished,
    VectorExtracted,
)
from engine.contract.script import NO_FILE
from journal.text import MAIN, duration, interval, label, number, plain

LONGEST = 2000
"""Characters of a line."""
STEP_SECONDS = 5.0
"""Seconds of a run between two lines about a foreign script's steps."""


class Narrator:
    """Turns events into lines; remembers the tau that an epoch is to be read against."""

    def __init__(self) -> None:
        self._tau: float | None = None
        self._next_step = 0.0

    def line(self, event: Event) -> str | None:
        """The line of an event, or None."""
        if isinstance(event, HealStep):
            self._tau = event.tau if isinstance(event.tau, float) else None
            return None
        text = self._text(event)
        return None if text is None else f"{_where(event)}  {plain(text, LONGEST)}"

    def _text(self, event: Event) -> str | None:
        match event:
            case RunStarted():
                head = f"{event.run} · {event.model_class}, {event.parameters} parameters, {event.trainable} trainable a round"
                return f"{head}, {event.device}, seed {event.seed}"
            case ScriptStarted():
                content = f", sha256 {event.script_sha256[:12]}" if event.script_sha256 != NO_FILE else ""
                return f"{event.run} · {event.script}{content}"
            case ScriptReported():
                return ", ".join(f"{name} {held}" for name, held in event.facts.items())
            case ScriptStep():
                return self._step(event)
            case RunResumed():
                return f"resumed from attempt {event.from_attempt}, round {event.from_round}, {event.from_stage} step {event.from_step}"
            case RunForked():
                changed = ", ".join(f"{knob} {change}" for knob, change in event.changes.items())
                return f"forked from {event.parent} at round {event.from_round}, {event.from_stage}: {changed or 'nothing changed'}"
            case StageFinished():
                return f"done in {duration(event.seconds)}, peak {event.peak_memory_mb:,.0f} MB"
            case VectorExtracted():
                norms = ", ".join(f"{layer}: {norm:.2f}" for layer, norm in event.norm.items())
                return f"{event.method} vector, {event.pairs} pairs, norm by layer {norms}{_cosines(event)}"
            case DoseProbed():
                verdict = "accepted" if event.accepted else "rejected"
                if isinstance(event.kl, float):
                    return f"dose {event.kappa:.3g} {verdict}: KL p95 {event.kl:.2g} nats"
                span = interval("trait_rate", (event.low, event.high))
                return f"dose {event.kappa:.3g} {verdict}: {event.survivors} of {event.probed} survive {span}"
            case Kept():
                return _kept(event)
            case EpochFinished():
                return self._epoch(event)
            case CoherenceProbed():
                return (
                    f"step {event.step}: mass {number('coherence', event.mass)}, prefill nll {event.prefill_nll:.2f}, "
                    f"valid json {number('valid_json', event.valid_json)}, tail ppl {number('tail_ppl', event.tail_ppl)}"
                )
            case RoundBaked():
                base = "gate 0 equals the base" if event.gate_zero_equal else "gate 0 DIFFERS from the base"
                return f"rank {event.rank_total}, fold error {event.fold_error:.1e}, {base}"
            case Evaluated():
                return _evaluated(event)
            case Alert():
                return f"! {event.signature} {event.state}: {plain(event.evidence)}"
            case GuardTripped():
                limit = "" if event.limit == "inf" else f" against {plain(event.limit)}"
                return f"✗ guard {event.guard}: {plain(event.value)}{limit}: {plain(event.action)}"
            case ControlApplied():
                change = f" {event.previous} → {event.value}" if event.value else ""
                return f"{event.request} by {plain(event.by, 40)}{change}"
            case Note():
                return plain(event.text, 400)
            case RunFinished():
                best = f", best round {event.best}" if event.best else ""
                return f"{event.status}{best} in {duration(event.seconds)}: {plain(event.reason, 400) or 'all rounds done'}"
            case _:
                return None

    def _step(self, event: ScriptStep) -> str | None:
        """At most one line in STEP_SECONDS, so that a fast script does not flood a terminal."""
        if event.elapsed < self._next_step:
            return None
        self._next_step = event.elapsed + STEP_SECONDS
        known = {"epoch": event.epoch, "loss": event.loss, "lr": event.lr, "grad norm": event.grad_norm}
        shown = [f"{name} {held:.4g}" for name, held in known.items() if isinstance(held, float)]
        return f"step {event.step}: {', '.join(shown) or 'no loss reported'}"

    def _epoch(self, event: EpochFinished) -> str:
        text = f"epoch {event.epoch}: nll {event.train_nll:.2f}, val {event.val_nll:.2f} ({event.val_items} held out)"
        if isinstance(event.operating_kl, float):
            tau = f" against tau {self._tau:.2f}" if self._tau is not None else ""
            text += f", operating KL {event.operating_kl:.2f} nats{tau}"
        if isinstance(event.fired, float):
            text += f", fired {number('trait_rate', event.fired)}"
        return text


def _where(event: Event) -> str:
    return f"{f'r{event.round}' if event.round else '':<3} {event.stage:<8}"


def _cosines(event: VectorExtracted) -> str:
    shown = [f"cos to first {event.cos_first:.2f}"] if isinstance(event.cos_first, float) else []
    shown += [f"to previous {event.cos_previous:.2f}"] if isinstance(event.cos_previous, float) else []
    return "; " + ", ".join(shown) if shown else ""


def _kept(event: Kept) -> str:
    kept = ", ".join(f"{name} {count}" for name, count in event.kept.items() if count)
    dropped = {reason: sum(by.values()) for reason, by in event.dropped.items()}
    lost = ", ".join(f"{reason} {count}" for reason, count in sorted(dropped.items(), key=lambda kv: -kv[1]) if count)
    text = f"kept {sum(event.kept.values())} ({kept or 'none'})"
    return text + (f", dropped {sum(dropped.values())} ({lost})" if lost else "")


def _evaluated(event: Evaluated) -> str:
    dose = f" at dose {event.dose:.2g}" if event.subject == "steered" else ""
    main = [m for m in MAIN if m in event.metrics] or list(event.metrics)[:6]
    cells = ", ".join(f"{label(m)} {number(m, event.metrics[m])}" for m in main)
    dropped = f", {event.dropped} unscored" if event.dropped else ""
    return f"{event.subject}{dose} on {event.split}: {cells}{dropped}"
