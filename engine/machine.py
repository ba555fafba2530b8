"""Memory of the machine: what a stage took at its peak, and what is free."""

from __future__ import annotations

import contextlib
import resource
import sys
from pathlib import Path

import psutil
import torch

_CLEAR = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


class PeakMemory:
    """Of the process's resident set on a CPU, of the allocator on a GPU. Reset on creation; megabytes() reads the peak since then (on
    systems without /proc: since the process began)."""

    def __init__(self) -> None:
        self._cuda = torch.cuda.is_available()
        if self._cuda:
            torch.cuda.reset_peak_memory_stats()
            return
        with contextlib.suppress(OSError):
            _CLEAR.write_text("5")

    def megabytes(self) -> float:
        """Peak in MB (10^6 bytes)."""
        if self._cuda:
            return torch.cuda.max_memory_allocated() / 1e6
        if _STATUS.exists():
            for line in _STATUS.read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024 / 1e6
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def free_memory(device: torch.device) -> int:
    """Bytes that an allocation on the device can still have."""
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + unused
    return int(psutil.virtual_memory().available)
