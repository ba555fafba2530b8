"""`python -m engine probe RUN|CONFIG.json [--round N] [--trace FILE]`: every probe in turn, one JSON record a line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import torch

from engine.contract.errors import BadInput, OutOfMemory
from engine.contract.events import now
from engine.contract.probed import Probed, ProbeRecord, save_probed
from engine.contract.rundir import RunDir
from engine.probe.dead import dead
from engine.probe.gradients import gradients
from engine.probe.initial import initial
from engine.probe.overfit import overfit
from engine.probe.profile import trace
from engine.probe.specimen import Specimen, of_config, of_run
from engine.queries import read_config


def probe(argv: list[str]) -> int:
    """Probe a run folder, whose records also go to its probe.json, or the first round of a config."""
    parser = argparse.ArgumentParser(prog="python -m engine probe")
    parser.add_argument("target", type=Path)
    parser.add_argument("--round", type=int, default=0)
    parser.add_argument("--trace", type=Path)
    args = parser.parse_args(argv)
    if args.target.is_symlink():
        raise BadInput(f"{args.target} is a symbolic link; run folders must lie inside the project")
    out = RunDir(args.target) if args.target.is_dir() else None
    try:
        specimen = of_run(out, args.round) if out else of_config(read_config(str(args.target)))
        records = []
        for record in probes(specimen, args.trace):
            records.append(record)
            sys.stdout.buffer.write(msgspec.json.encode(record) + b"\n")
            sys.stdout.buffer.flush()
    except torch.OutOfMemoryError as error:
        raise OutOfMemory(f"out of memory ({str(error).splitlines()[0]}): lower heal.batch_size") from None
    found = _found(specimen, records, out)
    if out is not None:
        save_probed(out, found)
    return 0


def probes(specimen: Specimen, trace_file: Path | None = None) -> Iterator[ProbeRecord]:
    """Every record in order; the trace only when a file for it is named."""
    for record in initial(specimen):
        yield record
        if record.probe == "targets" and record.sound is False:
            return  # without a target there is no loss that any other probe could follow
    yield from gradients(specimen)
    yield overfit(specimen)
    if trace_file is not None:
        yield trace(specimen, trace_file)
    yield dead(specimen)


def _found(specimen: Specimen, records: list[ProbeRecord], out: RunDir | None) -> Probed:
    loaded = specimen.student.loaded
    return Probed(
        at=now(),
        round=specimen.round_number,
        data=specimen.texts.source,
        rows=len(specimen.texts.rows),
        device=torch.cuda.get_device_name() if loaded.device.type == "cuda" else "cpu",
        probes=records,
        run=out.id if out else "",
    )
