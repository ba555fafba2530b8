"""The loop: steer, distil, heal, bake, and again. A generator of events; whoever consumes it writes them.

base = load(model); evaluate(base), evaluate(prompted with the persona)        # the base row and the bar to beat
for round in rounds:
    vector      = extract(student, personas, contexts)
    dose        = walk_c(student + vector)
    completions = generate(student + dose * vector)
    kept        = keep(completions, judged by base)                            # U1: can we filter?
    adapter     = heal(student, kept)                                          # U2: nll + lam * relu(D - tau)
    student     = bake(student, adapter)
    evaluate(student)                                                          # U3: same direction, still coherent?
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from typing import TypeVar

import msgspec
import torch

from engine import stages
from engine.contract.events import Evaluated, Event, Note, RunFinished, RunStarted, Stage, StageFinished, StageStarted
from engine.contract.hashes import code_hash
from engine.contract.rundir import RunDir
from engine.contract.runfile import RunFile
from engine.contract.units import stage_of
from engine.controls import Controls
from engine.lab import Lab
from engine.machine import PeakMemory
from engine.restore import result
from engine.resume import Past
from engine.tally import Tally

T = TypeVar("T")


def steer_heal_bake(
    run: RunFile,
    out: RunDir,
    controls: Controls,
    preflight_hash: str,
    tally: Tally | None = None,
    past: Past | None = None,
) -> Iterator[Event]:
    """Run the whole loop of a config into a run folder, or what `past` leaves of it.

    Raises the typed errors of the stages (Starved, Diverged, Stopped ...); the caller closes the run with their status, and with what
    `tally` says it came to."""
    config = run.config
    began = time.monotonic()
    past = past or Past()
    lab = yield from staged("load", 0, stages.open_lab(run, out, controls, tally or Tally(), past))
    if not past.started:
        yield _started(run, lab, preflight_hash)
    yield from unit(lab, "baseline", 0, stages.baselines(lab))
    for r in range(1, config.run.rounds + 1):
        vector = yield from unit(lab, "extract", r, stages.extract_vector(lab, r))
        dose, pool = yield from unit(lab, "dose", r, stages.find_dose(lab, vector, r))
        pool = yield from unit(lab, "generate", r, stages.generate_completions(lab, vector, dose, pool, r))
        healset = yield from unit(lab, "keep", r, stages.keep(lab, pool, r))
        yield from unit(lab, "steered", r, stages.measure(lab, "steered", lab.val, r, vector=vector, dose=dose))
        yield from unit(lab, "heal", r, stages.heal_round(lab, healset, r))
        yield from unit(lab, "bake", r, stages.bake(lab, r))
        yield from unit(lab, "healed", r, stages.measure(lab, "healed", lab.val, r))
        if lab.val_metrics[r]["coherence"] < config.evaluate.coherence_floor:
            lab.reason = "coherence_floor"
            break
        if controls.stop_after_round:
            lab.reason = "stopped after round"
            break
    best = lab.best_round()
    yield from unit(lab, "reveal", best or lab.student.folded, stages.reveal(lab, best or lab.student.folded))
    if not best:
        yield Note(text=f"no round is above the floors; the last one, round {lab.student.folded}, was revealed")
    seconds = time.monotonic() - began
    yield RunFinished(
        status="success",
        reason=lab.reason,
        best=best,
        seconds=seconds,
        gpu_seconds=seconds if lab.loaded.device.type == "cuda" else 0.0,
        tokens=lab.tally.tokens,
        reveals=lab.tally.reveals,
    )


def unit(lab: Lab, name: str, r: int, body: Generator[Event, None, T]) -> Generator[Event, None, T]:
    """Run a unit and write down that it is finished, or take its result where an earlier attempt finished it."""
    if lab.past.has(name, r):
        body.close()
        return result(lab, name, r)  # type: ignore[no-any-return]
    value = yield from staged(stage_of(name), r, body)
    if name != "heal":  # see Past.has
        lab.finish(name, r)
    return value


def staged(stage: Stage, r: int, body: Generator[Event, None, T]) -> Generator[Event, None, T]:
    """Run a stage between its two events; its events get the stage and the round, its end the seconds and the peak memory."""
    yield StageStarted(stage=stage, round=r)
    began, memory = time.perf_counter(), PeakMemory()
    result = yield from _stamped(stage, r, body)
    yield StageFinished(stage=stage, round=r, seconds=time.perf_counter() - began, peak_memory_mb=memory.megabytes())
    return result


def _stamped(stage: Stage, r: int, events: Generator[Event, None, T]) -> Generator[Event, None, T]:
    while True:
        try:
            event = next(events)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
        where = event.round if isinstance(event, Evaluated) else r  # the base is round 0 whenever it is measured
        yield msgspec.structs.replace(event, stage=stage, round=where)


def _started(run: RunFile, lab: Lab, preflight_hash: str) -> RunStarted:
    model = lab.loaded.model
    name = torch.cuda.get_device_name() if lab.loaded.device.type == "cuda" else "cpu"
    return RunStarted(
        run=lab.out.id,
        config_hash=run.config_hash,
        family_hash=run.family_hash,
        code_hash=code_hash(),
        preflight_hash=preflight_hash,
        seed=lab.seed,
        device=name,
        model_class=type(model).__name__,
        parameters=lab.parameters,
        trainable=lab.trainable,
    )
