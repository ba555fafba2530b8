"""Healing in one batch equals healing row by row: losses, gradients and weights (A6, KB30, KB33), and the guards end it in time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from engine.contract.config import Config, Evaluate, Heal, Model
from engine.contract.errors import NotFinite
from engine.contract.events import CoherenceProbed, Event, HealStep, Note
from engine.contract.rundir import RunDir
from engine.contract.units import Extent
from engine.contract.world import World
from engine.heal.checkpoint import Checkpoints
from engine.heal.data import HealSet
from engine.heal.step import Live
from engine.heal.train import heal
from engine.model.adapter import ROUND, Student
from engine.model.forward import Row
from engine.model.load import load
from engine.steer.generate import Ask, generate


def nothing() -> Iterator[Event]:
    return iter(())


def no_probe(step: int) -> CoherenceProbed:
    raise AssertionError("no probe was asked for")


def checkpoints(folder: Path) -> Checkpoints:
    extent = Extent(events=0, completions=0, tokens=0, replayed=0)
    return Checkpoints(RunDir(folder), 1, every=50, keep=2, extent=lambda: extent)


def train(world: World, folder: Path, **knobs: object) -> tuple[Student, list[Event]]:
    """One epoch on nano over twelve orders answered by the base, with a barrier that fires unless told otherwise."""
    loaded = load(Model())
    ids = [loaded.chat.prompt(p.text) for p in world.prompts("train")[:14]]
    answers = generate(loaded, [Ask(i) for i in ids], temperature=0.0, max_new_tokens=24)
    rows = [Row(i, a) for i, a in zip(ids, answers, strict=True)]
    knobs = {"epochs": 1, "lr": 1e-2, "tau": 0.001, "lam": 0.5} | knobs
    config = Config(heal=Heal(**knobs), evaluate=Evaluate(probes=0))  # type: ignore[arg-type]
    student = Student(loaded, config.heal)
    live = Live(config.heal.tau, config.heal.lam)
    stream = heal(
        student,
        HealSet(tuple(rows[:12]), tuple(rows[12:]), 0),
        config,
        round_number=1,
        live=live,
        poll=nothing,
        probe=no_probe,
        init_seed=1,
        checkpoints=checkpoints(folder),
    )
    return student, list(stream)


def weights(student: Student) -> list[torch.Tensor]:
    return [layer.lora_B[ROUND].weight.detach() for layer in student.layers]


@pytest.mark.parametrize("aggregate", ["rmse", "p95"])
def test_row_by_row_equals_one_batch(world: World, aggregate: str, tmp_path: Path) -> None:
    one, a = train(world, tmp_path / "one", batch_size=6, accumulation=1, aggregate=aggregate)
    each, b = train(world, tmp_path / "each", batch_size=1, accumulation=6, aggregate=aggregate)
    steps_a, steps_b = ([e for e in events if isinstance(e, HealStep)] for events in (a, b))
    assert len(steps_a) == len(steps_b) == 2
    for x, y in zip(steps_a, steps_b, strict=True):
        assert x.loss == pytest.approx(y.loss, rel=1e-4)
        assert x.grad_norm == pytest.approx(y.grad_norm, rel=1e-3)
        assert (x.tokens, x.fired) == (y.tokens, y.fired)
    assert steps_a[-1].fired > 0  # type: ignore[operator]
    for p, q in zip(weights(one), weights(each), strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=2e-3)


@pytest.mark.parametrize(("tau", "told"), [(0.001, False), (50.0, True)])
def test_a_barrier_out_of_reach_is_told_while_the_round_heals(
    world: World, tau: float, told: bool, tmp_path: Path
) -> None:
    """KB20, W8: measured, not guessed."""
    _, events = train(world, tmp_path, batch_size=1, tau=tau)
    notes = [e.text for e in events if isinstance(e, Note)]
    assert bool(notes) == told
    assert all("above every D so far" in n and "Set heal.tau below" in n for n in notes)


def test_a_loss_that_is_not_a_number_ends_the_run_before_the_step(world: World, tmp_path: Path) -> None:
    """A5, FAULTS 1: the embedding turns NaN under the training run's feet; no adapter weight is touched."""
    loaded = load(Model())
    prompts = [p for p in world.prompts("train") if p.kind == "trait"][:6]
    rows = [Row(loaded.chat.prompt(p.text), loaded.chat.completion(world.choices(p)[1])) for p in prompts]
    config = Config(heal=Heal(epochs=3, batch_size=4), evaluate=Evaluate(probes=0))
    student = Student(loaded, config.heal)
    stream = heal(
        student,
        HealSet(tuple(rows[:4]), tuple(rows[4:]), 0),
        config,
        round_number=1,
        live=Live(0.5, 0.3),
        poll=nothing,
        probe=no_probe,
        init_seed=1,
        checkpoints=checkpoints(tmp_path),
    )
    first = next(e for e in stream if isinstance(e, HealStep))
    assert first.step == 1
    before = [w.clone() for w in weights(student)]
    with torch.no_grad():
        loaded.model.get_input_embeddings().weight[:] = float("nan")
    with pytest.raises(NotFinite):
        list(stream)
    for p, q in zip(weights(student), before, strict=True):
        assert torch.equal(p, q)
