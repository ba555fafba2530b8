"""The run folder: its id, its files, and how a run is named on the command line."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.contract.errors import BadInput

_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")


def new_run_id(name: str, *, at: datetime | None = None) -> str:
    """An id that sorts by time and is unique, such as 20260604T101347-nano-care-k3f9."""
    stamp = (at or datetime.now(UTC)).strftime("%Y%m%dT%H%M%S")
    tail = "".join(secrets.choice(_ALPHABET) for _ in range(4))
    return check_name(f"{stamp}-{name}-{tail}")


def check_name(name: str) -> str:
    """The name itself when it is a plain file name. Raises BadInput for '..', '/', blanks and control characters (FAULTS 28)."""
    if ".." in name or not _SAFE.fullmatch(name):
        raise BadInput(
            f"run name {name!r} is not a plain name: use letters, digits, '-', '_' and '.', without '..' or '/'"
        )
    return name


@dataclass(frozen=True)
class RunDir:
    """Paths inside one run folder."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def config(self) -> Path:
        return self.path / "config.json"

    @property
    def preflight(self) -> Path:
        return self.path / "preflight.json"

    @property
    def amendments(self) -> Path:
        return self.path / "amendments.jsonl"

    @property
    def provenance(self) -> Path:
        return self.path / "provenance.json"

    @property
    def process(self) -> Path:
        return self.path / "process.json"

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def control(self) -> Path:
        return self.path / "control.jsonl"

    @property
    def completions(self) -> Path:
        return self.path / "completions.jsonl"

    @property
    def lineage(self) -> Path:
        return self.path / "lineage.json"

    @property
    def plugins(self) -> Path:
        return self.path / "plugins"

    @property
    def units(self) -> Path:
        return self.path / "units.jsonl"

    @property
    def result(self) -> Path:
        return self.path / "result.json"

    @property
    def supervisor_log(self) -> Path:
        return self.path / "supervisor.log"

    @property
    def worker_log(self) -> Path:
        return self.path / "worker.log"

    def round(self, number: int) -> Path:
        """Folder of a round: vector.safetensors, pool.jsonl, healset.jsonl, adapter/ (the round's increment), student/ (the history up to
        it), and checkpoints/ while it heals. Round 0 holds the base's own scores."""
        return self.path / "rounds" / str(number)


def runs_folder(project: Path) -> Path:
    """Where a project's runs live."""
    return project / "runs"


def create(project: Path, name: str) -> RunDir:
    """A fresh run folder. Raises BadInput when runs/ cannot be written or is a symlink."""
    root = runs_folder(project)
    if root.is_symlink():
        raise BadInput(f"{root} is a symbolic link; run folders must lie inside the project")
    try:
        root.mkdir(parents=True, exist_ok=True)
        run = RunDir(root / new_run_id(name))
        run.path.mkdir()
    except OSError as error:
        raise BadInput(
            f"cannot create a run folder in {root}: {error.strerror}; make it writable, or name another folder with --project"
        ) from None
    return run


def all_runs(project: Path) -> list[RunDir]:
    """Every run folder of a project, oldest first; symlinks and drafts are left out."""
    root = runs_folder(project)
    if not root.is_dir():
        return []
    return [
        RunDir(p) for p in sorted(root.iterdir()) if p.is_dir() and not p.is_symlink() and not p.name.startswith(".")
    ]


def find_run(project: Path, name: str) -> RunDir:
    """The run meant by an id, a unique prefix or ending, or 'last'. Raises BadInput with the candidates otherwise."""
    runs = all_runs(project)
    if not runs:
        raise BadInput(
            f"no runs in {runs_folder(project)}; start one with: cockpit launch --preset nano-care --preflight F.toml"
        )
    if name == "last":
        return runs[-1]
    tail = name if name.startswith("-") else f"-{name}"
    exact = [r for r in runs if r.id == name]
    matches = exact or [r for r in runs if r.id.startswith(name) or r.id.endswith(tail)]
    if (runs_folder(project) / name).is_symlink():
        raise BadInput(f"run {name!r} is a symbolic link; run folders must lie inside the project")
    if len(matches) == 1:
        return matches[0]
    if not matches:
        raise BadInput(f"no run named {name!r}; the newest is {runs[-1].id}")
    raise BadInput(f"{name!r} is not unique: {', '.join(r.id for r in matches[-4:])}")
