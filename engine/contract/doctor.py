"""What `python -m engine doctor` finds out: what torch and bitsandbytes can use here, how fast it is, and what each preset would take."""

from __future__ import annotations

import msgspec

from engine.contract.estimate import Device


class Gpu(msgspec.Struct, frozen=True, kw_only=True):
    """A CUDA device as torch sees it. Bytes."""

    name: str
    capability: str  # such as 9.0
    memory: int
    free: int
    bf16: bool


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """A preset by arithmetic on its model's shape: peak bytes against what there is, the seconds of its whole run, and both by stage. A
    preset that needs CUDA is held against a card of 24 GB where there is none."""

    preset: str
    model: str
    parameters: int
    needs: int  # bytes
    room: int  # bytes of the device that it would run on
    seconds: float
    device: str
    here: bool  # whether the model's files are on this machine
    refused: str = ""  # why it would not start at all
    stage_seconds: dict[str, float] = {}
    stage_memory: dict[str, int] = {}  # bytes
    waivers: list[str] = []  # rules that it runs into and waives

    @property
    def fits(self) -> bool:
        """Whether it would start, and its peak leaves a tenth of the memory free."""
        return not self.refused and self.needs <= 0.9 * self.room


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """The engine's part of `cockpit doctor`. An empty string says that there is nothing to complain of."""

    torch: str
    built_for: str  # the CUDA version torch was built for, '' for a CPU build
    no_cuda: str  # why torch uses no GPU though there may be one
    gpus: list[Gpu]
    bitsandbytes: str  # its version
    no_quantisation: str  # why a 4-bit layer could not be run and trained here
    rates: Device  # measured now: matrix products and copies
    threads: int
    cache: str  # where hub models are kept
    cache_free: int  # bytes
    presets: list[Fit]
