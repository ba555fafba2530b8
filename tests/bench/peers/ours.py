"""The engine's side, in the project's own environment."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from engine.contract.config import Config, Evaluate, Generate, Heal
from engine.contract.config import Model as ModelConfig
from engine.contract.rundir import RunDir
from engine.contract.units import Extent
from engine.heal.checkpoint import Checkpoints
from engine.heal.data import HealSet
from engine.heal.step import Live
from engine.heal.train import heal
from engine.model.adapter import Student
from engine.model.forward import Row
from engine.model.load import load
from engine.steer.generate import Ask, generate
from engine.steer.methods import tag_states
from engine.steer.noise import row_key
from engine.steer.vector import Vector
from tests.bench.peers import workload

WHO = "engine"


def config_of(work: Any, divergence: str) -> Config:
    knobs = Heal(divergence=divergence, schedule="constant", **work.heal)  # type: ignore[arg-type]
    return Config(heal=knobs, generate=Generate(max_new_tokens=work.longest), evaluate=Evaluate(probes=0))


def healing(work: Any, divergence: str) -> tuple[int, float]:
    """A whole heal of one round: reference cached, losses, checkpoints at every epoch's end. The held-out set is one row."""
    config = config_of(work, divergence)
    student = Student(load(ModelConfig(id=work.model)), config.heal)
    rows = tuple(Row(p, c) for p, c in zip(work.prompts, work.completions, strict=True))
    with tempfile.TemporaryDirectory() as folder:
        extent = Extent(events=0, completions=0, tokens=0, replayed=0)
        store = Checkpoints(RunDir(Path(folder)), 1, every=10_000, keep=1, extent=lambda: extent)

        def fit() -> list[Any]:
            return list(
                heal(
                    student, HealSet(rows, rows[:1], 0), config, round_number=1, live=Live(config.heal.tau, config.heal.lam),
                    poll=lambda: iter(()), probe=lambda step: None, init_seed=1, checkpoints=store,  # type: ignore[arg-type,return-value]
                )
            )  # fmt: skip

        _, seconds = workload.timed(fit)
    return sum(len(r.completion) for r in rows) * config.heal.epochs, seconds


def main() -> None:
    work = workload.read()
    loaded = load(ModelConfig(id=work.model))
    vector: list[Vector] = []

    def extracting() -> tuple[int, float]:
        sides = [[loaded.chat._ids(t) for t in side] for side in (work.positive, work.negative)]
        states, seconds = workload.timed(lambda: [tag_states(loaded, side, [work.layer]) for side in sides])
        vector[:] = [Vector({work.layer: (states[0] - states[1]).mean(0)[0]}, "mean_diff", len(sides[0]))]
        return sum(len(ids) for side in sides for ids in side), seconds

    def generating(steered: bool) -> tuple[int, float]:
        asks = [Ask(p, 0.3, row_key("peers", n)) for n, p in enumerate(work.prompts)]
        found, seconds = workload.timed(
            lambda: generate(loaded, asks, vector[0] if steered else None, temperature=1.0, max_new_tokens=work.longest)
        )
        return sum(map(len, found)), seconds

    workload.attempt(WHO, "extract", extracting)
    workload.attempt(WHO, "generate", lambda: generating(False))
    workload.attempt(WHO, "generate steered", lambda: generating(True))
    workload.attempt(WHO, "fit", lambda: healing(work, "none"))
    workload.attempt(WHO, "fit with KL", lambda: healing(work, "kl_rev"))


if __name__ == "__main__":
    main()
