"""The worker process: checks the seal, consumes the loop's events, writes them, and ends with an exit code that says how."""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from engine.contract.errors import BadInput, CockpitError, Exit, NotFinite, OutOfMemory, Refused
from engine.contract.events import Event, Note, RunFinished, encode, standing_events
from engine.contract.files import append_line, read_json
from engine.contract.preflight import check_seal
from engine.contract.redact import redact, secret_values
from engine.contract.rundir import RunDir
from engine.contract.runfile import RunFile, load_runfile
from engine.contract.traits import load_trait
from engine.diagnosis.live import Alerts
from engine.evaluate.splits import check_splits
from engine.tally import Tally


def run(argv: list[str]) -> int:
    """`run DIR [--attempt N]`. Nothing heavy is imported before the seal holds."""
    parser = argparse.ArgumentParser(prog="python -m engine run")
    parser.add_argument("dir", type=Path)
    parser.add_argument("--attempt", type=int, default=1)
    args = parser.parse_args(argv)
    if not args.dir.is_dir() or args.dir.is_symlink():
        raise BadInput(f"{args.dir} is not a run folder")
    out = RunDir(args.dir)
    runfile = load_runfile(out.config)
    record = _preflight(out.preflight)
    preflight_hash = check_seal(record, runfile)
    check_splits(record, load_trait(runfile.config.trait.name), runfile.config.evaluate)
    writer = Writer(out, args.attempt, Tally(), _alerts(runfile, record))
    try:
        _consume(runfile, out, writer, preflight_hash, args.attempt)
    except CockpitError as error:
        writer.finish(error.status, str(error))
        raise
    except MemoryError as error:
        raise _out_of_memory(writer, str(error)) from None
    except KeyboardInterrupt:
        writer.finish("stopped", "interrupted")
        return Exit.STOPPED
    except Exception as error:
        if any(sign in str(error).lower() for sign in ("out of memory", "can't allocate memory")):
            raise _out_of_memory(writer, str(error).splitlines()[0]) from None
        print(redact(traceback.format_exc(), secret_values(os.environ)), file=sys.stderr)
        writer.finish("failed", f"{type(error).__name__}: {error}".splitlines()[0])
        return Exit.FAILED
    return Exit.SUCCESS


def _preflight(path: Path) -> Any:
    """The sealed record. Raises Refused when there is none that can be read."""
    try:
        return read_json(path)
    except BadInput as error:
        raise Refused(f"no sealed preflight, {error}: start with `cockpit launch --preflight F.toml`") from None


class Writer:
    """Stamps attempt and elapsed time on events and appends each as it comes, with the alerts that it raises or clears."""

    def __init__(self, out: RunDir, attempt: int, tally: Tally, alerts: Alerts) -> None:
        self._out, self._attempt, self._began = out, attempt, time.monotonic()
        self.tally, self._alerts = tally, alerts

    def write(self, event: Event) -> None:
        """Append one event; a non-finite field raises before anything is written."""
        self._append(event)
        for alert in self._alerts.feed(event):
            self._append(alert)

    def catch_up(self, events: Iterable[Event]) -> None:
        """Let the alerts hear what stands already; what they said of it is said."""
        for event in events:
            self._alerts.feed(event)

    def _append(self, event: Event) -> None:
        stamped = msgspec.structs.replace(
            event, attempt=self._attempt, elapsed=round(time.monotonic() - self._began, 4)
        )
        try:
            line = encode(stamped)
        except ValueError as error:
            raise NotFinite(str(error)) from None
        append_line(self._out.events, line)

    def finish(self, status: str, reason: str) -> None:
        """The run_finished of an ending that was not a success."""
        seconds = time.monotonic() - self._began
        self.write(
            RunFinished(
                status=status,
                reason=redact(reason, secret_values(os.environ)),
                best=self.tally.best,
                seconds=seconds,
                gpu_seconds=seconds if _on_gpu() else 0.0,
                tokens=self.tally.tokens,
                reveals=self.tally.reveals,
            )
        )


def _on_gpu() -> bool:
    """Whether this process has used a GPU."""
    torch = sys.modules.get("torch")
    return torch is not None and bool(torch.cuda.is_initialized())


def _alerts(runfile: RunFile, record: Mapping[str, Any]) -> Alerts:
    """A pretrained model's loss must not be a uniform guess's; of random weights nothing else is to be expected."""
    facts = record.get("evidence", {}).get("facts", {})
    return Alerts(runfile.config, int(facts.get("vocabulary", 0)) if facts.get("pretrained") else 0)


def _consume(runfile: RunFile, out: RunDir, writer: Writer, preflight_hash: str, attempt: int) -> None:
    import torch

    from engine.controls import Controls
    from engine.heal.step import Live
    from engine.loop import steer_heal_bake
    from engine.resume import look_back, take_up

    config = runfile.config
    random.seed(config.run.seed)
    np.random.seed(config.run.seed)
    torch.manual_seed(config.run.seed)
    live = Live(config.heal.tau, config.heal.lam)
    controls = Controls(out.control, live, config.run.time_limit)
    past = look_back(out, config.run.rounds, attempt)
    writer.catch_up(standing_events(out.events, size=past.extent.events))
    if attempt > 1:
        writer.write(take_up(out, past))
    if past.remark:
        writer.write(Note(text=past.remark))
    for event in steer_heal_bake(runfile, out, controls, preflight_hash, writer.tally, past):
        writer.write(event)


def _out_of_memory(writer: Writer, detail: str) -> OutOfMemory:
    error = OutOfMemory(
        f"out of memory ({detail}): lower heal.batch_size (raise heal.accumulation), then generate.batch_size "
        "and evaluate.batch_size, "
        "then try model.quantization=nf4"
    )
    writer.finish("oom", str(error))
    return error
