"""How the benches measure: forms of the same work in turns, the quickest of several turns, and the memory of each above what there was.

Seconds are processor seconds of this process where torch runs on one thread of a CPU, so that a busy machine does not count against
whoever was running; else they are seconds by the clock."""

from __future__ import annotations

import ctypes
import gc
import platform
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch

from engine.machine import PeakMemory


class Measured(NamedTuple):
    """Seconds (the least of the turns), peak extra memory in MB (the least of them too), and what the work returned last."""

    seconds: float
    megabytes: float
    value: Any


def now() -> float:
    """The clock of this file, in seconds."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def in_turns(work: Mapping[str, Callable[[], Any]], turns: int) -> dict[str, Measured]:
    """Measure each kind of work `turns` times, one after the other in every turn."""
    found: dict[str, Measured] = {}
    for _ in range(turns):
        for name, do in work.items():
            gc.collect()
            if platform.system() == "Linux":
                ctypes.CDLL("libc.so.6").malloc_trim(0)
            peak = PeakMemory()
            before, began = peak.megabytes(), now()
            value = do()
            seconds, extra = now() - began, peak.megabytes() - before
            last = found.get(name, Measured(float("inf"), float("inf"), None))
            found[name] = Measured(min(seconds, last.seconds), min(extra, last.megabytes), value)
    return found
