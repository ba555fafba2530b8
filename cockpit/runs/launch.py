"""From a sealed plan to a supervised run: the folder, then the supervisor in a session of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cockpit.runs import engine, evidence, lease, processes
from cockpit.runs.ending import last_line
from cockpit.runs.provenance import provenance
from engine.contract.errors import CockpitError
from engine.contract.events import now
from engine.contract.files import write_atomic, write_json
from engine.contract.plugins import copy_plugins, sealed_plugins
from engine.contract.rundir import RunDir, create
from engine.contract.runfile import RunFile

PATIENCE = 30.0
"""Seconds that a supervisor has to say that it is there."""


class Plan:
    """A run that is sealed and not yet started."""

    def __init__(self, run: RunFile, record: dict[str, Any], name: str) -> None:
        self.run, self.record, self.name = run, record, name


def start(project: Path, plan: Plan) -> RunDir:
    """Create the run folder and start its supervisor, in a session of its own with no terminal.

    It keeps the working folder, so that the worker finds the trait file or model folder that a relative path named.
    Raises Busy, and leaves no folder, when the GPU that the run needs is another run's."""
    if lease.wanted(plan.run.config, plan.record):
        lease.check(lease.gpus())
    folder = lay(project, plan)
    begin(folder)
    return folder


def lay(project: Path, plan: Plan) -> RunDir:
    """Create the run folder with what is sealed in it; nothing is started."""
    plugins = sealed_plugins(plan.run.config)
    folder = create(project, plan.name)
    plan.run.save(folder.config)
    write_json(folder.preflight, plan.record)
    copy_plugins(plugins, folder.plugins)
    return folder


def begin(folder: RunDir, where: Path | None = None) -> None:
    """Write down the code that is about to run and start the supervisor, in the working folder `where` if not in this one."""
    origin, diff = provenance()
    if diff:
        write_atomic(folder.path / "source.diff", diff.encode("utf-8", "replace"))
        origin["diff"] = "source.diff"
    write_json(folder.provenance, origin)
    supervise(folder, ["-m", "cockpit.runs.supervisor", str(folder.path)], engine.environment(), where)


def announce(folder: RunDir, attempt: int = 1, where: Path | None = None) -> None:
    """Say in process.json that this process is about to start an attempt, from the working folder `where` or this one: until the
    supervisor is there, this process is what keeps the run from being closed as abandoned."""
    process = {"host": processes.host(), "boot_id": processes.boot_id(), "attempt": attempt, "launched_at": now()}
    write_json(folder.process, process | {"where": str(where or Path.cwd()), "launcher": processes.me()})


def supervise(
    folder: RunDir,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    where: Path | None = None,
    *,
    attempt: int = 1,
) -> None:
    """Start a supervisor in a session of its own, and wait until it is there. Raises CockpitError when it does not come up."""
    announce(folder, attempt, where)
    with folder.supervisor_log.open("ab") as log:
        supervisor = subprocess.Popen(
            [sys.executable, "-P", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            cwd=where,
            start_new_session=True,
        )
    _wait_for(folder, supervisor)


def _wait_for(folder: RunDir, supervisor: subprocess.Popen[bytes]) -> None:
    """Return once the supervisor has put itself into process.json: until then this process is what keeps the run alive.

    Raises CockpitError when it dies, or is ended because it says nothing."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if evidence.process(folder).get("supervised_at"):
            return
        if supervisor.poll() is not None:
            raise CockpitError(
                f"the supervisor did not start: {last_line(folder.supervisor_log)} ({folder.supervisor_log})"
            )
        time.sleep(0.02)
    processes.terminate(supervisor.pid)  # or it would start the run that is reported as not started
    supervisor.wait()
    raise CockpitError(f"the supervisor did not start within {PATIENCE:g} s; see {folder.supervisor_log}")
