"""From a preset and a preflight to a supervised run: resolve, inspect, gate, seal, folder, supervisor. Nothing trains before the seal."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cockpit.runs import engine, evidence, processes, tally
from cockpit.runs.ending import last_line
from cockpit.runs.provenance import gpus, provenance
from cockpit.runs.splits import splits
from cockpit.runs.survey import survey
from engine.contract.answers import Answers, load_answers
from engine.contract.config import Config
from engine.contract.errors import BadInput, CockpitError, Refused
from engine.contract.estimate import estimate
from engine.contract.events import now
from engine.contract.facts import ModelFacts
from engine.contract.files import write_atomic, write_json
from engine.contract.hashes import SEED_AXIS
from engine.contract.preflight import blocks, check_seal, outside, seal
from engine.contract.resolve import resolve
from engine.contract.rundir import RunDir, create
from engine.contract.runfile import RunFile
from engine.contract.script import for_scripts
from engine.contract.traits import load_trait

PATIENCE = 30.0
"""Seconds that a supervisor has to say that it is there."""


class Plan:
    """A run that is sealed and not yet started."""

    def __init__(self, run: RunFile, record: dict[str, Any], name: str) -> None:
        self.run, self.record, self.name = run, record, name


def prepare(
    project: Path,
    *,
    preset: str = "",
    file: Path | None = None,
    sets: Sequence[str] = (),
    preflight: Path | None = None,
) -> Plan:
    """Everything that must hold before a run folder exists. Raises BadInput or Refused with what to do.

    The config is the preflight's own base config with `sets` on top, unless another preset or a file is named."""
    answers = load_answers(preflight) if preflight else None
    if preflight and for_scripts(preflight):
        raise BadInput(f"{preflight} names no preset, so it is a script's: cockpit run --preflight {preflight} -- CMD")
    if answers is not None and preset in ("", answers.preset):
        preset, sets = answers.preset, sets if file else [*answers.set, *sets]
    if not preset and file is None:
        raise BadInput("name what to run: --preset nano-care, or --config F.toml")
    config = resolve(preset or None, file=file, sets=sets)
    if config.run.smoke:
        raise BadInput("run.smoke is for `cockpit fast-dev-run`; it cannot be set on a launch")
    trait_hash = load_trait(config.trait.name).hash
    need_cuda(config)
    if answers is None:
        raise Refused(
            "no preflight: answer the checklist first with `cockpit preflight new"
            f"{f' --preset {preset}' if preset else ''} --out F.toml`, then launch with --preflight F.toml"
        )
    base = answers.base_config()
    differs = outside(base.flat(), config.flat(), answers.axes)
    if differs:
        shown = ", ".join(f"{k} ({base.flat()[k]!r} answered for, {config.flat()[k]!r} asked)" for k in differs[:3])
        more = f" and {len(differs) - 3} more" if len(differs) > 3 else ""
        raise Refused(
            f"{preflight} was answered for another family, which differs in {shown}{more}: "
            "declare these as axes, or answer a preflight for this config"
        )
    if not answers.acknowledged:
        evidence.check_gate(project, answers)  # before seconds are spent on the model
    known = survey(project, answers, config)
    answers, facts = known.answers, known.facts
    gate = evidence.check_gate(project, answers)
    if config.model.device == "cuda" and not facts.cuda:
        raise BadInput(_NO_CUDA.format(model=config.model.id))
    found = {"gate": gate, "estimate": _estimate(config, facts), "comparator": answers.prior.comparator}
    try:
        record = seal(answers, config, facts, trait_hash, known.prior, evidence=found | known.evidence())
    except Refused:
        tally.note(project, preflight, "launch", blocks(answers, config, facts, known.prior))
        raise
    return Plan(_runfile(config, preset, answers, trait_hash, facts), record, preset or "own")


_NO_CUDA = (
    "{model} is to run on a GPU (model.device = cuda) and this machine has no CUDA device; nano-care runs on the CPU"
)


def need_cuda(config: Config) -> None:
    """Raises BadInput when the config wants CUDA and the driver names no device; the engine is not asked for this."""
    if config.model.device == "cuda" and not gpus():
        raise BadInput(_NO_CUDA.format(model=config.model.id))


def start(project: Path, plan: Plan) -> RunDir:
    """Create the run folder and start its supervisor, in a session of its own with no terminal.

    It keeps the working folder, so that the worker finds the trait file or model folder that a relative path named."""
    origin, diff = provenance()
    folder = create(project, plan.name)
    plan.run.save(folder.config)
    write_json(folder.preflight, plan.record)
    if diff:
        write_atomic(folder.path / "source.diff", diff.encode("utf-8", "replace"))
        origin["diff"] = "source.diff"
    write_json(folder.provenance, origin)
    supervise(folder, ["-m", "cockpit.runs.supervisor", str(folder.path)], engine.environment())
    return folder


def supervise(folder: RunDir, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """Start a supervisor in a session of its own, and wait until it is there. Raises CockpitError when it does not come up."""
    process = {"host": processes.host(), "boot_id": processes.boot_id(), "attempt": 1, "launched_at": now()}
    write_json(folder.process, process | {"launcher": processes.me()})
    with folder.supervisor_log.open("ab") as log:
        supervisor = subprocess.Popen(
            [sys.executable, "-P", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )
    _wait_for(folder, supervisor)


def _wait_for(folder: RunDir, supervisor: subprocess.Popen[bytes]) -> None:
    """Return once the supervisor has put itself into process.json: until then this process is what keeps the run alive.

    Raises CockpitError when it dies, or is ended because it says nothing."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if evidence.process(folder).get("supervised_at"):
            return
        if supervisor.poll() is not None:
            raise CockpitError(
                f"the supervisor did not start: {last_line(folder.supervisor_log)} ({folder.supervisor_log})"
            )
        time.sleep(0.02)
    processes.terminate(supervisor.pid)  # or it would start the run that is reported as not started
    supervisor.wait()
    raise CockpitError(f"the supervisor did not start within {PATIENCE:g} s; see {folder.supervisor_log}")


def _runfile(config: Config, preset: str, answers: Answers, trait_hash: str, facts: ModelFacts) -> RunFile:
    shipped = resolve(preset or None).flat()
    changes = {k: v for k, v in config.flat().items() if shipped[k] != v}
    axes = sorted({SEED_AXIS, *answers.axes})
    return RunFile(
        config=config, preset=preset, changes=changes, axes=axes, trait_hash=trait_hash, model_hash=facts.model_hash
    )


def seal_smoke(config: Config, preset: str, answers: Answers, facts: ModelFacts) -> Plan:
    """The plan of a fast-dev-run, sealed with the answers that ship with its preset. Raises Refused when they do not fit it."""
    from engine.contract.prior import Prior

    trait_hash = load_trait(config.trait.name).hash
    prior = Prior(splits=splits(config))
    record = seal(answers, config, facts, trait_hash, prior, evidence={"gate": "this run is the gate"})
    run = _runfile(config, preset, answers, trait_hash, facts)
    try:
        check_seal(record, run)
    except CockpitError as error:
        raise Refused(f"the shipped answers of {preset} do not cover its fast-dev-run: {error}") from None
    return Plan(run, record, f"smoke-{preset}")


def _estimate(config: Config, facts: ModelFacts) -> dict[str, Any]:
    guess = estimate(config, facts)
    seconds = {stage: round(value, 1) for stage, value in guess.seconds.items()}
    return {"device": guess.device, "seconds": seconds, "memory_bytes": guess.memory_bytes, "price": guess.price}
