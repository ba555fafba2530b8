"""What an interrupted run goes on from: its finished units of work, one line each in units.jsonl, and the checkpoints within a heal.

A unit is a stage of a round, in the order of UNITS. Its line says how far the run's other files had come, so that whatever was written
after it can be told from what still holds; and it has its own sha256, so that a damaged line is named and not believed.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TypeVar

import msgspec

from engine.contract.errors import BadInput
from engine.contract.events import Stage
from engine.contract.files import append_line, write_atomic
from engine.contract.hashes import sha256, sha256_file
from engine.contract.rundir import RunDir

UNITS = ("baseline", "extract", "dose", "generate", "keep", "steered", "heal", "bake", "healed", "reveal")
"""Units in the order of a run; baseline is of round 0, reveal of the round that is revealed, the others of every round."""
_STAGE: dict[str, Stage] = {"steered": "evaluate", "healed": "evaluate", "reveal": "evaluate"}
_POINT = re.compile(r"(generate|heal|round)@r?([1-9][0-9]*)")
_FIRST = {"generate": "generate", "heal": "heal", "round": "extract"}


class Extent(msgspec.Struct, frozen=True, kw_only=True):
    """How far a run had come: bytes of events.jsonl and completions.jsonl, tokens processed, neutral prompts used for replay."""

    events: int
    completions: int
    tokens: int
    replayed: int


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """A finished unit. `files` are the sha256 of what it wrote, by path in the run folder; `values` the numbers later units need."""

    name: str
    round: int
    extent: Extent
    files: dict[str, str] = {}
    values: dict[str, float] = {}

    @property
    def stage(self) -> Stage:
        return stage_of(self.name)


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A heal after `step` optimizer steps: `group` of them in `epoch`, the losses so far, and the sha256 of its tensors.

    `nll` holds (nats per token, tokens) of each step of the unfinished epoch; `validation` starts with the loss before the first step.
    Order, init and noise are keyed by (seed, round, epoch), so there is no generator state to keep."""

    step: int
    epoch: int
    group: int
    validation: list[float]
    nll: list[tuple[float, int]]
    highest: float
    extent: Extent
    sha256: str

    @property
    def epoch_end(self) -> bool:
        return self.group == 0


def stage_of(unit: str) -> Stage:
    """The stage that a unit shows as."""
    return _STAGE.get(unit, unit)  # type: ignore[arg-type]


def after(name: str, round_: int, rounds: int) -> tuple[str, int]:
    """The unit that comes after this one in a run of so many rounds."""
    if name == "baseline":
        return "extract", 1
    if name == "healed":
        return ("extract", round_ + 1) if round_ < rounds else ("reveal", round_)
    return UNITS[min(UNITS.index(name) + 1, len(UNITS) - 1)], round_


def append_unit(out: RunDir, unit: Unit) -> None:
    """One line, on the disk when this returns."""
    append_line(out.units, _signed(unit), sync=True)


def read_units(out: RunDir) -> list[Unit]:
    """Every finished unit in order; a torn last line is no unit. Raises BadInput naming a line that is damaged."""
    if not out.units.exists():
        return []
    found = []
    for number, line in enumerate(out.units.read_bytes().split(b"\n")[:-1], start=1):
        try:
            found.append(_verified(line, Unit))
        except ValueError as error:
            raise BadInput(f"{out.units} is damaged in line {number} ({error}): the run cannot go on past it") from None
    return found


T = TypeVar("T", Unit, "Checkpoint")


class _Signed(msgspec.Struct):
    sha256: str
    value: msgspec.Raw


def _signed(value: Unit | Checkpoint) -> bytes:
    body = msgspec.json.encode(value)
    return b'{"sha256":"%s","value":%s}\n' % (sha256(body).encode(), body)


def _verified(line: bytes, kind: type[T]) -> T:
    """Raises ValueError when the line is not what was written."""
    signed = msgspec.json.decode(line, type=_Signed)
    if sha256(bytes(signed.value)) != signed.sha256:
        raise ValueError("its sha256 does not fit")
    return msgspec.json.decode(signed.value, type=kind)


def check_files(out: RunDir, units: list[Unit]) -> None:
    """Every file that a unit recorded is there as it was written. Raises BadInput naming the first that is not."""
    recorded = {path: told for unit in units for path, told in unit.files.items()}
    for path, told in recorded.items():
        file = out.path / path
        if not file.is_file():
            raise BadInput(f"{file} is missing; it was written before and the run cannot go on without it")
        found = sha256_file(file)
        if found != told:
            raise BadInput(
                f"{file} was changed or damaged: its sha256 is {found[:8]}, {told[:8]} was recorded; the run cannot go on from it"
            )


def checkpoint_folders(out: RunDir, round_: int) -> list[Path]:
    """Complete checkpoints of a round, oldest first; what has no checkpoint.json was cut off while it was written."""
    return sorted(p.parent for p in (out.round(round_) / "checkpoints").glob("*/checkpoint.json"))


def write_checkpoint(folder: Path, checkpoint: Checkpoint, tensors: bytes) -> None:
    """The tensors first, then checkpoint.json, which says that they are all there."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / "tensors.safetensors", tensors)
    write_atomic(folder / "checkpoint.json", _signed(checkpoint))


def read_checkpoint(folder: Path) -> Checkpoint:
    """A checkpoint whose tensors are those that were written. Raises BadInput naming what is damaged."""
    try:
        checkpoint = _verified((folder / "checkpoint.json").read_bytes(), Checkpoint)
        found = sha256_file(folder / "tensors.safetensors")
    except (OSError, ValueError) as error:
        raise BadInput(f"{folder} is not a whole checkpoint: {error}") from None
    if found != checkpoint.sha256:
        raise BadInput(
            f"{folder / 'tensors.safetensors'} is damaged: its sha256 is {found[:8]}, {checkpoint.sha256[:8]} was recorded"
        )
    return checkpoint


def newest_checkpoint(out: RunDir, round_: int) -> tuple[Path | None, list[str]]:
    """(the newest intact checkpoint of a round, what is wrong with each newer one)."""
    damaged: list[str] = []
    for folder in reversed(checkpoint_folders(out, round_)):
        try:
            read_checkpoint(folder)
        except BadInput as error:
            damaged.append(str(error))
        else:
            return folder, damaged
    return None, damaged


def point(text: str) -> tuple[str, int]:
    """(unit, round) of a place to fork from, such as heal@r2. Raises BadInput."""
    found = _POINT.fullmatch(text)
    if not found:
        raise BadInput(f"{text!r} is no place to fork from: use generate@rN, heal@rN or round@rN with N from 1")
    return _FIRST[found[1]], int(found[2])
