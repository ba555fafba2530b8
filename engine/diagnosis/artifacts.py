"""What is known of a run or of a foreign log: columns of numbers, events with their lines, small facts, and the names of what is absent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Generic, Literal, NamedTuple, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.contract import events as e
from engine.contract.config import CONTROLS, Config
from engine.contract.probed import ProbeRecord
from engine.diagnosis.evidence import Evidence

Floats = NDArray[np.float64]
E = TypeVar("E", bound=e.Event)


class Table(msgspec.Struct, frozen=True):
    """Columns [n] of one file, NaN where nothing was measured. `line`, `round`, `step` and `epoch` are always there."""

    file: str
    columns: Mapping[str, Floats]

    def __len__(self) -> int:
        return len(self.columns["line"]) if "line" in self.columns else 0

    def __getitem__(self, name: str) -> Floats:
        """A column; all NaN when the file has none of that name."""
        return self.columns[name] if name in self.columns else np.full(len(self), np.nan)

    def has(self, *names: str) -> bool:
        """Whether each of these was measured at least once."""
        return all(name in self.columns and bool(np.isfinite(self.columns[name]).any()) for name in names)

    def by_round(self) -> Iterator[tuple[int, slice]]:
        """The rows of each round, in order; a log without rounds is round 0."""
        rounds = self["round"]
        if not len(rounds):
            return
        cuts = [0, *(np.flatnonzero(np.diff(rounds)) + 1).tolist(), len(rounds)]
        for start, end in pairwise(cuts):
            yield int(rounds[start]), slice(start, end)

    def at(self, row: int, text: str) -> Evidence:
        """Evidence that stands in a row."""
        line, round_, step = (self[name][row] for name in ("line", "round", "step"))
        number = int(step) if np.isfinite(step) else -1
        return Evidence(text, self.file, int(line), number, int(round_))


EMPTY = Table("", {})


class Seen(msgspec.Struct, Generic[E], frozen=True):
    """An event and the line it stands on."""

    line: int
    event: E

    def says(self, text: str) -> Evidence:
        """Evidence that stands in this event."""
        return Evidence(text, "events.jsonl", self.line, -1, self.event.round)


class Text(NamedTuple):
    """A completion worth showing."""

    line: int
    round: int
    dose: float
    text: str


class Texts(msgspec.Struct, frozen=True):
    """Completions of the training prompts. `table` has dose, kept (0 or 1), repetition, entropy, tail_ppl, worst_ppl;
    `worst` the most repetitive kept text of each round."""

    table: Table
    worst: tuple[Text, ...]


class Split(NamedTuple):
    """Train and validation rows of a round's heal set. `shared` of the validation rows stand in train too, word for word."""

    round: int
    file: str
    train: int
    val: int
    shared: int
    line: int  # of the first shared row, 0 when there is none


class Layers(NamedTuple):
    """Frobenius norms of what a round learnt, by parameter path in order of depth."""

    round: int
    file: str
    norms: dict[str, float]


class LogLine(NamedTuple):
    """A line of worker.log, from 1."""

    line: int
    text: str


class Artifacts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that signatures look at. Losses and KL in nats per token. `live` runs go on; `status` is '' while nobody knows it."""

    name: str
    origin: Literal["run", "log"]
    steps: Table = EMPTY
    epochs: Table = EMPTY  # train_nll, val_nll, val_items, fired, operating_kl
    probes: Table = EMPTY  # mass, prefill_nll, valid_json, tail_ppl
    started: Seen[e.RunStarted] | None = None
    finished: Seen[e.RunFinished] | None = None
    vectors: tuple[Seen[e.VectorExtracted], ...] = ()
    doses: tuple[Seen[e.DoseProbed], ...] = ()
    kept: tuple[Seen[e.Kept], ...] = ()
    baked: tuple[Seen[e.RoundBaked], ...] = ()
    evaluated: tuple[Seen[e.Evaluated], ...] = ()
    guards: tuple[Seen[e.GuardTripped], ...] = ()
    controls: tuple[Seen[e.ControlApplied], ...] = ()
    planned: Mapping[int, int] = {}  # optimizer steps that a round was to have
    live: bool = False
    status: str = ""
    reason: str = ""
    exit: int | None = None
    ended: Evidence = Evidence("")
    config: Config | None = None
    vocabulary: int | None = None
    pretrained: bool | None = None
    texts: Texts | None = None
    splits: tuple[Split, ...] = ()
    layers: tuple[Layers, ...] = ()
    deep: tuple[ProbeRecord, ...] = ()  # of probe.json
    log: tuple[LogLine, ...] = ()
    nonfinite: tuple[Evidence, ...] = ()
    damage: tuple[Evidence, ...] = ()
    pickles: tuple[Evidence, ...] = ()
    missing: tuple[str, ...] = ()

    def row(self, subject: str, round_: int | None = None) -> Seen[e.Evaluated] | None:
        """The newest val row of a subject, of one round when it is given; a script's rows count as healed."""
        same = {"healed": ("healed", "model")}.get(subject, (subject,))
        found = [
            s for s in self.evaluated
            if s.event.subject in same and s.event.split == "val" and round_ in (None, s.event.round)
        ]  # fmt: skip
        return found[-1] if found else None

    def probed(self, name: str) -> ProbeRecord | None:
        """What a deep probe of the run found; None when it was not probed."""
        return next((record for record in self.deep if record.probe == name), None)

    @property
    def control(self) -> bool:
        """Whether the run's vector is a control that must not move the trait."""
        return self.config is not None and self.config.steer.method in CONTROLS
