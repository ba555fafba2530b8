"""Going on: where an earlier attempt, or the run that this one was forked from, had come to, and its results put back into the lab."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from engine.contract.errors import BadInput
from engine.contract.events import ControlApplied, RunResumed, RunStarted, read_events, standing_events
from engine.contract.rundir import RunDir
from engine.contract.units import (
    Checkpoint,
    Extent,
    Unit,
    after,
    check_files,
    checkpoint_folders,
    newest_checkpoint,
    read_checkpoint,
    read_units,
    stage_of,
)
from engine.steer.pool import Pool


@dataclass(frozen=True)
class Past:
    """The finished units of earlier attempts, and the checkpoint within the next one where it is a heal. Empty for a fresh run.

    `resumed` says whether there was an earlier attempt of this run itself, `started` whether its run_started still stands, `remark` what
    is damaged and will be made again."""

    units: tuple[Unit, ...] = ()
    checkpoint: Checkpoint | None = None
    rounds: int = 1
    resumed: bool = False
    started: bool = False
    remark: str = ""

    def has(self, name: str, round_: int) -> bool:
        """Whether a unit was finished. A heal has no line of its own: its adapter is its last checkpoint's until it is baked."""
        wanted = ("bake" if name == "heal" else name, round_)
        return any((u.name, u.round) == wanted for u in self.units)

    @property
    def extent(self) -> Extent:
        """How far the run's files still hold."""
        if self.checkpoint is not None:
            return self.checkpoint.extent
        return self.units[-1].extent if self.units else Extent(events=0, completions=0, tokens=0, replayed=0)

    @property
    def place(self) -> tuple[str, int]:
        """The unit where work goes on, and its round."""
        return after(self.units[-1].name, self.units[-1].round, self.rounds) if self.units else ("baseline", 0)


def look_back(out: RunDir, rounds: int, attempt: int) -> Past:
    """What a run folder says was finished. Raises BadInput naming what is damaged."""
    units = read_units(out)
    check_files(out, units)
    remark = _lost_probes(out, units)
    past = Past(tuple(units[:-1] if remark else units), rounds=rounds, resumed=attempt > 1, remark=remark)
    name, round_ = past.place
    folder = newest_checkpoint(out, round_)[0] if name == "heal" else None
    past = replace(past, checkpoint=read_checkpoint(folder)) if folder else past
    extent = past.extent
    for file, size in ((out.events, extent.events), (out.completions, extent.completions)):
        if (file.stat().st_size if file.exists() else 0) < size:
            raise BadInput(
                f"{file} is shorter than it was when {name} of round {round_} began: what it recorded is lost"
            )
    mine = standing_events(out.events, size=extent.events) if past.resumed else []
    return replace(past, started=any(isinstance(event, RunStarted) for event in mine))


def _lost_probes(out: RunDir, units: list[Unit]) -> str:
    """What to say when the completions of a finished dose search, which generate would stand on, are not all there any more."""
    if not units or units[-1].name != "dose":
        return ""
    pool = out.round(units[-1].round) / "pool.jsonl"
    left, probed = len(Pool(pool).of("dose")), int(units[-1].values["probed"])
    return (
        ""
        if left == probed
        else f"{pool} is damaged ({left} of {probed} probed texts are left): the dose is searched again"
    )


def take_up(out: RunDir, past: Past) -> RunResumed:
    """Make the folder what it was where the past ends, and say where that is.

    completions.jsonl ends there again (events.jsonl is only ever appended to), and files that no finished unit recorded are removed:
    the units that go on write them again, the same."""
    name, round_ = past.place
    extent = past.extent
    events = list(read_events(out.events))
    with out.events.open("ab"), out.completions.open("ab"):
        pass
    if out.completions.stat().st_size > extent.completions:
        os.truncate(out.completions, extent.completions)
    if out.units.exists():
        data = out.units.read_bytes()
        os.truncate(out.units, data.rfind(b"\n") + 1)
    _sweep(out, past)
    return RunResumed(
        from_attempt=max((e.attempt for e in events), default=1),
        from_round=round_,
        from_stage=stage_of(name),
        from_step=past.checkpoint.step if past.checkpoint else 0,
        holds=out.events.read_bytes()[: extent.events].count(b"\n"),
        round=round_,
        stage=stage_of(name),
    )


def _sweep(out: RunDir, past: Past) -> None:
    """Remove what was cut off while it was written. pool.jsonl stays: each of its lines is whole or is made again."""
    name, round_ = past.place
    recorded = {out.path / path for unit in past.units for path in unit.files}
    kept = {out.round(round_) / "pool.jsonl"} if name in ("dose", "generate", "keep") else set()
    whole = checkpoint_folders(out, round_) if name == "heal" else []
    for folder in sorted((out.path / "rounds").glob("*")):
        for file in sorted(folder.rglob("*"), reverse=True):
            if file.is_dir() and not file.is_symlink():
                if not any(file.iterdir()):
                    file.rmdir()
            elif file not in recorded | kept and not any(file.parent == c and file.name in _CHECKPOINT for c in whole):
                file.unlink()
    for left in out.path.glob(".*.????????"):
        left.unlink()


_CHECKPOINT = ("tensors.safetensors", "checkpoint.json")


def asked(out: RunDir) -> tuple[dict[str, float], bool]:
    """(what a person set while the run went on, by knob name; whether it was to stop after its round): both still hold."""
    found: dict[str, float] = {}
    stop = False
    for event in read_events(out.events):
        if isinstance(event, ControlApplied) and event.request.startswith("set heal."):
            found[event.request.removeprefix("set heal.")] = float(event.value)
        stop |= isinstance(event, ControlApplied) and event.request == "stop_after_round"
    return found, stop
