"""The ablation of a finished run (K14): four vectors, full, zero, random and shuffled, each on the base and on the healed student.

The model is the only thing that differs between the two halves: the same vectors, taken from the base as the run's first round took
its own, are applied at that round's dose. Zero on the base is the base, zero on the student is the student.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from engine.contract.config import CONTROLS, METHODS, Config
from engine.contract.errors import BadInput, Refused
from engine.contract.events import Evaluated, Event, RunFinished, VectorExtracted, encode, standing_events
from engine.contract.rundir import RunDir
from engine.contract.runfile import RunFile, load_runfile
from engine.contract.traits import TraitFile, load_trait
from engine.contract.world import Prompt
from engine.evaluate.evaluation import evaluate, items
from engine.evaluate.pick import spread
from engine.evaluate.scores import Scores
from engine.evaluate.steps import whole
from engine.evaluate.subject import Name, Subject
from engine.evaluate.worlds import load_world
from engine.model.adapter import Student
from engine.model.facts import inspect
from engine.model.load import load
from engine.plugins.active import activate
from engine.steer.methods import extract
from engine.steer.vector import Vector
from engine.talk import accepted_dose


def ablate(argv: list[str]) -> int:
    """`ablate DIR`: a vector_extracted event for each vector, then evaluated events on val: the unsteered base, then the eight cells,
    base before student. Changes are paired with the unsteered base; cos_first is the cosine with the full vector, which shuffled signs
    do not bring to zero where the pairs share a direction. Changes nothing of the run."""
    if len(argv) != 1:
        raise BadInput("name the run folder: python -m engine ablate DIR")
    out = RunDir(Path(argv[0]))
    for event in cells(out, load_runfile(out.config)):
        sys.stdout.buffer.write(encode(event))
        sys.stdout.buffer.flush()
    return 0


def cells(out: RunDir, run: RunFile) -> Iterator[Event]:
    """The events of `ablate`. Raises BadInput when no round was baked or no dose was found, Refused when the trait or the model are not
    those that the run was sealed with."""
    config, best = run.config, best_round(out)
    dose = accepted_dose(out, 1)
    if not dose:
        raise BadInput(f"{out.id} found no dose in its first round; there is nothing to ablate")
    activate(config, out.plugins)
    trait = _sealed_trait(run)
    world = load_world(trait, config.evaluate)
    student = Student(load(config.model), config.heal)
    val = items(world, config, "val")
    contexts = spread(world.contexts(), config.steer.contexts, lambda p: p.kind)
    full = config.steer.method if config.steer.method not in CONTROLS else METHODS[0]
    vectors = [_vector(student, trait, contexts, config, method) for method in (full, "zero", "random", "shuffled")]
    for vector in vectors:
        yield VectorExtracted(
            method=vector.method,
            layers=sorted(vector.directions),
            pairs=vector.pairs,
            norm=vector.norms,
            cos_first=vector.cosine(vectors[0]),
        )

    base: Scores | None = None

    def measure(name: Name, r: int, vector: Vector | None = None) -> tuple[Evaluated, Scores]:
        subject = Subject(name, student, trait, vector, dose if vector else 0.0)
        event, scores, _ = whole(evaluate(subject, world, val, config, r, base))
        return event, scores

    event, base = measure("base", 0)
    yield event
    for vector in vectors:
        yield measure("steered", 1, vector)[0]
    student.load_history(out.round(best) / "student", best)
    for vector in vectors:
        yield measure("healed", best, vector)[0]


def best_round(out: RunDir) -> int:
    """The round that the run chose, the last baked one when none passed the floors. Raises BadInput when none was baked."""
    ended = [e for e in standing_events(out.events) if isinstance(e, RunFinished)]
    baked = sorted(int(p.parts[-3]) for p in out.path.glob("rounds/*/student/adapter_config.json"))
    if not baked:
        raise BadInput(f"{out.id} has no baked round, or its weights were removed; ablate a run that kept rounds/")
    return (ended[-1].best if ended else 0) or baked[-1]


def _vector(student: Student, trait: TraitFile, contexts: list[Prompt], config: Config, method: str) -> Vector:
    """A vector of the base as it stands; controls have the full one's norm and are keyed by the run's seed."""
    knobs = config.steer.model_copy(update={"method": method})
    return extract(student.loaded, trait, contexts, knobs, config.run.seed)


def _sealed_trait(run: RunFile) -> TraitFile:
    """The run's trait. Raises Refused when it or the model changed since the seal."""
    trait = load_trait(run.config.trait.name)
    for what, sealed, found in (
        ("trait", run.trait_hash, trait.hash),
        ("model", run.model_hash, inspect(run.config).model_hash),
    ):
        if sealed != found:
            raise Refused(
                f"the {what} changed since the run ({sealed[:8]}, now {found[:8]}): its ablation is another's"
            )
    return trait
