"""One run as a comparison needs it: what it was set to, what it is measured by, every evaluation, and its KL over the heal steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cockpit.live.view import Snapshot, read_run
from engine.contract.errors import BadInput
from engine.contract.events import Evaluated
from engine.contract.hashes import canonical, sha256
from engine.contract.rundir import RunDir, runs_folder
from journal.record import Record, load_record
from journal.text import plain

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Side:
    """One run as it was read. `problem` says what is wrong with it, '' when nothing."""

    run: str
    status: str = ""
    seed: int | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    family: str = ""  # the same for runs that differ by seed alone
    trait: str = ""
    tokenizer: str = ""
    code: str = ""
    items: Mapping[str, str] = field(default_factory=dict)  # hash of the sealed items by split
    flags: tuple[str, ...] = ()
    best: int = 0
    evaluated: tuple[Evaluated, ...] = ()
    kl: Points = ()  # (step over all rounds, nats)
    problem: str = ""

    @property
    def subject(self) -> str:
        """What is compared: the healed student, or what a foreign script trains."""
        return "healed" if any(e.subject == "healed" for e in self.evaluated) else "model"

    def splits(self) -> set[str]:
        """Where the compared subject was measured."""
        return {e.split for e in self.evaluated if e.subject == self.subject}

    def row(self, subject: str, split: str) -> Evaluated | None:
        """The evaluation that stands for a subject: on val the best round's where there is one, else the last."""
        mine = [e for e in self.evaluated if e.subject == subject and e.split == split]
        best = (
            [e for e in mine if e.round == self.best]
            if split == "val" and self.best and subject in ("healed", "steered")
            else []
        )
        return (best or mine)[-1] if mine else None

    def over_rounds(self, subject: str, metric: str) -> dict[int, float]:
        """A metric on val by round."""
        rows = [e for e in self.evaluated if e.subject == subject and e.split == "val" and metric in e.metrics]
        return {e.round: e.metrics[metric] for e in rows}


def read_side(project: Path, run: str) -> Side:
    """Read one run. A folder that is gone or damaged is a Side that says so."""
    folder = RunDir(runs_folder(project) / run)
    if not folder.path.is_dir():
        return Side(run, problem=f"{run} has no folder any more")
    try:
        record = load_record(folder)
        view = read_run(folder.events)
    except (BadInput, OSError, ValueError) as error:
        return Side(run, problem=f"{run} cannot be read: {plain(str(error), 200)}")
    flags = [name for name in ("smoke", "touched") if getattr(record, name)]
    flags += ["dirty"] if record.provenance.get("dirty", True) else []
    return Side(
        run=run,
        status=record.status or "running",
        seed=record.config.run.seed if record.run else record.started.seed if record.started else None,
        config=record.run.config.flat() if record.run else {},
        family=_family(record),
        trait=record.run.trait_hash if record.run else "",
        tokenizer=record.facts.tokenizer_hash if record.facts else "",
        code=str(record.provenance.get("code_hash", "")),
        items=_items(record),
        flags=tuple(flags),
        best=record.best,
        evaluated=tuple(record.evaluated),
        kl=_kl(view),
        problem=f"{run}: {plain(record.damage, 200)}" if record.damage else "",
    )


def _family(record: Record) -> str:
    """Config, trait, model and code without the seed."""
    if record.run is None:
        return ""
    flat = {k: v for k, v in record.run.config.flat().items() if k != "run.seed"}
    return sha256(
        canonical([flat, record.run.trait_hash, record.run.model_hash, record.provenance.get("code_hash", "")])
    )


def _items(record: Record) -> dict[str, str]:
    splits = record.preflight.get("evidence", {}).get("splits", {})
    return {
        name: str(split["hash"]) for name, split in splits.items() if isinstance(split, Mapping) and "hash" in split
    }


def _kl(view: Snapshot) -> Points:
    """Each round's steps go on where those of the round before end."""
    kl = view.steps["kl"].astype(float).tolist()
    return tuple((float(step), held) for step, held in enumerate(kl, 1))
