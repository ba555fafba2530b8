"""Asking something of a live run: one way for the command line and the screen."""

from __future__ import annotations

import getpass

from cockpit.remote.mirror import origin
from cockpit.remote.ssh import request as over_ssh
from cockpit.runs import evidence
from cockpit.runs.ticket import waiting
from engine.contract.control import Request, make_request, send
from engine.contract.errors import BadInput
from engine.contract.rundir import RunDir


def ask(folder: RunDir, word: str, *, setting: str = "", text: str = "", release: bool = False) -> Request:
    """Append a checked request to the run's control.jsonl; the worker obeys at its next unit of work.

    A run of another machine is asked over ssh. Raises BadInput on an unknown word, a value out of bounds (FAULTS 44), an empty note,
    a run that has ended, a folder that cannot be written, and a machine that is not reached."""
    asked = make_request(word.replace("-", "_"), getpass.getuser(), setting=setting, text=text, release=release)
    if why := closed(folder):
        raise BadInput(why)
    if elsewhere := origin(folder):
        argument = [setting or text] if setting or text else []
        released = ["--release"] if release else []
        over_ssh(elsewhere.place, "control", *released, "--", folder.id, asked.request, *argument)
        return asked
    try:
        send(folder.control, asked)
    except OSError as error:
        raise BadInput(f"cannot write {folder.control}: {error.strerror or error}") from None
    return asked


def closed(folder: RunDir) -> str:
    """Why nothing can be asked of a run, '' when it can."""
    ended = evidence.result(folder)
    if ended.get("status"):
        return f"{folder.id} has ended as {ended['status']}; a request needs a live run"
    if not folder.path.is_dir():
        return f"{folder.path} is gone"
    if waiting(folder):
        return f"{folder.id} waits in the queue; a request needs a live run. Take it out with: cockpit queue remove"
    return ""
