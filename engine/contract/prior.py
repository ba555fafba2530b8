"""What earlier runs of this project say about the next one: the facts that the checklist and the known-bug rules look at."""

from __future__ import annotations

from typing import Any

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

    @property
    def failed(self) -> bool:
        return self.status in FAILED or self.missed


class Prior(msgspec.Struct, frozen=True, kw_only=True):
    """The finished runs of a project, newest first, and the one that the preflight compares with."""

    runs: list[PriorRun] = []
    comparator: PriorRun | None = None
