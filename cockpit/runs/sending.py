"""A message on its way: to a program with its words filled in, to a webhook as JSON; a failure repeats no value of the settings."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any

import msgspec

from cockpit.runs.notify import PLACE, Message, Settings
from cockpit.runs.processes import own_environment
from engine.contract.errors import CockpitError
from journal.text import plain

TIMEOUT = 10.0
"""Seconds that a command or a webhook has for one message."""


def send(settings: Settings, told: Message) -> list[str]:
    """Send by every way that is set; why each that failed did, in words that hold no value of the settings but the program's name."""
    ways: list[tuple[str, Callable[[], None]]] = []
    if settings.command:
        ways.append((f"command {Path(settings.command[0]).name}", lambda: _run(settings.command, told)))
    if settings.webhook:
        ways.append(("webhook", lambda: _post(settings.webhook, told)))
    failed = []
    for name, way in ways:
        try:
            way()
        except CockpitError as error:
            failed.append(f"the {name} {error}")
    return failed


def _run(command: Sequence[str], told: Message) -> None:
    """Run the command with the message in its places. Raises CockpitError; what the command itself says is not read."""
    fields = msgspec.structs.asdict(told)
    words = [PLACE.sub(lambda match: str(fields[match[1]]), word) for word in command]
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            timeout=TIMEOUT, env=own_environment(), start_new_session=True,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise CockpitError(f"took longer than {TIMEOUT:g} s") from None
    except (OSError, ValueError) as error:
        raise CockpitError(
            f"did not start: {getattr(error, 'strerror', None) or 'its words cannot be passed on'}"
        ) from None
    if done.returncode:
        raise CockpitError(f"ended with exit code {done.returncode}")


class _Stay(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer that is not 2xx: following it would turn the message into an empty request to somebody else."""

    def redirect_request(self, *args: Any, **more: Any) -> None:
        return None


def _post(address: str, told: Message) -> None:
    """POST the message as JSON. Raises CockpitError without the address, which libraries like to repeat in theirs."""
    body = json.dumps(msgspec.structs.asdict(told), ensure_ascii=False).encode()
    try:
        request = urllib.request.Request(
            address, body, {"Content-Type": "application/json", "User-Agent": "cockpit"}, method="POST"
        )
        with urllib.request.build_opener(_Stay).open(request, timeout=TIMEOUT):
            pass
    except urllib.error.HTTPError as error:
        raise CockpitError(f"answered {error.code}") from None
    except TimeoutError:
        raise CockpitError(f"took longer than {TIMEOUT:g} s") from None
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        why = reason.strerror if isinstance(reason, OSError) and reason.strerror else type(reason).__name__
        raise CockpitError(f"could not be reached: {plain(str(why), 100)}") from None
