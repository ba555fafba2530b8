"""Who runs what: processes named by host, boot, pid and start, so that a reused pid is never taken for ours (FAULTS 30).

The start is counted in clock ticks since the boot, which no change of the wall clock moves (FAULTS 38)."""

from __future__ import annotations

import os
import platform
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from journal.text import plain

RUN = "COCKPIT_RUN"
HANDED = ("COCKPIT_EVENTS", RUN, "COCKPIT_CONTROL")
"""What a script finds in its environment, and so everything that it starts."""
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def host() -> str:
    """This machine's name."""
    return platform.node() or "unknown"


def boot_id() -> str:
    """Changes with every boot of this machine."""
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return f"boot-{int(psutil.boot_time())}"


def stamp(pid: int) -> dict[str, Any]:
    """A process as process.json names it: pid and start, in ticks since the boot, or where there is no /proc in seconds since the
    epoch. Empty when it is gone."""
    ticks = _ticks(pid)
    if ticks is not None:
        return {"pid": pid, "ticks": ticks}
    try:
        return {"pid": pid, "started": psutil.Process(pid).create_time()}
    except psutil.Error:
        return {}


def alive(named: dict[str, Any] | None) -> bool:
    """Whether exactly this process still runs; a zombie does not."""
    if not named or "pid" not in named:
        return False
    try:
        process = psutil.Process(int(named["pid"]))
        if "ticks" in named:
            same = _ticks(process.pid) == named["ticks"]
        else:
            same = abs(process.create_time() - float(named.get("started", 0.0))) < 1.0
        return same and bool(process.status() != psutil.STATUS_ZOMBIE)
    except (psutil.Error, ValueError, TypeError):
        return False


def _ticks(pid: int) -> int | None:
    """Clock ticks from the boot to the start of a process, field 22 of /proc/PID/stat; None when it is gone or there is no /proc."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    return int(stat.rpartition(b")")[2].split()[19])  # the name before may hold blanks and brackets


def running(process: dict[str, Any]) -> bool:
    """Whether any process of a run lives. A run of another host counts as running: only its own host may say otherwise."""
    if process.get("host") != host():
        return True
    if process.get("boot_id") != boot_id():
        return False
    return any(alive(process.get(role)) for role in ("supervisor", "worker", "launcher"))


def terminate(pid: int, grace: float = 10.0) -> None:
    """SIGTERM, then SIGKILL after `grace` seconds, to a process and its children."""
    try:
        parent = psutil.Process(pid)
        family = [parent, *parent.children(recursive=True)]
    except psutil.Error:
        return
    for process in family:
        _send(process, signal.SIGTERM)
        _send(process, signal.SIGCONT)  # a stopped process would not take it
    _, left = psutil.wait_procs(family, timeout=grace)
    for process in left:
        _send(process, signal.SIGKILL)
    psutil.wait_procs(left, timeout=5)


def own_environment() -> dict[str, str]:
    """This environment without what a script's run handed down: a run that a script starts is a run of its own."""
    return {name: value for name, value in os.environ.items() if name not in HANDED}


def end_left_behind(folder: Path, grace: float = 5.0) -> list[str]:
    """End every process of ours that was started for the run in this folder and outlived its script; their names and pids."""
    left = []
    for process in psutil.process_iter(["pid", "name", "environ"]):
        environment = process.info["environ"] or {}  # another user's is not ours to read
        if environment.get(RUN) == str(folder) and process.pid != os.getpid():
            left.append(process)
    for process in left:
        _send(process, signal.SIGTERM)
        _send(process, signal.SIGCONT)
    for process in psutil.wait_procs(left, timeout=grace)[1]:
        _send(process, signal.SIGKILL)
    return [f"{plain(process.info['name'] or 'a process', 40)} {process.pid}" for process in left]


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Ctrl-C waits until the block is done and is raised then, so that nothing is left half started."""
    held: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: held.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if held:
        raise KeyboardInterrupt


def signal_end(named: dict[str, Any]) -> None:
    """SIGTERM to exactly this process, if it still runs."""
    if alive(named):
        _send(psutil.Process(int(named["pid"])), signal.SIGTERM)


def wait_gone(named: dict[str, Any], seconds: float) -> bool:
    """Wait for a process to go; whether it went."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not alive(named):
            return True
        time.sleep(0.05)
    return not alive(named)


def me() -> dict[str, Any]:
    """This process as process.json names it."""
    return stamp(os.getpid())


def _send(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.Error:
        return
