"""The events of a run: one msgspec struct each, one JSON object a line in events.jsonl (DESIGN section 3).

What was not measured is absent: no null, and encoding a non-finite float raises. `at` is UTC ISO 8601, `elapsed` monotonic seconds
since the attempt began, `round` counts from 1 (0 is the base). KL and NLL are in nats per token.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

SCHEMA = 1
METRIC_VERSION = 1
"""Raised whenever a metric's meaning changes: numbers of different versions are not compared (KB39). A metric that is new changes no
other's; other items, vignettes or thinking tokens are told by the seal and by the event itself."""

Stage = Literal["", "load", "baseline", "extract", "dose", "generate", "keep", "heal", "bake", "evaluate"]
STAGES: tuple[Stage, ...] = ("load", "baseline", "extract", "dose", "generate", "keep", "heal", "bake", "evaluate")
Number = float | UnsetType


def now() -> str:
    """UTC now in ISO 8601 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """What every event carries."""

    at: str = msgspec.field(default_factory=now)
    elapsed: float = 0.0
    attempt: int = 1
    round: int = 0
    stage: Stage = ""


class RunStarted(Event, frozen=True, kw_only=True, tag="run_started"):
    run: str
    config_hash: str
    family_hash: str
    code_hash: str
    preflight_hash: str
    seed: int
    device: str
    model_class: str
    parameters: int
    trainable: int
    schema: int = SCHEMA


class RunResumed(Event, frozen=True, kw_only=True, tag="run_resumed"):
    """Work goes on at (round, stage, step). The first `holds` lines of events.jsonl still hold; what stands between them and this one
    is done again, and readers discard it, all but what a person said (control_applied, note)."""

    from_attempt: int
    from_round: int
    from_stage: Stage
    from_step: int
    holds: int


class RunForked(Event, frozen=True, kw_only=True, tag="run_forked"):
    """The records before this line are those of the run `parent`, up to where this one leaves it, at the start of (round, stage)."""

    parent: str
    from_round: int
    from_stage: Stage
    changes: dict[str, str]


class StageStarted(Event, frozen=True, kw_only=True, tag="stage_started"):
    total: int = 0


class StageFinished(Event, frozen=True, kw_only=True, tag="stage_finished"):
    seconds: float
    peak_memory_mb: float


class Progress(Event, frozen=True, kw_only=True, tag="progress"):
    done: int
    total: int


class VectorExtracted(Event, frozen=True, kw_only=True, tag="vector_extracted"):
    method: str
    layers: list[int]
    pairs: int
    norm: dict[str, float]
    cos_first: Number = UNSET
    cos_previous: Number = UNSET


class DoseProbed(Event, frozen=True, kw_only=True, tag="dose_probed"):
    """`low` and `high` bound the survival rate (Wilson 80%) where completions were probed (walk-C); `kl` is the 95th percentile over
    positions of KL(steered, unsteered) where the dose is looked for by it (iso-KL)."""

    kappa: float
    survivors: int = 0
    probed: int = 0
    low: Number = UNSET
    high: Number = UNSET
    accepted: bool
    kl: Number = UNSET


class Kept(Event, frozen=True, kw_only=True, tag="kept"):
    """`kept` counts by trait label; `dropped` counts by reason, then by trait label."""

    kept: dict[str, int]
    dropped: dict[str, dict[str, int]]


class HealStep(Event, frozen=True, kw_only=True, tag="heal_step"):
    """One optimizer step. `kl` is the mean over samples of D; the other kl_ fields are means over samples of that aggregate."""

    step: int
    epoch: int
    tokens: int
    loss: float
    nll: float
    grad_norm: float
    lr: float
    update_ratio: float
    tokens_per_second: float
    util: Number = UNSET
    kl: Number = UNSET
    kl_mean: Number = UNSET
    kl_rmse: Number = UNSET
    kl_p95: Number = UNSET
    kl_max: Number = UNSET
    kl_base: Number = UNSET
    tau: Number = UNSET
    lam: Number = UNSET
    barrier: Number = UNSET
    fired: Number = UNSET
    g_nll: Number = UNSET
    g_bar: Number = UNSET


class CoherenceProbed(Event, frozen=True, kw_only=True, tag="coherence_probed"):
    """Short probes, told apart from `evaluated`: `valid_json` asks whether greedy decoding opens a verdict, `tail_ppl` is the median over
    short answers at temperature 1. `seconds` is what the probe cost."""

    step: int
    mass: float
    prefill_nll: float
    valid_json: float
    tail_ppl: float
    seconds: float


class EpochFinished(Event, frozen=True, kw_only=True, tag="epoch_finished"):
    """`operating_kl` is the 90th percentile over samples of D in the epoch."""

    epoch: int
    train_nll: float
    val_nll: float
    val_items: int
    fired: Number = UNSET
    operating_kl: Number = UNSET


class RoundBaked(Event, frozen=True, kw_only=True, tag="round_baked"):
    """`fold_error`: relative Frobenius error of the folded update against the sum of the rounds."""

    rank_total: int
    fold_error: float
    gate_zero_equal: bool


class Evaluated(Event, frozen=True, kw_only=True, tag="evaluated"):
    """`ci` is the 95% interval of each metric, `change` and `change_ci` the paired difference to the base on the same items,
    `dropped` the number of answers that could not be scored, `n` the items behind each metric. Numbers of another `metric_version` or of
    another number of `thinking_tokens` before a forced choice are not comparable. The subject `model` is what a foreign script trains;
    its metrics have names and meanings of the script's own, which metric_version 0 says."""

    subject: Literal["base", "prompted", "steered", "healed", "model"]
    split: Literal["val", "test"]
    metrics: dict[str, float]
    ci: dict[str, tuple[float, float]]
    n: dict[str, int]
    dropped: int = 0
    vector: str = "none"
    dose: float = 0.0
    change: dict[str, float] = {}
    change_ci: dict[str, tuple[float, float]] = {}
    metric_version: int = METRIC_VERSION
    thinking_tokens: int = 0


class CheckpointSaved(Event, frozen=True, kw_only=True, tag="checkpoint_saved"):
    path: str
    sha256: str


class Alert(Event, frozen=True, kw_only=True, tag="alert"):
    signature: str
    state: Literal["raised", "cleared"]
    evidence: str


class GuardTripped(Event, frozen=True, kw_only=True, tag="guard_tripped"):
    guard: str
    value: str
    limit: str
    regime: str
    action: str


class ControlApplied(Event, frozen=True, kw_only=True, tag="control_applied"):
    request: str
    by: str
    previous: str = ""
    value: str = ""


class Note(Event, frozen=True, kw_only=True, tag="note"):
    text: str


class RunFinished(Event, frozen=True, kw_only=True, tag="run_finished"):
    """Written by the worker alone. `best` is the best round (0: none passed the floors), `reveals` the looks at the test split."""

    status: str
    reason: str
    best: int
    seconds: float
    tokens: int
    gpu_seconds: float = 0.0
    energy_wh: Number = UNSET
    reveals: int = 0


class ScriptStarted(Event, frozen=True, kw_only=True, tag="script_started"):
    """A foreign script was started under its seal, in the place that run_started has for the loop."""

    run: str
    script: str
    script_sha256: str
    argv_hash: str
    code_hash: str
    preflight_hash: str
    schema: int = SCHEMA


class ScriptReported(Event, frozen=True, kw_only=True, tag="script_reported"):
    """What a script says of its model, data and settings; a later report of the same name replaces the earlier one."""

    facts: dict[str, int | float | str]


class ScriptStep(Event, frozen=True, kw_only=True, tag="script_step"):
    """One step of a foreign training loop: what it reported, nothing else. `step` as the script counts, `loss` in its own unit."""

    step: int
    epoch: Number = UNSET
    loss: Number = UNSET
    lr: Number = UNSET
    grad_norm: Number = UNSET
    tokens: int | UnsetType = UNSET
    tokens_per_second: Number = UNSET
    values: dict[str, float] = {}


AnyEvent = (
    RunStarted
    | RunResumed
    | RunForked
    | StageStarted
    | StageFinished
    | Progress
    | VectorExtracted
    | DoseProbed
    | Kept
    | HealStep
    | CoherenceProbed
    | EpochFinished
    | RoundBaked
    | Evaluated
    | CheckpointSaved
    | Alert
    | GuardTripped
    | ControlApplied
    | Note
    | RunFinished
    | ScriptStarted
    | ScriptReported
    | ScriptStep
)

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(AnyEvent)


def encode(event: Event) -> bytes:
    """One line, newline included. Raises ValueError, naming the field, when a float is NaN or infinite."""
    for name in event.__struct_fields__:
        _refuse_non_finite(name, getattr(event, name))
    return _encoder.encode(event) + b"\n"


def decode(line: bytes) -> AnyEvent:
    """The event of one line. Raises msgspec.DecodeError (a ValueError) on anything else."""
    event: AnyEvent = _decoder.decode(line)
    return event


def read_events(path: Path) -> Iterator[AnyEvent]:
    """Every event of a file; torn and foreign lines are skipped, a missing file is an empty run."""
    return (event for _, event in _numbered(path))


def standing_events(path: Path, attempt: int | None = None, size: int | None = None) -> list[AnyEvent]:
    """The events that still hold: without what a later attempt did again, without the attempts after `attempt`, and of the first `size`
    bytes alone."""
    standing: list[tuple[int, AnyEvent]] = []
    for number, event in _numbered(path, size):
        if attempt is not None and event.attempt > attempt:
            continue
        if isinstance(event, RunResumed):
            standing = [(n, e) for n, e in standing if n <= event.holds or isinstance(e, (ControlApplied, Note))]
        standing.append((number, event))
    return [event for _, event in standing]


def _numbered(path: Path, size: int | None = None) -> Iterator[tuple[int, AnyEvent]]:
    """Events with the line that each stands on, from 1."""
    if not path.exists():
        return
    with path.open("rb") as f:
        lines = f if size is None else f.read(size).splitlines()
        for number, line in enumerate(lines, start=1):
            try:
                yield number, decode(line)
            except msgspec.DecodeError:
                continue


def _refuse_non_finite(name: str, value: Any) -> None:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(
                f"{name} is {value}: what is not finite is left out of an event or ends the run, it is never written"
            )
    elif isinstance(value, dict):
        for key, inner in value.items():
            _refuse_non_finite(f"{name}.{key}", inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            _refuse_non_finite(name, inner)
