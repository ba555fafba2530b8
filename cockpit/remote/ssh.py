"""Starting ssh, asking one thing over it, and what its end means in words."""

from __future__ import annotations

import subprocess
from typing import IO

from cockpit.remote.place import Place
from engine.contract.errors import BadInput
from journal.text import plain

_NO_ENTRY = ("Permission denied", "Host key verification failed", "Too many authentication failures")
_SSH_FAILED = 255
_NO_PROGRAM = (126, 127)
_BY_SIGNAL = 128
_SECONDS = 60.0


class OutOfReach(Exception):
    """The line is gone, or never came about; another attempt may go through. Its text is the reason."""


class NoEntry(OutOfReach):
    """The other machine does not let this login in; a person has to see to it."""


def start(place: Place, *arguments: str, stderr: IO[bytes]) -> subprocess.Popen[bytes]:
    """`cockpit ARGUMENTS` beside a run, in a session of its own: ssh asks nothing of this terminal and hears none of its keys.

    Raises BadInput when there is no ssh here."""
    try:
        return subprocess.Popen(
            place.command(*arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
            bufsize=0,
        )
    except FileNotFoundError:
        raise BadInput("there is no ssh on this machine: install the OpenSSH client") from None


def request(place: Place, *arguments: str) -> None:
    """Carry out `cockpit ARGUMENTS` beside a run. Raises BadInput with what the other machine says, or why it is not reached."""
    with start(place, *arguments, stderr=subprocess.PIPE) as process:
        try:
            _, said = process.communicate(timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise BadInput(
                f"{place.host} did not answer in {_SECONDS:.0f} s; nobody knows whether it was asked"
            ) from None
    if process.returncode:
        why = end(place, process.returncode, said)
        raise BadInput(str(why) if isinstance(why, BadInput) else f"{place.host} is out of reach: {why}")


def end(place: Place, code: int, stderr: bytes) -> BadInput | OutOfReach:
    """What it means that ssh ended with this exit code."""
    lines = [plain(line, 300) for line in stderr[-8192:].decode("utf-8", "replace").splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    refused = next((line for line in lines if any(words in line for words in _NO_ENTRY)), "")
    if code == _SSH_FAILED and refused:
        return NoEntry(f"{refused}. `ssh {place.host}` has to work without asking for anything")
    if code == _SSH_FAILED or code < 0:
        return OutOfReach(_without_address(last) or "the line dropped")
    if code in _NO_PROGRAM:
        program = place.cockpit or "cockpit"
        return BadInput(
            f"{place.host} has no {program!r} that can be run: name its program there with --remote-cockpit, "
            "as in --remote-cockpit cockpit/.venv/bin/cockpit"
        )
    if code > _BY_SIGNAL or code == 0:
        return OutOfReach(last or "the other end left")
    if "No such command" in last:
        return BadInput(f"the cockpit on {place.host} is older than this one and relays no runs: bring it up to date")
    return BadInput(f"{place.host}: {last or f'the cockpit there ended with exit code {code}'}")


def _without_address(line: str) -> str:
    """'Connection refused' of 'ssh: connect to host box port 22: Connection refused'."""
    return line.rpartition(": ")[2] if line.startswith("ssh: ") else line
