"""The typed errors of the project and the exit code each one ends a command with (DESIGN section 3)."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every headless command; the name in lower case is the run's status."""

    SUCCESS = 0
    FAILED = 1
    BAD_INPUT = 2
    REFUSED = 3
    DIVERGED = 4
    OOM = 5
    TIMEOUT = 6
    STARVED = 7
    STOPPED = 8
    KILLED = 9
    BUSY = 10


STATUS_EXIT: dict[str, Exit] = {
    "success": Exit.SUCCESS,
    "failed": Exit.FAILED,
    "refused": Exit.REFUSED,
    "diverged": Exit.DIVERGED,
    "nan": Exit.DIVERGED,
    "oom": Exit.OOM,
    "timeout": Exit.TIMEOUT,
    "starved": Exit.STARVED,
    "stopped": Exit.STOPPED,
    "killed": Exit.KILLED,
    "busy": Exit.BUSY,
}
"""Exit code of each status a run can end with."""


INTERRUPTED = ("killed", "stopped", "timeout", "oom", "failed", "busy")
"""Endings that say nothing about the config: the same run may end otherwise, so it can be resumed."""


class CockpitError(Exception):
    """An error a person can act on: one line that says what is wrong and what to do. `status` is the run's, `exit` the command's."""

    status = "failed"
    exit = Exit.FAILED


class BadInput(CockpitError):
    """A config, file or argument that cannot be used."""

    exit = Exit.BAD_INPUT


class Refused(CockpitError):
    """A rule of the project says no: preflight, claim, export, or analysis before the entry."""

    status = "refused"
    exit = Exit.REFUSED


class Diverged(CockpitError):
    """A guard ended the run because a loss or gradient left its limits."""

    status = "diverged"
    exit = Exit.DIVERGED


class NotFinite(Diverged):
    """A loss or gradient norm was NaN or infinite; the optimizer step was not applied."""

    status = "nan"


class OutOfMemory(CockpitError):
    """The device ran out of memory."""

    status = "oom"
    exit = Exit.OOM


class Starved(CockpitError):
    """The filter kept fewer completions than the floor."""

    status = "starved"
    exit = Exit.STARVED


class Stopped(CockpitError):
    """A person asked the run to stop."""

    status = "stopped"
    exit = Exit.STOPPED


class TimedOut(CockpitError):
    """The run passed its time limit."""

    status = "timeout"
    exit = Exit.TIMEOUT


class Busy(CockpitError):
    """Something else holds what this command needs."""

    status = "busy"
    exit = Exit.BUSY
