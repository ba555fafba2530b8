"""What is exported: one round of a finished run, on the base that the run was sealed with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.contract.errors import BadInput, Refused
from engine.contract.events import RunFinished, RunStarted, standing_events
from engine.contract.exported import ADAPTERS, Format
from engine.contract.rundir import RunDir
from engine.contract.runfile import RunFile, load_runfile

VECTOR = "vector.safetensors"


@dataclass(frozen=True)
class Source:
    """A round's files with the config they were made under; `started` is absent only in a run that never began."""

    out: RunDir
    run: RunFile
    round: int
    rounds: int
    started: RunStarted | None

    @property
    def student(self) -> Path:
        """PEFT folder of the history of rounds 1 to this one, fp32."""
        return self.out.round(self.round) / "student"

    @property
    def vector(self) -> Path:
        return self.out.round(self.round) / VECTOR


def find_source(folder: Path, form: Format, number: int) -> Source:
    """The round to export; 0 chooses: of a student the best round, else the last baked one; of a vector round 1, the only one that was
    extracted from the pristine base.

    Raises Refused for what is no result (requirement A10, FAULTS 35), BadInput when there is no such round."""
    if folder.is_symlink():
        raise BadInput(f"{folder} is a symbolic link; run folders must lie inside the project")
    out = RunDir(folder)
    run = load_runfile(out.config)
    if run.config.run.smoke:
        raise Refused(f"{out.id} is a smoke run: its scale was reduced, so it is no result and is not exported")
    if run.config.model.id.startswith("random:"):
        raise Refused(f"{out.id} ran on random weights ({run.config.model.id}), so it is no result and is not exported")
    file = "student/adapter_config.json" if form in ADAPTERS else VECTOR
    there = sorted(int(p.name) for p in out.path.glob("rounds/[1-9]*") if (p / file).is_file())
    what = "baked round" if form in ADAPTERS else "round with a vector"
    if not there:
        raise BadInput(f"{out.id} has no {what} to export")
    if number and number not in there:
        raise BadInput(f"{out.id} has no {what} {number}; it has {', '.join(map(str, there))}")
    events = standing_events(out.events)
    best = max((e.best for e in events if isinstance(e, RunFinished)), default=0)
    chosen = number or (there[0] if form not in ADAPTERS else best if best in there else there[-1])
    started = next((e for e in events if isinstance(e, RunStarted)), None)
    return Source(out, run, chosen, run.config.run.rounds, started)
