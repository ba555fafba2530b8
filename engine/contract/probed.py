"""What `python -m engine probe` found out: one record a probe, and the file of a run folder that holds the newest ones.

A record is evidence for whoever asks what is wrong with a run: a value, where a healthy one lies, and the verdict in one line.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from engine.contract.errors import BadInput
from engine.contract.files import write_atomic
from engine.contract.rundir import RunDir

Probe = Literal[
    "targets", "initial_gap", "initial_loss", "gradient_norm", "gradient_ratio", "update_ratio", "frozen", "leaks",
    "overfit", "dead_units", "step_time",
]  # fmt: skip


class ProbeRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One probe. `healthy` are both ends of the band that a healthy value lies in, the ends included; without one there is nothing to
    hold the value against. A value that could not be measured, or is not finite, is absent, and the verdict says why.

    `per_layer` has a value for each block, module or parameter that the verdict is about, by its path."""

    probe: Probe
    verdict: str
    value: float | UnsetType = UNSET
    healthy: tuple[float, float] | UnsetType = UNSET
    unit: str = ""
    per_layer: dict[str, float] = {}

    @property
    def sound(self) -> bool | None:
        """Whether the value is healthy; None when that cannot be said, which is not the same as healthy."""
        if self.value is UNSET or self.healthy is UNSET:
            return None
        low, high = self.healthy
        return low <= self.value <= high


class Probed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """probe.json: what was probed, on which data, and the records. `round` is the round whose beginning was repeated."""

    at: str
    round: int
    data: str
    rows: int
    device: str
    probes: list[ProbeRecord]
    run: str = ""


def finite(value: float) -> float | UnsetType:
    """The value, or nothing when it is NaN or infinite: JSON has neither."""
    return value if math.isfinite(value) else UNSET


def probe_file(run: RunDir) -> Path:
    """Where a run folder keeps the newest records."""
    return run.path / "probe.json"


def load_probed(run: RunDir) -> Probed | None:
    """The newest records of a run, None when it was never probed. Raises BadInput when the file is damaged."""
    path = probe_file(run)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Probed)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} is not readable as probe records: {error}; probe the run again") from None


def save_probed(run: RunDir, probed: Probed) -> None:
    """Write probe.json atomically; nothing else in the run folder changes."""
    write_atomic(probe_file(run), msgspec.json.format(msgspec.json.encode(probed), indent=1) + b"\n")
