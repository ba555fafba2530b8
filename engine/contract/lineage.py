"""Where a forked run came from: lineage.json of its folder, and which settings may change at which place."""

from __future__ import annotations

import msgspec

from engine.contract.errors import BadInput
from engine.contract.files import read_json, write_json
from engine.contract.hashes import FREE, SEED_AXIS
from engine.contract.rundir import RunDir

_SECTIONS = {
    "extract": ("steer", "generate", "keep", "heal"),
    "generate": ("generate", "heal"),
    "heal": ("heal",),
}
_MADE_BEFORE = {
    "generate": ("generate.temperature", "generate.max_new_tokens", "generate.repetition_penalty"),
    "heal": ("heal.replay", "heal.val_fraction"),
}
"""Settings of an allowed section that were used before the place already."""


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """The run and the unit that a fork starts at; everything before it is the parent's own. `changes` are 'old → new' by setting,
    `same_code` whether both ran the same sources."""

    parent: str
    unit: str
    round: int
    changes: dict[str, str]
    same_code: bool = True

    @property
    def place(self) -> str:
        """As it is named on the command line, such as heal@r2."""
        return f"{'round' if self.unit == 'extract' else self.unit}@r{self.round}"

    def words(self) -> str:
        """One line for the entry."""
        changed = ", ".join(f"{knob} {change}" for knob, change in self.changes.items()) or "nothing changed"
        return f"forked from {self.parent} at {self.place}: {changed}{'' if self.same_code else '; the parent ran other code'}"

    def save(self, folder: RunDir) -> None:
        """Write lineage.json atomically."""
        write_json(folder.lineage, msgspec.to_builtins(self))


def load_lineage(folder: RunDir) -> Lineage | None:
    """A run's lineage; None when it is no fork. Raises BadInput when the file is damaged."""
    if not folder.lineage.exists():
        return None
    try:
        return msgspec.convert(read_json(folder.lineage), Lineage)
    except msgspec.ValidationError as error:
        raise BadInput(f"{folder.lineage} does not say where the run was forked: {error}") from None


def check_change(knob: str, unit: str, round_: int) -> None:
    """Raises BadInput when a setting had acted before the place, so that what stands before it would be another config's."""
    if (knob in FREE and knob != SEED_AXIS) or knob == "run.rounds":
        return
    place = f"{'round' if unit == 'extract' else unit}@r{round_}"
    if knob.split(".")[0] not in _SECTIONS[unit] or knob in _MADE_BEFORE.get(unit, ()):
        earlier = (
            ""
            if unit == "extract" or knob.split(".")[0] not in _SECTIONS["extract"]
            else "; fork from round@rN instead"
        )
        raise BadInput(
            f"{knob} acted before {place}, so a fork there cannot change it{earlier or '; launch a run of its own'}"
        )
    if knob == "heal.layer_from" and round_ > 1:
        raise BadInput("heal.layer_from cannot change once a round is baked: the history has its own layers")
