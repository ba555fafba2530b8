"""The controls of a run or a campaign, run or not: base, prompt, raw steering by dose, zero and random vectors over the loop.

A control that nobody ran is named as such and never left out of a table.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from engine.contract.config import CONTROLS
from engine.contract.errors import BadInput
from engine.contract.events import Evaluated
from engine.contract.hashes import FREE, SEED_AXIS
from engine.contract.rundir import RunDir, all_runs
from engine.contract.runfile import RunFile, load_runfile
from journal.record import Record, load_record
from journal.text import short

METHOD = "steer.method"
CALIBRATION = "steer.calibration"
ABOVE = ("base", "persona-prompted")
"""Controls that every run measures itself."""
NEWEST = 400
"""Run folders that are looked through, the newest."""


class Control(NamedTuple):
    """A control with the rows that were measured; `said` is what a reader must know, 'not run: ...' where there are none."""

    name: str
    rows: tuple[Evaluated, ...] = ()
    said: str = ""
    run: str = ""  # of a run of its own


def over_the_loop(method: str, calibration: str) -> str:
    """The name of a control that is a run of its own, equal to this one in all but the vector. A random or shuffled vector has the norm of
    the full one; where doses are found by KL (steer.calibration), it has the full one's KL instead."""
    matched = {"kl": "KL", "survival": "norm"}[calibration]
    return f"{method} over the loop" + (f", by {matched}" if method != "zero" else "")


def unmatched(calibration: str) -> tuple[str, str]:
    """(name, why it was not run) of the random vector in the matching that this way to find a dose does not give."""
    if calibration == "kl":
        return over_the_loop("random", "survival"), "not run: doses are found by KL"
    return over_the_loop(
        "random", "kl"
    ), f"not run: doses are found by survival; {CALIBRATION} kl gives every vector the dose of one KL"


class Sisters:
    """The runs of a project that differ from a config by their vector alone; folders are read once for all questions."""

    def __init__(self, project: Path) -> None:
        self._known: dict[Any, list[RunDir]] = {}
        for folder in all_runs(project)[-NEWEST:]:
            try:
                run = load_runfile(folder.config)
            except BadInput:
                continue  # a script's run, or damaged
            if not run.config.run.smoke:
                flat = run.config.flat()
                self._known.setdefault(_key(flat, run, flat[METHOD], flat[SEED_AXIS]), []).append(folder)

    def record(self, run: RunFile, method: str, seed: int) -> Record | None:
        """The newest successful run like `run` with another vector, on a seed."""
        for folder in reversed(self._known.get(_key(run.config.flat(), run, method, seed), [])):
            record = load_record(folder)
            if record.status == "success" and not record.touched and not record.damage:
                return record
        return None


def _key(flat: dict[str, Any], run: RunFile, method: str, seed: int) -> tuple[Any, ...]:
    rest = tuple(sorted((k, str(v)) for k, v in flat.items() if k not in (METHOD, *FREE)))
    return method, seed, run.trait_hash, run.model_hash, rest


def controls(project: Path, record: Record) -> list[Control]:
    """Every control of a run on the split of its table; [] of a script's run, which has no vector of ours."""
    if record.script is not None:
        return []
    split = record.table_split()
    found = [
        Control(
            name,
            tuple(row for row in [record.row(subject, split)] if row),
            "" if record.row(subject, split) else "not run: the run did not get to it",
        )
        for name, subject in zip(ABOVE, ("base", "prompted"), strict=True)
    ]
    found.append(_by_dose(record))
    if record.run is not None:
        sisters, own = Sisters(project), record.config.steer.method
        found += [_over_the_loop(sisters, record.run, method, split) for method in CONTROLS if method != own]
        name, why = unmatched(record.config.steer.calibration)
        found.append(Control(name, said=why))
    return found


def missing(found: Iterable[tuple[str, str]]) -> str:
    """One line on the controls that were not run, from (name, what is said of it); '' when all were."""
    by: dict[str, list[str]] = {}
    for name, said in found:
        by.setdefault(said.removeprefix("not run: "), []).append(name)
    return "; ".join(f"{' and '.join(names)} ({why})" for why, names in by.items())


def _by_dose(record: Record) -> Control:
    """The base's own vector, as the first round steered the base with it, and what later rounds steered on."""
    rows = {}
    for e in record.evaluated:
        if e.subject == "steered" and (e.split == "val" or e.round == 1):
            rows[e.round, e.dose, e.split] = e
    split = record.table_split()
    first = [e for (r, _, s), e in rows.items() if r == 1 and s == split]
    later = [e for (r, _, s), e in rows.items() if r > 1 and s == "val"]
    if not first and not later:
        return Control("raw steering by dose", said="not run: the run did not get to it")
    doses = len({e.dose for e in first})
    said = f"{doses} dose on {split}; more doses: cockpit ladder" if doses == 1 else f"{doses} doses on {split}"
    return Control("raw steering by dose", tuple(first), said)


def _over_the_loop(sisters: Sisters, run: RunFile, method: str, split: str) -> Control:
    name, seed = over_the_loop(method, run.config.steer.calibration), run.config.run.seed
    other = sisters.record(run, method, seed)
    if other is None:
        return Control(name, said=f"not run: no run of the project is this one with that {METHOD} on seed {seed}")
    row = other.row("healed", split)
    if row is None:
        return Control(name, said=f"not measured on {split} in {short(other.id)}", run=other.id)
    return Control(name, (row,), f"healed, {short(other.id)}", other.id)
