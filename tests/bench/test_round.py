"""A round of the engine against the plain form of the loop (plain_loop.py): same model, same tokens, same sizes, stage by stage.

The texts must be equal and losses and scores agree, so that the ratio compares the same work."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.contract.config import Config
from engine.contract.events import Event, HealStep
from engine.contract.resolve import resolve
from engine.contract.rundir import RunDir
from engine.contract.traits import load_trait
from engine.contract.units import Extent
from engine.evaluate.evaluation import evaluate, items
from engine.evaluate.pick import spread
from engine.evaluate.probes import CoherenceProbe
from engine.evaluate.steps import whole
from engine.evaluate.subject import Subject
from engine.evaluate.worlds import load_world
from engine.heal.checkpoint import Checkpoints
from engine.heal.data import HealSet
from engine.heal.step import Live
from engine.heal.train import heal
from engine.model.adapter import Student
from engine.model.forward import Row, score
from engine.model.load import load
from engine.steer.generate import Ask, generate
from engine.steer.methods import band, extract, with_personas
from engine.steer.noise import row_key
from tests.bench import plain_loop
from tests.bench.measuring import in_turns

pytestmark = pytest.mark.bench

TURNS = 2
DOSE = 0.3
SIZES = (
    "steer.contexts=48",
    "generate.completions=48",
    "heal.epochs=3",
    "evaluate.prompts=24",
    "evaluate.vignettes=21",
    "evaluate.facts=24",
)
"""A third to a sixth of a nano-care round: larger batches only widen the gap."""


def healed(config: Config, rows: list[Row], folder: Path, probes: int) -> list[float]:
    """The engine's heal on a fresh student; the loss of every optimizer step."""
    trait = load_trait(config.trait.name)
    world = load_world(trait)
    config = config.model_copy(update={"evaluate": config.evaluate.model_copy(update={"probes": probes})})
    student = Student(load(config.model), config.heal)
    val = items(world, config, "val")
    asked = [p for p in val.prompts if p.kind == "trait"]
    probe = CoherenceProbe(Subject("healed", student, trait), val.vignettes, asked, config.run.seed)
    extent = Extent(events=0, completions=0, tokens=0, replayed=0)
    store = Checkpoints(RunDir(folder), 1, every=1000, keep=1, extent=lambda: extent)
    events: list[Event] = list(
        heal(
            student, HealSet(tuple(rows), tuple(rows[:2]), 0), config, round_number=1,
            live=Live(config.heal.tau, config.heal.lam), poll=lambda: iter(()), probe=probe, init_seed=1,
            checkpoints=store,
        )
    )  # fmt: skip
    store.clear()
    return [e.loss for e in events if isinstance(e, HealStep)]


def test_round_against_the_plain_form(tmp_path: Path) -> None:
    config = resolve("nano-care", sets=[*SIZES])
    seed, knobs = config.run.seed, config.generate
    loaded, trait = load(config.model), load_trait(config.trait.name)
    world = load_world(trait)
    chat = loaded.chat
    contexts = spread(world.contexts(), config.steer.contexts, lambda p: p.kind)
    (layer,) = band(len(loaded.layers), config.steer)
    pairs = [
        (chat.prompt(p.text, persona.positive), chat.prompt(p.text, persona.negative))
        for p, persona in with_personas(contexts, trait)
    ]
    vector = extract(loaded, trait, contexts, config.steer, seed)
    prompts = world.prompts("train")[: knobs.completions]
    asks = [Ask(chat.prompt(p.text), DOSE, row_key(seed, 1, p.id)) for p in prompts]
    rows = [
        Row(a.prompt, said)
        for a, said in zip(
            asks, generate(loaded, asks, vector, temperature=1.0, max_new_tokens=knobs.max_new_tokens), strict=True
        )
    ]
    tokens = sum(len(r.completion) for r in rows)
    val = items(world, config, "val")
    pristine = Student(loaded, config.heal)
    subject = Subject("base", pristine, trait)
    measured = config.evaluate
    heat = knobs.temperature

    def plain_heal() -> list[float]:
        return plain_loop.heal(Student(load(config.model), config.heal), rows, config.heal, seed, 1)

    stages: dict[str, tuple[int, Any, Any]] = {
        "extract": (
            sum(len(a) + len(b) for a, b in pairs),
            lambda: plain_loop.extract(loaded, pairs, layer),
            lambda: extract(loaded, trait, contexts, config.steer, seed).directions[layer],
        ),
        "generate": (
            tokens,
            lambda: plain_loop.generate(loaded, asks, vector, heat, knobs.max_new_tokens),
            lambda: generate(loaded, asks, vector, temperature=heat, max_new_tokens=knobs.max_new_tokens),
        ),
        "keep": (tokens, lambda: plain_loop.score(loaded, rows), lambda: score(loaded, rows)),
        "heal": (
            tokens * config.heal.epochs,
            plain_heal,
            lambda: healed(config, rows, tmp_path, 0),
        ),
        "evaluate": (
            len(val),
            lambda: plain_loop.evaluate(
                loaded, trait, world, (val.prompts, val.vignettes, val.facts), measured.temperature,
                measured.max_new_tokens, seed,
            ),
            lambda: whole(evaluate(subject, world, val, config, 0, None))[0].metrics,
        ),
    }  # fmt: skip
    print(
        f"\none round of nano-care, {os.cpu_count()} cores, {torch.get_num_threads()} thread(s), least of {TURNS} turns"
    )
    print(
        f"  {'stage':<9} {'of':>7} {'plain s':>8} {'engine s':>9} {'x faster':>9} {'per s':>8} {'MB plain':>9} {'engine':>7}"
    )
    values, total = {}, [0.0, 0.0]
    for name, (size, plain, engine) in stages.items():
        # a round is measured before and after its heal: steered and healed
        times = 2 if name == "evaluate" else 1
        found = in_turns({"plain": plain, "engine": engine}, TURNS)
        a, b = found["plain"], found["engine"]
        values[name] = (a.value, b.value)
        total = [total[0] + times * a.seconds, total[1] + times * b.seconds]
        print(
            f"  {name:<9} {size:>7,} {a.seconds:>8.2f} {b.seconds:>9.2f} {a.seconds / b.seconds:>9.1f} "
            f"{size / b.seconds:>8,.0f} {a.megabytes:>9.0f} {b.megabytes:>7.0f}"
        )
    print(
        f"  {'round':<9} {'':>7} {total[0]:>8.2f} {total[1]:>9.2f} {total[0] / total[1]:>9.1f}   (evaluate counted twice)"
    )
    probed = in_turns({"": lambda: healed(config, rows, tmp_path, config.evaluate.probes)}, 1)[""]
    print(
        f"  heal with its {config.evaluate.probes} coherence probes, which the plain form has not: {probed.seconds:.2f} s"
    )

    torch.testing.assert_close(*values["extract"], rtol=1e-4, atol=1e-4)
    assert values["generate"][0] == values["generate"][1]
    for one, other in zip(*values["keep"], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=2e-4)
    assert values["heal"][1] == pytest.approx(values["heal"][0], rel=5e-3)
    plain_metrics, metrics = values["evaluate"]
    assert {k: metrics[k] for k in plain_metrics} == pytest.approx(plain_metrics, abs=1e-3)
    assert total[0] / total[1] > 4.0
