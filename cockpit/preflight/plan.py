"""From a preset and a preflight to a sealed plan: resolve, inspect, gate, survey, seal. Nothing trains before the seal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cockpit.preflight import tally
from cockpit.preflight.splits import splits
from cockpit.preflight.survey import survey
from cockpit.runs import evidence
from cockpit.runs.launch import Plan
from cockpit.runs.provenance import gpus
from engine.contract.answers import Answers, load_answers
from engine.contract.config import Config
from engine.contract.errors import BadInput, CockpitError, Refused
from engine.contract.estimate import estimate
from engine.contract.facts import ModelFacts
from engine.contract.hashes import SEED_AXIS
from engine.contract.preflight import blocks, check_seal, outside, seal
from engine.contract.resolve import resolve
from engine.contract.runfile import RunFile
from engine.contract.script import for_scripts
from engine.contract.traits import load_trait


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
