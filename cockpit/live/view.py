"""A run as its events tell it, gathered step by step: columns for what is drawn, short lists for what is read.

Nothing here reads a file or knows a screen. `add` takes events in any batches with the same outcome, `snapshot` costs nothing that
grows with the run, and what it returns never changes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from msgspec import UNSET

from cockpit.live.columns import Column, Columns
from cockpit.report.lines import Narrator
from engine.contract import events as e
from engine.contract.steps import Step, Stepped, decoder

LINES = 5000
"""Lines of the log that are kept, the newest; the whole log is in events.jsonl."""
LISTED = 2000
"""Alerts, notes and controls that are kept of each kind, the newest."""
COUNTS = ("at", "round", "step", "epoch", "elapsed", "tokens")
"""Columns of a step that are counted: `at` is its line in events.jsonl, from 1; tokens and seconds are summed since the run began."""
VALUES = ("loss", "nll", "grad_norm", "lr", "update_ratio", "tokens_per_second", "util", "kl", "kl_mean", "kl_rmse", "kl_p95", "kl_max",
          "kl_base", "tau", "lam", "barrier", "fired", "g_nll", "g_bar")  # fmt: skip
"""Columns of a step that are measured; NaN where it was not."""
PROBED = ("mass", "prefill_nll", "valid_json", "tail_ppl")
SCRIPT = ("loss", "lr", "grad_norm", "tokens_per_second")
PIECE = 1 << 22
"""Bytes of events that are read at once."""
_ROW = attrgetter(*VALUES)
_SCRIPT_ROW = attrgetter(*SCRIPT)
_NAN = float("nan")


def read(lines: bytes) -> list[Stepped | None]:
    """One for each of these whole lines: its event (heal steps as Steps), or None: torn, foreign or of a newer version."""
    several = lines.split(b"\n")
    if not several[-1]:
        several.pop()
    try:
        events: list[Stepped | None] = decoder.decode_lines(lines)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    else:
        if len(events) == len(several):
            return events
    return [_event(line) for line in several]


def _event(line: bytes) -> Stepped | None:
    try:
        event: Stepped = decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return event


def _as_heal_step(step: Step) -> e.HealStep:
    held = {name: getattr(step, name) for name in step.__struct_fields__}
    return e.HealStep(**{name: value for name, value in held.items() if value == value})


def _as_step(event: e.HealStep) -> Step:
    held = {name: getattr(event, name) for name in event.__struct_fields__}
    return Step(**{name: value for name, value in held.items() if value is not UNSET})


class Line(NamedTuple):
    """One line of the log. `elapsed` in seconds of its attempt."""

    elapsed: float
    attempt: int
    round: int
    text: str


class StageTime(NamedTuple):
    """A stage that is done."""

    round: int
    stage: str
    seconds: float
    memory_mb: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known of a run after some of its events. Columns are read-only numpy views of one length each."""

    events: int
    damaged: int  # lines that are no event
    attempt: int
    elapsed: float  # seconds of the newest event since the run began, over all its attempts
    last_at: str  # UTC ISO 8601 of the newest event, '' before the first
    started: e.RunStarted | e.ScriptStarted | None
    finished: e.RunFinished | None
    round: int
    stage: str
    running: bool  # whether `stage` is going on
    stage_began: float  # elapsed seconds when it did
    done: int
    total: int
    paused: bool
    touched: bool
    steps: Mapping[str, Column]  # COUNTS and VALUES
    probes: Mapping[str, Column]  # round, step and PROBED
    script: Mapping[str, Column]  # step, elapsed, tokens and SCRIPT
    stages: tuple[StageTime, ...]
    evaluated: tuple[e.Evaluated, ...]
    kept: tuple[e.Kept, ...]
    doses: tuple[e.DoseProbed, ...]
    epochs: tuple[e.EpochFinished, ...]
    baked: tuple[e.RoundBaked, ...]
    alerts: tuple[e.Alert, ...]
    guards: tuple[e.GuardTripped, ...]
    controls: tuple[e.ControlApplied, ...]
    notes: tuple[e.Note, ...]
    checkpoint: e.CheckpointSaved | None  # the last one
    resumed: tuple[e.RunResumed, ...]
    lines: tuple[Line, ...]
    dropped_lines: int

    def row(self, subject: str, split: str = "val", round_: int | None = None) -> e.Evaluated | None:
        """The last evaluation of a subject on a split, of a round when it is given."""
        for event in reversed(self.evaluated):
            if event.subject == subject and split in ("", event.split) and round_ in (None, event.round):
                return event
        return None

    def of_round(self, number: int) -> slice:
        """The rows of `steps` of a round; rounds follow each other, so they lie together."""
        rounds = self.steps["round"]
        return slice(*(int(i) for i in np.searchsorted(rounds, (number, number + 1))))

    def standing(self) -> tuple[e.Alert, ...]:
        """The alerts that were raised and not cleared since, the newest first."""
        last = {alert.signature: alert for alert in self.alerts}
        return tuple(sorted((a for a in last.values() if a.state == "raised"), key=lambda a: a.at, reverse=True))


class RunView:
    """Gathers events. Not safe to share between threads; its snapshots are."""

    def __init__(self) -> None:
        self._steps = Columns(COUNTS, VALUES)
        self._probes = Columns(("at", "round", "step"), PROBED)
        self._script = Columns(("step", "elapsed", "tokens"), SCRIPT)
        self._waiting: list[Step] = []
        self._waiting_at: list[int] = []
        self._tokens = self._offset = 0.0
        self._listed: dict[type[e.Event], deque[tuple[int, e.Event]]] = {}
        self._lines: deque[Line] = deque(maxlen=LINES)
        self._told = 0
        self._narrator = Narrator()
        self._totals: dict[tuple[int, str], int] = {}
        self._begun: list[tuple[int, float, e.StageStarted]] = []
        self._stages: list[tuple[int, float, StageTime]] = []
        self._started: e.RunStarted | e.ScriptStarted | None = None
        self._finished: e.RunFinished | None = None
        self._last: e.Event | None = None
        self._line = self._damaged = 0
        self._round, self._stage, self._running, self._stage_began = 0, "", False, 0.0
        self._done = self._total = 0
        self._paused = self._touched = False
        self._tuples: dict[type[e.Event], tuple[e.Event, ...]] = {}
        self._text: tuple[Line, ...] | None = None

    def add(self, events: Iterable[Stepped | None]) -> None:
        """Take what the next lines hold, in the order in which they were written; None is a line that is no event."""
        waiting = self._waiting
        for event in events:
            self._line += 1
            if event is None:
                self._damaged += 1
                continue
            self._last = event
            if type(event) is e.HealStep:
                event = _as_step(event)
            if type(event) is Step:
                waiting.append(event)
                self._waiting_at.append(self._line)
            else:
                self._take(event)
        self._flush()

    def _take(self, event: e.Event) -> None:
        if self._waiting and isinstance(event, e.EpochFinished):
            self._narrator.line(_as_heal_step(self._waiting[-1]))  # its tau is what the epoch's line is read against
        match event:
            case e.Progress():
                self._done, self._total = event.done, event.total
                self._totals[event.round, event.stage] = event.total
                return
            case e.ScriptStep():
                self._script_step(event)
            case e.CoherenceProbed():
                where = {"at": [self._line], "round": [event.round], "step": [event.step]}
                self._probes.extend(where | {name: [getattr(event, name)] for name in PROBED})
            case e.StageStarted():
                self._round, self._stage, self._running = event.round, event.stage, True
                self._stage_began, self._done, self._total = self._offset + event.elapsed, 0, event.total
                self._begun.append((self._line, self._stage_began, event))
                self._flush()
            case e.StageFinished():
                self._running = False
                done = StageTime(event.round, event.stage, event.seconds, event.peak_memory_mb)
                self._stages.append((self._line, self._offset + event.elapsed, done))
            case e.RunStarted() | e.ScriptStarted():
                self._started = event
            case e.RunFinished():
                self._finished, self._running = event, False
            case e.RunResumed():
                self._resume(event)
            case e.RunForked():
                self._flush()
                self._offset = self._reached()
            case _:
                pass
        if isinstance(event, e.ControlApplied):
            self._paused = event.request == "pause" or (self._paused and event.request != "unpause")
            self._touched = self._touched or event.request.split()[:1] == ["set"]
        if type(event) in _LISTED:
            self._listed.setdefault(type(event), deque(maxlen=_LISTED[type(event)])).append((self._line, event))
            self._tuples.pop(type(event), None)
        text = self._narrator.line(event)
        if text is not None:
            self._lines.append(Line(self._offset + event.elapsed, event.attempt, event.round, text))
            self._told, self._text = self._told + 1, None

    def _script_step(self, event: e.ScriptStep) -> None:
        tokens = event.tokens if isinstance(event.tokens, int) else 0
        self._tokens += tokens
        values = [_NAN if v is UNSET else v for v in _SCRIPT_ROW(event)]
        counts = {"step": [event.step], "elapsed": [self._offset + event.elapsed], "tokens": [self._tokens]}
        self._script.extend(counts | {name: [value] for name, value in zip(SCRIPT, values, strict=True)})

    def _flush(self) -> None:
        """Waiting steps become rows of the columns, all at once."""
        steps = self._waiting
        if not steps:
            return
        self._narrator.line(_as_heal_step(steps[-1]))
        columns: Iterable[Sequence[float]] = zip(*map(_ROW, steps), strict=True)
        rows: dict[str, Sequence[float]] = dict(zip(VALUES, columns, strict=True))
        for name in ("round", "step", "epoch"):
            rows[name] = [getattr(step, name) for step in steps]
        rows["elapsed"] = [self._offset + step.elapsed for step in steps]
        rows["at"] = [float(at) for at in self._waiting_at]
        tokens = self._tokens + np.cumsum([step.tokens for step in steps], dtype=np.float64)
        self._tokens = float(tokens[-1])
        self._steps.extend(rows | {"tokens": tokens.tolist()})
        steps.clear()
        self._waiting_at.clear()

    def _resume(self, event: e.RunResumed) -> None:
        """Forget what was done behind the lines that hold, and stand where this attempt goes on; what a person said stays said."""
        self._flush()
        for columns in (self._steps, self._probes):
            columns.keep(columns.view()["at"] <= event.holds)
        steps = self._steps.view()
        self._tokens = float(steps["tokens"][-1]) if len(steps["tokens"]) else 0.0
        self._begun = [entry for entry in self._begun if entry[0] <= event.holds]
        self._stages = [entry for entry in self._stages if entry[0] <= event.holds]
        for kind in self._listed.keys() - _SAID:
            was = self._listed[kind]
            self._listed[kind] = deque(((at, x) for at, x in was if at <= event.holds), maxlen=was.maxlen)
        self._tuples.clear()
        self._offset = self._reached()
        self._finished, self._paused = None, False
        self._round, self._stage, self._running = event.from_round, event.from_stage, True
        here = (event.from_round, event.from_stage)
        self._done, self._total = event.from_step, self._totals.get(here, 0)
        began = [elapsed for _, elapsed, begun in self._begun if (begun.round, begun.stage) == here]
        self._stage_began = began[-1] if began else self._offset

    def _reached(self) -> float:
        """Seconds since the run began at the end of what holds; who goes on from there counts from zero again."""
        marks = (*self._begun[-1:], *self._stages[-1:])
        return max([*self._steps.view()["elapsed"][-1:].tolist(), *(elapsed for _, elapsed, _ in marks)], default=0.0)

    def snapshot(self) -> Snapshot:
        """Everything gathered so far, frozen."""
        self._flush()
        last = self._last
        if self._text is None:
            self._text = tuple(self._lines)
        done = self._done
        steps = self._steps.view()
        if self._stage == "heal" and self._running and len(steps["step"]) and steps["round"][-1] == self._round:
            done = int(steps["step"][-1])
        return Snapshot(
            events=self._line - self._damaged, damaged=self._damaged, attempt=last.attempt if last else 1,
            elapsed=self._offset + (last.elapsed if last else 0.0), last_at=last.at if last else "", started=self._started,
            finished=self._finished, round=self._round, stage=self._stage, running=self._running,
            stage_began=self._stage_began, done=done, total=self._total, paused=self._paused, touched=self._touched,
            steps=steps, probes=self._probes.view(), script=self._script.view(), stages=tuple(stage for _, _, stage in self._stages),
            evaluated=self._all(e.Evaluated), kept=self._all(e.Kept), doses=self._all(e.DoseProbed),
            epochs=self._all(e.EpochFinished), baked=self._all(e.RoundBaked), alerts=self._all(e.Alert),
            guards=self._all(e.GuardTripped), controls=self._all(e.ControlApplied), notes=self._all(e.Note),
            checkpoint=next(iter(self._all(e.CheckpointSaved)), None), resumed=self._all(e.RunResumed),
            lines=self._text, dropped_lines=self._told - len(self._text),
        )  # fmt: skip

    def _all(self, kind: type[e.Event]) -> tuple:  # type: ignore[type-arg]
        if kind not in self._tuples:
            self._tuples[kind] = tuple(event for _, event in self._listed.get(kind, ()))
        return self._tuples[kind]


def read_run(events: Path) -> Snapshot:
    """A run as its events.jsonl tells it now; nothing where there is none. Raises OSError."""
    view = RunView()
    if events.exists():
        with events.open("rb") as f:
            while data := f.read(PIECE):
                view.add(read(data + f.readline()))
    return view.snapshot()


_LISTED = {e.Evaluated: LISTED, e.Kept: LISTED, e.DoseProbed: LISTED, e.EpochFinished: LISTED, e.RoundBaked: LISTED,
           e.Alert: LISTED, e.GuardTripped: LISTED, e.ControlApplied: LISTED, e.Note: LISTED, e.CheckpointSaved: 1,
           e.RunResumed: LISTED}  # fmt: skip
_SAID: set[type[e.Event]] = {e.ControlApplied, e.Note, e.RunResumed}
"""Records that stand whatever is done again."""
