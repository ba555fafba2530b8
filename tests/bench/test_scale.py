"""What a token costs as the work grows: rounds behind the student, completions decoded together, length, vocabulary.

Small models on a CPU, forms taken in turns; each curve is told against its first point."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch

from engine.contract.config import Heal, Model
from engine.contract.traits import load_trait
from engine.contract.world import World
from engine.evaluate.worlds import load_world
from engine.model.adapter import Student
from engine.model.load import Loaded, load
from engine.steer.generate import Ask, generate
from tests.bench.measuring import in_turns
from tests.bench.test_heal_head import Step, prepare, step_with

pytestmark = pytest.mark.bench

TURNS = 3
ROUNDS = (1, 2, 4, 8)


@pytest.fixture(scope="module")
def world() -> World:
    return load_world(load_trait("care"))


def show(title: str, unit: str, found: dict[str, tuple[float, float]]) -> None:
    """A curve: microseconds a unit and peak extra memory at each point, against the first."""
    print(f"\n{title}, {torch.get_num_threads()} thread(s) of {os.cpu_count()} cores, least of {TURNS} turns")
    first = next(iter(found.values()))[0]
    for name, (seconds, megabytes) in found.items():
        print(
            f"  {name:<22} {1e6 * seconds:>10.1f} us a {unit} {seconds / first:>7.2f} of the first {megabytes:>7.0f} MB"
        )


def curve(work: dict[str, tuple[int, Callable[[], Any]]]) -> dict[str, tuple[float, float]]:
    """Seconds a unit and peak extra MB at each point."""
    measured = in_turns({name: do for name, (_, do) in work.items()}, TURNS)
    return {name: (measured[name].seconds / units, measured[name].megabytes) for name, (units, _) in work.items()}


def asks(loaded: Loaded, world: World, rows: int) -> list[Ask]:
    return [Ask(loaded.chat.prompt(p.text), 0.0, n) for n, p in enumerate(world.prompts("train")[:rows])]


def decode(loaded: Loaded, rows: list[Ask], tokens: int) -> list[list[int]]:
    """Rows without a stop, so that every point decodes all of its tokens."""
    stops = set(loaded.chat.stops)
    loaded.chat.stops.clear()
    loaded.chat.stops.add(1 << 30)
    try:
        return generate(loaded, rows, temperature=1.0, max_new_tokens=tokens, batch_size=len(rows))
    finally:
        loaded.chat.stops.clear()
        loaded.chat.stops.update(stops)


def at_round(r: int) -> Student:
    """Nano with r - 1 rounds baked and the next one begun."""
    student = Student(load(Model()), Heal())
    for done in range(r - 1):
        student.begin_round(done)
        student.fold()
    student.begin_round(r)
    return student


def test_rounds(world: World) -> None:
    """Per token of generation and of a heal step: the history grows by one round's rank with every round."""
    students = {r: at_round(r) for r in ROUNDS}

    def sampling(student: Student) -> object:
        with student.gates(history=1.0, current=0.0):
            return decode(student.loaded, asks(student.loaded, world, 64), 24)

    work = {f"round {r}": (64 * 24, partial(sampling, s)) for r, s in students.items()}
    generated = curve(work)
    show("generation by the student of a round, rank 8 a round", "token", generated)
    step = prepare(2_304, 16)
    steps = {r: step._replace(student=s) for r, s in students.items()}
    tokens = sum(step.lengths)
    healed = curve({f"round {r}": (tokens, partial(step_with, s, "chunked")) for r, s in steps.items()})
    show("a heal step in a round", "token", healed)


def test_completions(world: World) -> None:
    loaded = load(Model())
    rows = asks(loaded, world, 256)
    work = {f"{n} rows": (n * 32, partial(decode, loaded, rows[:n], 32)) for n in (1, 4, 16, 64, 256)}
    show("completions decoded together", "token", curve(work))


def test_length(world: World) -> None:
    loaded = load(Model())
    rows = asks(loaded, world, 32)
    work = {f"{n} tokens": (32 * n, partial(decode, loaded, rows, n)) for n in (24, 48, 96, 192)}
    show("tokens of a completion, 32 rows", "token", curve(work))


def test_vocabulary() -> None:
    steps: dict[int, Step] = {v: prepare(v, 4) for v in (2_304, 32_000, 128_000, 262_144)}
    work = {f"{v:,} tokens": (sum(s.lengths), partial(step_with, s, "chunked")) for v, s in steps.items()}
    show("vocabulary, a heal step of 4 samples", "token", curve(work))
