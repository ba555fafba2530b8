"""A profiler trace of a few heal steps, for chrome://tracing or ui.perfetto.dev (D7)."""

from __future__ import annotations

import os
import time
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from engine.contract.errors import BadInput
from engine.contract.probed import ProbeRecord
from engine.probe.objective import Objective
from engine.probe.specimen import Specimen

STEPS = 3
SHOWN = 3
"""Operations that the verdict names."""


def trace(specimen: Specimen, path: Path) -> ProbeRecord:
    """Record step_time: the trace goes to `path` (.json.gz), written whole. Raises BadInput when it cannot be."""
    specimen.renew()
    size = specimen.config.heal.batch_size
    rows = specimen.texts.rows[:size]
    objective, group = Objective(specimen, rows), [list(range(len(rows)))]
    optimizer = torch.optim.AdamW(specimen.parameters, lr=specimen.config.heal.lr)
    cuda = specimen.student.loaded.device.type == "cuda"

    def steps(count: int) -> float:
        began = time.perf_counter()
        for _ in range(count):
            objective.backward(group)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        if cuda:
            torch.cuda.synchronize()
        return (time.perf_counter() - began) / count

    steps(1)  # the first one also fills caches and optimizer state
    seconds = steps(STEPS)
    with profile(activities=[ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]) as found:
        steps(STEPS)
    specimen.renew()
    _export(found, path)
    tokens = sum(len(r.prompt) + len(r.completion) for r in rows)
    most = ", ".join(f"{name.removeprefix('aten::')[:40]} {share:.0%}" for name, share in _shares(found, cuda))
    return ProbeRecord(
        probe="step_time", value=seconds, unit="s",
        verdict=f"{len(rows)} rows, {tokens / seconds:,.0f} tokens/s; most of it in {most}; the trace is {path.name}",
    )  # fmt: skip


def _shares(found: profile, cuda: bool) -> list[tuple[str, float]]:
    """Share of the time spent in an operation itself, of the SHOWN largest."""
    rows = [(e.key, float(e.self_device_time_total if cuda else e.self_cpu_time_total)) for e in found.key_averages()]
    whole = sum(spent for _, spent in rows) or 1.0
    rows.sort(key=lambda row: -row[1])
    return [(name, spent / whole) for name, spent in rows[:SHOWN]]


def _export(found: profile, path: Path) -> None:
    """The trace under a temporary name, then its own: a reader never sees half of one."""
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        found.export_chrome_trace(str(temporary))
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        raise BadInput(f"the trace cannot be written to {path}: {error}") from None
    finally:
        temporary.unlink(missing_ok=True)
