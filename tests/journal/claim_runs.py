"""Runs of a claim's arms as supervisors leave them: events, closed entry, result; one line a run in a test."""

from __future__ import annotations

import json
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from engine.contract import events as e
from engine.contract.answers import parse_answers
from engine.contract.preflight import seal
from engine.contract.prior import Prior
from engine.contract.resolve import resolve
from engine.contract.rundir import RunDir, runs_folder
from engine.contract.runfile import RunFile
from engine.contract.seeds import seeds
from journal.book import Book
from journal.claims import ledger
from journal.claims.question import asked, define
from journal.record import load_record
from journal.write import close_entry
from tests.journal.conftest import EXAMPLE, FACTS, STARTED, evaluated

SEALED = "2026-06-01T00:00:00.000Z"
ASKED: dict[str, Any] = {
    "question": "Does rmse hold more of the trait than mean does?",
    "family": "20260501T000000-nano-care-refa",
    "contrast": "heal.aggregate=rmse against heal.aggregate=mean",
    "metric": "trait_rate",
    "op": ">=",
    "threshold": 0.05,
    "confidence": 0.7,
}
RMSE, MEAN, RANDOM = ("heal.aggregate=rmse",), ("heal.aggregate=mean",), ("heal.aggregate=rmse", "steer.method=random")
VALUES = {RMSE: 0.93, MEAN: 0.80, RANDOM: 0.25}


@cache
def sealed(sets: tuple[str, ...]) -> str:
    """preflight.json of a config, sealed by the contract's own code."""
    answers = parse_answers(tomllib.loads(EXAMPLE.read_text("utf-8")))
    return json.dumps(seal(answers, resolve("nano-care", sets=sets), FACTS, "t" * 64, Prior()))


class Lab:
    """A project with a reference run, where questions are sealed and seeds run."""

    def __init__(self, project: Path) -> None:
        self.project, self._count = project, 0
        if (project / "runs").exists():
            self._count = 1000  # a copy of another lab's project
        else:
            self.run(42, RMSE, name=ASKED["family"])

    def ask(self, at: str = SEALED, **changes: Any) -> str:
        return ledger.seal(self.project, define(self.project, asked(ASKED | changes)), at=at)

    def check(self, level: str = "") -> ledger.Checked:
        return ledger.check(self.project, "last", level=level)

    def arm(self, sets: tuple[str, ...], count: int) -> list[RunDir]:
        return [self.run(seed, sets) for seed in seeds(count)]

    def arms(self, count: int) -> None:
        """All three arms on the first seeds, with values that differ a little from seed to seed."""
        for sets in (RMSE, MEAN, RANDOM):
            self.arm(sets, count)

    def run(
        self,
        seed: int,
        sets: tuple[str, ...] = RMSE,
        value: float | None = None,
        *,
        name: str = "",
        status: str = "success",
        best: int = 2,
        reveals: int = 1,
        norm: float = 11.0,
        prompted: bool = True,
        touched: bool = False,
        provenance: dict[str, Any] | None = None,
        **row: Any,
    ) -> RunDir:
        self._count += 1
        name = name or f"20260604T10{self._count // 60:02d}{self._count % 60:02d}-nano-care-{self._count:04d}"
        value = VALUES[sets] + (seed % 7) * 0.004 if value is None else value
        events: list[e.Event] = [msgspec.structs.replace(STARTED, seed=seed), evaluated("base", 0.28)]
        events += [evaluated("prompted", 0.90)] if prompted else []
        method = "random" if "steer.method=random" in sets else "mean_diff"
        events.append(e.VectorExtracted(method=method, layers=[4], pairs=256, norm={"4": norm}, round=1))
        events += [e.ControlApplied(request="set heal.tau", by="b", value="1.0")] if touched else []
        if status == "success":
            events += [evaluated("healed", v, "val", round=r) for r, v in ((1, 0.5), (2, value))]
            events.append(evaluated("healed", value, round=best or 2, **row))
            done = e.RunFinished(
                status=status, reason="all rounds done", best=best, seconds=1.0, tokens=1, reveals=reveals
            )
            events.append(done)
        folder = RunDir(runs_folder(self.project) / name)
        folder.path.mkdir(parents=True)
        config, record = resolve("nano-care", sets=[*sets, f"run.seed={seed}"]), json.loads(sealed(sets))
        RunFile(
            config=config, preset="nano-care", changes={}, axes=record["axes"], trait_hash="t" * 64, model_hash="c" * 64
        ).save(folder.config)
        events[0] = msgspec.structs.replace(events[0], preflight_hash=record["seal"])
        folder.events.write_bytes(b"".join(e.encode(event) for event in events))
        folder.preflight.write_text(json.dumps(record))
        folder.provenance.write_text(json.dumps({"commit": "d" * 40, "dirty": False} | (provenance or {})))
        if status:
            result = {"status": status, "reason": "", "attempt": 1, "exit": 0, "seconds": 61.0, "logged": True}
            folder.result.write_text(json.dumps(result))
        close_entry(Book(self.project), load_record(folder))
        return folder
