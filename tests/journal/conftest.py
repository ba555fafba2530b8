"""Run folders as a launch and a worker leave them, written by the contract's own code; no process and no model."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.contract import events as e
from engine.contract.answers import parse_answers
from engine.contract.files import append_line, read_json, write_json
from engine.contract.preflight import seal
from engine.contract.prior import Prior
from engine.contract.resolve import resolve
from engine.contract.rundir import RunDir, runs_folder
from engine.contract.runfile import RunFile
from journal.book import Book
from journal.record import load_record
from journal.write import close_entry
from tests.makings import EXAMPLE, FACTS, STARTED, evaluated

Maker = Callable[..., RunDir]


@pytest.fixture
def make_run(tmp_path: Path) -> Maker:
    """make_run('20260604T101347-nano-care-k3f9', events, status='success', sets=[...], completions=[...])."""

    def make(
        name: str,
        events: Sequence[e.Event] = (),
        *,
        status: str = "",
        reason: str = "",
        sets: Sequence[str] = (),
        completions: Sequence[dict[str, Any]] = (),
    ) -> RunDir:
        folder = RunDir(runs_folder(tmp_path) / name)
        folder.path.mkdir(parents=True)
        config = resolve("nano-care", sets=sets)
        answers = parse_answers(tomllib.loads(EXAMPLE.read_text("utf-8")))
        record = seal(answers, config, FACTS, "t" * 64, Prior())
        run = RunFile(
            config=config, preset="nano-care", changes={}, axes=record["axes"], trait_hash="t" * 64, model_hash="c" * 64
        )
        run.save(folder.config)
        write_json(folder.preflight, record)
        write_json(folder.provenance, {"commit": "d" * 40, "dirty": False, "hardware": {"line": "2 threads, 8 GiB"}})
        for event in events:
            if isinstance(event, e.RunStarted):
                event = msgspec.structs.replace(event, preflight_hash=record["seal"])
            append_line(folder.events, e.encode(event))
        for row in completions:
            append_line(folder.completions, json.dumps(row).encode())
        if status:
            write_json(folder.result, {"status": status, "reason": reason, "attempt": 1, "exit": 0, "seconds": 61.0})
        return folder

    return make


FINISHED = e.RunFinished(status="success", reason="all rounds done", best=2, seconds=60.0, tokens=1000)
Logged = Callable[..., str]


@pytest.fixture
def logged(make_run: Maker, tmp_path: Path) -> Logged:
    """logged('k3f9', trait=.93) makes a finished run with its closed entry in the journal, by the code that a real one takes."""

    def log(
        tail: str, *, trait: float = 0.93, status: str = "success", day: int = 4, seed: int = 42, **more: Any
    ) -> str:
        name = f"202606{day:02d}T101347-nano-care-{tail}"
        events: list[e.Event] = [msgspec.structs.replace(STARTED, seed=seed), evaluated("base", 0.26)]
        if status == "success":
            events += [evaluated("healed", trait, round=2), FINISHED]
        sets = [f"run.seed={seed}", *more.pop("sets", [])]
        folder = make_run(name, events, status=status, sets=sets, **more)
        close_entry(Book(tmp_path), load_record(folder))
        write_json(folder.result, read_json(folder.result) | {"logged": True})
        return name

    return log
