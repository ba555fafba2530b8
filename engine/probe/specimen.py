"""What is probed: a round as it began (the student before it, a fresh adapter, its texts), which can be put back as often as needed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from engine.contract.config import Config
from engine.contract.errors import Refused
from engine.contract.rundir import RunDir
from engine.contract.runfile import load_runfile
from engine.model.adapter import Student
from engine.model.facts import inspect
from engine.model.load import load
from engine.plugins.active import activate
from engine.probe import rows
from engine.steer.noise import row_key


@dataclass(frozen=True)
class Specimen:
    """The student with its fresh adapter, B = 0, and the texts of the round. `healed` is the folder of the newest baked student, None
    where no round was baked; `fresh` the adapter's first values, in the order of `parameters`."""

    student: Student
    config: Config
    texts: rows.Texts
    round_number: int
    parameters: list[nn.Parameter]
    fresh: list[Tensor]
    healed: tuple[int, Path] | None = None

    @property
    def standing(self) -> str:
        """What the history gate switches on, in words."""
        return f"the student of round {self.student.folded}" if self.student.folded else "the base"

    @torch.no_grad()
    def renew(self) -> None:
        """Put the adapter back to its beginning and forget every gradient."""
        for parameter, value in zip(self.parameters, self.fresh, strict=True):
            parameter.copy_(value)
            parameter.grad = None

    def names(self) -> dict[int, str]:
        """The path of every parameter of the model, by identity."""
        return {id(p): name for name, p in self.student.loaded.model.named_parameters()}

    def blocks(self) -> dict[str, nn.Module]:
        """The decoder blocks by their path, first to last."""
        paths = {id(module): name for name, module in self.student.loaded.model.named_modules()}
        return {paths[id(block)]: block for block in self.student.loaded.layers}


def of_run(out: RunDir, round_number: int = 0) -> Specimen:
    """A round of a run, the newest that kept texts when it is 0: the student before it and the init that the run itself drew.

    Raises Refused when the model is not the one that the run was sealed for, BadInput when the round kept nothing."""
    run = load_runfile(out.config)
    activate(run.config, out.plugins)
    chosen = round_number or rows.newest_round(out, run)
    found = inspect(run.config).model_hash
    if found != run.model_hash:
        raise Refused(
            f"the model changed since the run ({run.model_hash[:8]}, now {found[:8]}): a probe of it says nothing about the run"
        )
    student = Student(load(run.config.model), run.config.heal)
    texts = rows.of_round(out, run, chosen, student.loaded.chat)
    if chosen > 1:
        student.load_history(out.round(chosen - 1) / "student", chosen - 1)
    newest = max((int(p.parts[-3]) for p in out.path.glob("rounds/*/student/adapter_config.json")), default=0)
    return _begun(student, run.config, texts, chosen, (newest, out.round(newest) / "student") if newest else None)


def of_config(config: Config) -> Specimen:
    """The first round of a config, on answers that the base gives with the trait's persona."""
    activate(config)
    student = Student(load(config.model), config.heal)
    return _begun(student, config, rows.prompted(student, config), 1)


def _begun(
    student: Student, config: Config, texts: rows.Texts, round_number: int, healed: tuple[int, Path] | None = None
) -> Specimen:
    parameters = student.begin_round(row_key(config.run.seed, round_number, "init") % 2**31)
    fresh = [p.detach().clone() for p in parameters]
    return Specimen(student, config, texts, round_number, parameters, fresh, healed)
