"""From a case to a sealed run folder: the settings of a small run, the answers that cover it, and its files, as a launch writes them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from cockpit.preflight.smoke import shipped_answers
from cockpit.runs import processes
from cockpit.runs.provenance import provenance
from engine.contract.answers import Answers, Waiver
from engine.contract.config import Config
from engine.contract.facts import ModelFacts
from engine.contract.files import write_json
from engine.contract.forbidden import WAIVABLE
from engine.contract.known_bugs import RULES
from engine.contract.preflight import blocks, seal
from engine.contract.prior import Prior, Split
from engine.contract.resolve import resolve
from engine.contract.rundir import RunDir, runs_folder
from engine.contract.runfile import RunFile
from engine.contract.traits import load_trait
from engine.evaluate.splits import splits
from engine.model.facts import inspect

from .inject import Case

BASE = (
    "steer.contexts=48", "steer.probes=8", "steer.bisections=1",
    "generate.completions=28", "generate.prompts=28", "generate.max_new_tokens=64",
    "keep.min_kept=8", "keep.max_kept=28", "heal.epochs=4", "heal.batch_size=8",
    "evaluate.prompts=10", "evaluate.test_prompts=4", "evaluate.vignettes=14", "evaluate.facts=8",
    "evaluate.bootstrap=100", "evaluate.max_new_tokens=64", "evaluate.probes=3", "run.rounds=1",
)  # fmt: skip
"""The preset at a scale at which a run takes seconds and still moves the trait."""

REASON = "A run of the fault laboratory: what it shows is known beforehand, and no number of it is used."


def prepare(project: Path, case: Case) -> RunDir:
    """The folder of a case with everything that a worker and diagnosis read beside the events. Raises BadInput or Refused."""
    config = resolve(case.preset, sets=[*BASE, *case.sets, f"run.seed={case.seed}"])
    facts, trait = _facts(config), load_trait(config.trait.name).hash
    shipped = resolve(case.preset).flat()
    changes = {k: v for k, v in config.flat().items() if shipped[k] != v}
    prior = Prior(splits=_splits(config.trait.name))
    answers = _waive(shipped_answers(case.preset, config, facts), config, facts, prior)
    record = seal(answers, config, facts, trait, prior, evidence={"gate": "waived: " + REASON})
    run = RunFile(
        config=config, preset=case.preset, changes=changes, axes=["run.seed"], trait_hash=trait, model_hash=facts.model_hash
    )  # fmt: skip
    folder = RunDir(runs_folder(project) / case.run)
    folder.path.mkdir(parents=True)
    run.save(folder.config)
    write_json(folder.preflight, record)
    write_json(folder.provenance, _provenance())
    write_json(folder.process, {"host": processes.host(), "boot_id": processes.boot_id(), "attempt": 1})
    return folder


def _waive(answers: Answers, config: Config, facts: ModelFacts, prior: Prior) -> Answers:
    """The answers with every rule waived that forbids the fault: a laboratory runs what a launch would refuse."""
    said = " ".join(f"{block.what} {block.mend}" for block in blocks(answers, config, facts, prior))
    rules = {rule for rule in re.findall(r"\b(?:KB|K)\d+[a-g]?\b", said) if rule in RULES or rule in WAIVABLE}
    waivers = [Waiver(rule=rule, reason=REASON) for rule in sorted(rules)]
    return answers.model_copy(update={"waivers": (*answers.waivers, *waivers)})


_seen: dict[tuple[Any, ...], ModelFacts] = {}


def _facts(config: Config) -> ModelFacts:
    key = (config.model, config.heal.rank, config.heal.layer_from)
    if key not in _seen:
        _seen[key] = inspect(config)
    return _seen[key]


@cache
def _splits(trait: str) -> dict[str, Split]:
    return splits(load_trait(trait))


@cache
def _provenance() -> dict[str, Any]:
    return provenance()[0]
