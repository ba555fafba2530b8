"""A finished run on nano whose adapters were filled with noise and not trained: everything that an export reads, at no training's cost."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import torch

from engine.contract.answers import parse_answers
from engine.contract.events import DoseProbed, Event, RunFinished, encode
from engine.contract.files import append_line, read_json, write_json
from engine.contract.preflight import seal
from engine.contract.prior import Prior
from engine.contract.resolve import resolve
from engine.contract.rundir import RunDir, runs_folder
from engine.contract.runfile import RunFile
from engine.contract.traits import load_trait
from engine.model.adapter import ROUND, Student
from engine.model.facts import inspect
from engine.model.load import load
from engine.steer.vector import Vector
from journal.book import Book
from journal.record import load_record
from journal.write import close_entry
from tests.makings import EXAMPLE, STARTED, evaluated

LAYER = 4
NOISE = 3e-3
"""Standard deviation of B: updates of about the size that heals make, relative to the weights."""
Baked = Callable[..., RunDir]


def bake(project: Path, tail: str, *sets: str, rounds: int = 2, best: int = 2, logged: bool = True) -> RunDir:
    """A run of so many baked rounds, with its entry in the journal unless told otherwise."""
    name = f"20260604T101347-nano-care-{tail}"
    folder = RunDir(runs_folder(project) / name)
    folder.path.mkdir(parents=True)
    config = resolve("nano-care", sets=[f"run.rounds={rounds}", *sets])
    trait, facts = load_trait(config.trait.name), inspect(config)
    answered = EXAMPLE.read_text("utf-8")
    if not facts.pretrained:
        answered = answered.replace('base = "pretrained"', 'base = "random"')
    answers = parse_answers(tomllib.loads(answered))
    record = seal(answers, config, facts, trait.hash, Prior())
    RunFile(
        config=config, preset="nano-care", changes={}, axes=record["axes"], trait_hash=trait.hash,
        model_hash=facts.model_hash,
    ).save(folder.config)  # fmt: skip
    write_json(folder.preflight, record)
    for event in _events(name, record["seal"], rounds, best):
        append_line(folder.events, encode(event))
    student = Student(load(config.model), config.heal)
    for number in range(1, rounds + 1):
        _bake_round(student, folder, number)
    write_json(folder.result, {"status": "success", "reason": "all rounds done", "attempt": 1, "exit": 0, "best": best})
    if logged:
        close_entry(Book(project), load_record(folder))
        write_json(folder.result, read_json(folder.result) | {"logged": True})
    return folder


def _events(name: str, seal: str, rounds: int, best: int) -> list[Event]:
    started = msgspec.structs.replace(STARTED, run=name, preflight_hash=seal)
    probed = DoseProbed(kappa=0.4, survivors=30, probed=32, low=0.8, high=0.98, accepted=True, round=1)
    val = [evaluated("healed", 0.5 + 0.1 * r, "val", round=r) for r in range(1, rounds + 1)]
    test = [evaluated("base", 0.26), evaluated("prompted", 0.98), evaluated("steered", 0.71, round=1, dose=0.4)]
    test += [evaluated("healed", 0.91, round=best, change={"trait_rate": 0.65})]
    ended = RunFinished(status="success", reason="all rounds done", best=best, seconds=60.0, tokens=1000, reveals=1)
    return [started, evaluated("base", 0.25, "val"), probed, *val, *test, ended]


def _bake_round(student: Student, folder: RunDir, number: int) -> None:
    noise = torch.Generator().manual_seed(number)
    with torch.no_grad():
        for weight in student.begin_round(number)[1::2]:
            weight.normal_(0.0, NOISE, generator=noise)
    student.save(folder.round(number) / "adapter", ROUND)
    student.fold()
    student.save(folder.round(number) / "student", student.history)
    direction = torch.randn(student.loaded.model.config.hidden_size, generator=noise)
    Vector({LAYER: direction}, "mean_diff", 8).save(folder.round(number) / "vector.safetensors")


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one such run, -k3f9; for reading, and for notes on its entry."""
    folder = tmp_path_factory.mktemp("project")
    bake(folder, "k3f9")
    return folder


@pytest.fixture(scope="session")
def run(project: Path) -> RunDir:
    return RunDir(next(runs_folder(project).glob("*-k3f9")))
