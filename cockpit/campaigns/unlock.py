"""Baseline and ablation first (K15, K16 g): what a sweep needs to find in the journal before it may begin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.contract.errors import BadInput
from engine.contract.hashes import FREE
from engine.contract.resolve import from_flat
from engine.contract.rundir import all_runs
from engine.contract.runfile import load_runfile
from journal.index import rows
from journal.review import states
from journal.text import short

SUBJECTS = {"base": "the base", "prompted": "the prompted base", "steered": "raw steering"}


def lacking(project: Path, record: dict[str, Any]) -> list[str]:
    """What is missing of baseline and ablation rows for the family of a sealed record, each with the command that makes it; [] of none.

    A run is of the family when its config is that of the seal outside the declared axes and the seed; its journal entry must stand."""
    family = _family(project, record)
    found = rows(project)
    said = states(found)
    stands = {
        row.data.get("run", row.key): row
        for row in found
        if row.kind == "run" and row.intact and said[row.key].state not in ("retracted", "superseded")
    }
    mine = [stands[run] for run in family if run in stands and stands[run].status == "success"]
    told = []
    have = {subject for row in mine for subject in SUBJECTS if any(name.startswith(f"{subject}.") for name in row.data)}
    if missing := [words for subject, words in SUBJECTS.items() if subject not in have]:
        told.append(f"no entry of this family has the rows of {', '.join(missing)}: cockpit launch --preflight F.toml")
    keys = {row.key for row in mine}
    if not any(
        row.kind == "note" and row.intact and row.data.get("of") in keys and "ablation" in row.data for row in found
    ):
        which = short(family[-1]) if family else "RUN"
        told.append(f"no entry of this family holds an ablation: cockpit campaign ablation {which}")
    return told


def _family(project: Path, record: dict[str, Any]) -> list[str]:
    free = {*FREE, *record["axes"]}
    wanted = {knob: str(value) for knob, value in from_flat(record["config"]).flat().items() if knob not in free}
    found = []
    for folder in all_runs(project):
        try:
            run = load_runfile(folder.config)
        except BadInput:
            continue  # a script's run, or damaged
        alike = (run.trait_hash, run.model_hash) == (record["trait_hash"], record["model_hash"])
        if alike and wanted == {knob: str(value) for knob, value in run.config.flat().items() if knob not in free}:
            found.append(folder.id)
    return found
