"""What earlier runs of this project say about the next one: the facts that the checklist and the known-bug rules look at."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

FAILED = ("diverged", "nan", "starved")
"""Endings that condemn a config; a run that was killed, stopped, timed out or ran out of memory says nothing about it (K7)."""


class PriorRun(msgspec.Struct, frozen=True, kw_only=True):
    """One finished run. What it did not measure is None. `missed` is a prediction whose miss was marked as a failure."""

    id: str
    status: str
    config_hash: str
    family_hash: str
    model_hash: str
    trait_hash: str
    tokenizer_hash: str
    config: dict[str, Any]
    smoke: bool = False
    missed: bool = False
    operating_kl: float | None = None  # nats, the largest p90 over samples of D that an epoch reached
    base_trait_rate: float | None = None
    metric_version: int | None = None
    title: str = ""  # how it came out, in one line

    @property
    def failed(self) -> bool:
        return self.status in FAILED or self.missed


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """One run's seal, whether the run has finished or not: what was answered then, and the evidence that it was answered on."""

    id: str
    preset: str
    smoke: bool
    answers: dict[str, Any]
    config: dict[str, Any]
    axes: list[str]
    model_hash: str
    trait_hash: str
    evidence: dict[str, Any]
    metric_version: int = 0


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """One split of a world, by its items: `id` is world, version and name; `hash` is over the ids of all of them (K5)."""

    id: str
    items: int
    hash: str


State = Literal["open", "waived", "tested"]


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that matches. `knobs` are the settings behind it, `state` says whether it still blocks."""

    rule: str
    symptom: str
    cause: str
    fix: str
    knobs: list[str]
    state: State = "open"

    def line(self) -> str:
        """One line for a person: what will happen, why, and what to do."""
        return f"{self.rule}: {self.cause}. It leads to: {self.symptom}. Fix: {self.fix}"


class Prior(msgspec.Struct, frozen=True, kw_only=True):
    """The finished runs of a project, newest first, and the one that the preflight compares with; every seal, newest first; the hash of
    what the notes say on the changed knobs ('' when they say nothing); the splits that the run will be measured on;
    and which of the project's own known bugs it runs into."""

    runs: list[PriorRun] = []
    comparator: PriorRun | None = None
    sealed: list[Sealed] = []
    notes_hash: str = ""
    splits: dict[str, Split] = {}
    project_bugs: list[Hit] = []
