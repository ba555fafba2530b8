"""A run folder read back as one frozen record: what was asked, what was sealed, what happened, how it ended.

Any file may be missing or damaged: a run that was killed before its first event still has a record.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from engine.contract.amend import chain_fault, read_amendments
from engine.contract.config import Config
from engine.contract.errors import BadInput
from engine.contract.events import (
    ControlApplied,
    EpochFinished,
    Evaluated,
    Event,
    GuardTripped,
    HealStep,
    Kept,
    RunFinished,
    RunResumed,
    RunStarted,
    StageFinished,
    StageStarted,
    standing_events,
)
from engine.contract.facts import ModelFacts
from engine.contract.files import read_json
from engine.contract.lineage import Lineage, load_lineage
from engine.contract.preflight import seal_hash
from engine.contract.rundir import RunDir
from engine.contract.runfile import RunFile, load_runfile
from journal import script


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one attempt. `status` is '' while it runs."""

    id: str
    attempt: int
    run: RunFile | None
    script: script.Script | None = None  # when the run is a foreign script's, which has no config of ours
    damage: str  # what is wrong with config.json or the seal, '' when nothing
    sealed: bool  # whether preflight.json is still the one that was sealed, and that the worker started under
    preflight: dict[str, Any]
    amendments: list[
        dict[str, Any]
    ]  # what was changed after the seal, oldest first; the verdict is judged against the seal
    provenance: dict[str, Any]
    result: dict[str, Any]
    facts: ModelFacts | None
    started: RunStarted | None
    finished: RunFinished | None
    resumed: RunResumed | None  # where this attempt went on
    lineage: Lineage | None  # where it was forked from, when it was
    earlier_seconds: float  # what the attempts before it took
    last: Event | None
    stage: str
    round: int
    evaluated: list[Evaluated]
    kept: list[Kept]
    epochs: list[EpochFinished]
    guards: list[GuardTripped]
    stages: dict[str, float]  # seconds by stage
    memory_mb: float
    steps: int
    tokens: int
    touched: bool
    paused: bool
    sample: dict[str, Any]

    @property
    def config(self) -> Config:
        """The run's config; the defaults when config.json cannot be read, which are no facts about the run: see `run`."""
        return self.run.config if self.run else Config()

    @property
    def status(self) -> str:
        return str(self.result.get("status", ""))

    @property
    def reason(self) -> str:
        return str(self.result.get("reason", ""))

    @property
    def smoke(self) -> bool:
        if self.run:
            return self.run.config.run.smoke
        return bool(self.result.get("smoke") or self.preflight.get("config", {}).get("run.smoke"))

    @property
    def preset(self) -> str:
        if self.script:
            return self.script.file.name
        return (self.run.preset or "own config") if self.run else "unknown config"

    @property
    def best(self) -> int:
        return self.finished.best if self.finished else 0

    def row(self, subject: str, split: str = "", round_: int | None = None) -> Evaluated | None:
        """The last evaluation of a subject, on a split and of a round when these are given."""
        found = None
        for event in self.evaluated:
            wanted = event.subject == subject and (not split or event.split == split)
            if wanted and (round_ is None or event.round == round_):
                found = event
        return found

    def table_split(self) -> str:
        """test when anything was measured there, else val."""
        return "test" if any(e.split == "test" for e in self.evaluated) else "val"


def load_record(folder: RunDir, attempt: int | None = None) -> Record:
    """Read a run folder as it stood at the end of an attempt, of the newest without one: earlier attempts' work is part of it as far as
    it still holds."""
    run, damages = None, []
    preflight = _object(folder.preflight)
    process = _object(folder.process)
    number = attempt or int(process.get("attempt", 1))
    seen = standing_events(folder.events, number)
    foreign, wrong = script.load(folder, seen)
    damages += [wrong] if wrong else []
    try:
        run = None if foreign or wrong else load_runfile(folder.config)
        if run and run.unknown:
            damages.append(f"{folder.config} has settings that this version does not know: {', '.join(run.unknown)}")
    except BadInput as error:
        damages.append(str(error))
    steps = [e for e in seen if isinstance(e, HealStep)]
    finished = [e for e in seen if isinstance(e, StageFinished)]
    started = next((e for e in seen if isinstance(e, RunStarted)), None)
    under = started.preflight_hash if started else foreign.sealed_by if foreign else ""
    broken = _broken_seal(preflight, under)
    amendments = read_amendments(folder.amendments)
    damages += [found for found in (broken, chain_fault(preflight, amendments)) if found]
    lineage = _lineage(folder, damages)
    stages: dict[str, float] = {}
    for done in finished:
        stages[done.stage] = stages.get(done.stage, 0.0) + done.seconds
    last_stage = next((e for e in reversed(seen) if isinstance(e, StageStarted)), None)
    return Record(
        id=folder.id,
        attempt=number,
        run=run,
        script=foreign,
        damage="; ".join(damages),
        sealed=bool(preflight) and not broken,
        preflight=preflight,
        amendments=amendments,
        provenance=_object(folder.provenance),
        result=_object(folder.result),
        facts=_facts(preflight),
        started=started,
        finished=next((e for e in reversed(seen) if isinstance(e, RunFinished) and e.attempt == number), None),
        resumed=next((e for e in reversed(seen) if isinstance(e, RunResumed) and e.attempt == number), None),
        lineage=lineage,
        earlier_seconds=_earlier(folder, number),
        last=seen[-1] if seen else None,
        stage=last_stage.stage if last_stage else "",
        round=last_stage.round if last_stage else 0,
        evaluated=[e for e in seen if isinstance(e, Evaluated)],
        kept=[e for e in seen if isinstance(e, Kept)],
        epochs=[e for e in seen if isinstance(e, EpochFinished)],
        guards=[e for e in seen if isinstance(e, GuardTripped)],
        stages=stages,
        memory_mb=max((e.peak_memory_mb for e in finished), default=0.0),
        steps=len(steps),
        tokens=sum(e.tokens for e in steps) + (foreign.tokens if foreign else 0),
        touched=any(isinstance(e, ControlApplied) and e.request.split()[:1] == ["set"] for e in seen),
        paused=_paused(seen),
        sample=_sample(folder.completions),
    )


def _broken_seal(preflight: dict[str, Any], under: str) -> str:
    """What is wrong with the seal of preflight.json, '' when nothing. `under` is the seal that the run started under."""
    if not preflight:
        return "preflight.json is missing or damaged, though the run started under one" if under else ""
    try:
        whole = seal_hash(preflight) == preflight.get("seal")
    except ValueError:  # NaN, which no seal has
        whole = False
    if not whole:
        return "preflight.json was changed after it was sealed"
    if under and under != preflight["seal"]:
        return "preflight.json is not the one that the run started under"
    return ""


def _lineage(folder: RunDir, damages: list[str]) -> Lineage | None:
    try:
        return load_lineage(folder)
    except BadInput as error:
        damages.append(str(error))
        return None


def _earlier(folder: RunDir, attempt: int) -> float:
    """Seconds of the attempts before this one."""
    results = [_object(folder.path / "attempts" / str(n) / "result.json") for n in range(1, attempt)]
    return sum(float(r.get("seconds", 0.0)) for r in results)


def _paused(seen: Sequence[Event]) -> bool:
    paused = False
    for e in seen:
        if isinstance(e, RunResumed):
            paused = False
        elif isinstance(e, ControlApplied) and e.request in ("pause", "unpause"):
            paused = e.request == "pause"
    return paused


def completions(path: Path) -> Iterator[dict[str, Any]]:
    """Every whole line of completions.jsonl; torn and foreign lines are skipped."""
    if not path.exists():
        return
    with path.open("rb") as f:
        for line in f:
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict):
                yield row


def _sample(path: Path) -> dict[str, Any]:
    """The text that stands for the run: the last healed answer, else the last kept completion, else {}."""
    healed: dict[str, Any] = {}
    kept: dict[str, Any] = {}
    for row in completions(path):
        if row.get("subject") == "healed" and str(row.get("probe", "")) not in ("benign", "thinking"):
            healed = row
        elif row.get("kept"):
            kept = row
    return healed or kept


def _object(path: Path) -> dict[str, Any]:
    try:
        value = read_json(path)
    except BadInput:
        return {}
    return value if isinstance(value, dict) else {}


def _facts(preflight: dict[str, Any]) -> ModelFacts | None:
    try:
        return msgspec.convert(preflight["evidence"]["facts"], ModelFacts)
    except (KeyError, TypeError, msgspec.ValidationError):
        return None
