"""`notify`: whether and how the user is told of alerts, guards and ends of runs, and a message to try it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from cockpit.cli.common import AsJson, emit, say

EXAMPLE = """[notify]
command = ["notify-send", "{title}", "{text}"]   # a program of yours; {run}, {status} and {event} are filled too
# webhook = "https://..."                        # or an address that takes a JSON object with the same five names
# on = ["alert", "guard", "end"]                 # what to tell of"""


def notify(
    test: Annotated[bool, typer.Option("--test", help="Send a message now, the way a run would.")] = False,
    json: AsJson = False,
) -> None:
    """Whether runs notify you, and how. The address of a webhook is shown without its path, which often is a secret."""
    from cockpit.runs.notify import KINDS, load_settings, message, settings_file
    from cockpit.runs.sending import send
    from engine.contract.errors import BadInput, CockpitError

    settings, file = load_settings(), settings_file()
    if settings is None and (test or json):
        if json and not test:
            return emit({"file": str(file), "on": []})
        raise BadInput(f"nothing to try: {file} has no [notify] table; `cockpit notify` shows one")
    if settings is None:
        say(f"Runs notify nobody. To be told, write into {file}:")
        print(EXAMPLE)
        return None
    program = Path(settings.command[0]).name if settings.command else ""
    host = urlsplit(settings.webhook).hostname or ""
    if test:
        failed = send(settings, message("test", "running", "end", "cockpit", "This is a test: runs can reach you."))
        if failed:
            raise CockpitError("; ".join(failed))
        say(f"sent by {' and by '.join(filter(None, (program, host)))}")
    elif json:
        emit({"file": str(file), "on": settings.on, "command": program, "webhook": host})
    else:
        ways = " and ".join(filter(None, (program and f"the command {program}", host and f"a webhook at {host}")))
        told = ", ".join(kind for kind in KINDS if kind in settings.on) or "nothing"
        say(f"Runs notify you by {ways}, of: {told}. Settings: {file}")
    return None
