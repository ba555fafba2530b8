"""`run`: any script under the same seal, supervision and journal as a run of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cockpit.cli.common import Project, open_project, say

CONTEXT = {"allow_interspersed_args": False}
"""What follows the command's first word belongs to the command."""


def run(
    ctx: typer.Context,
    command: Annotated[list[str], typer.Argument(metavar="CMD", help="The command, after two dashes.")],
    preflight: Annotated[
        Path | None, typer.Option("--preflight", help="The answered checklist of this script.")
    ] = None,
    new_preflight: Annotated[
        Path | None, typer.Option("--new-preflight", help="Write an open checklist here and start nothing.")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Return as soon as the run is started.")] = False,
    time_limit: Annotated[str, typer.Option("--time-limit", help="End the run after this long: 90s, 30m, 2h.")] = "",
    hang_limit: Annotated[
        str, typer.Option("--hang-limit", help="End it after this long without a line, once it wrote one.")
    ] = "15m",
    project: Project = None,
) -> int:
    """Run any script that appends JSON lines to $COCKPIT_EVENTS: sealed, supervised, in the journal. Ctrl-C detaches."""
    from cockpit.cli.launching import seconds
    from cockpit.cli.watching import stay
    from cockpit.scripts import script
    from engine.contract.errors import BadInput

    folder = open_project(ctx, project)
    if new_preflight is not None:
        script.describe(command)
        try:
            with new_preflight.open("x", encoding="utf-8") as f:
                f.write(script.template())
        except FileExistsError:
            raise BadInput(f"{new_preflight} exists already; name another file") from None
        except OSError as error:
            raise BadInput(f"cannot write {new_preflight}: {error.strerror or error}") from None
        say(f"wrote {new_preflight}; answer it, then: cockpit run --preflight {new_preflight} -- the same command")
        return 0
    limit = seconds(time_limit) if time_limit else 0.0
    described, record = script.prepare(folder, command, preflight, time_limit=limit, hang_limit=seconds(hang_limit))
    if detach:
        begun = script.start(folder, command, described, record)
        print(begun.id)
        say(f"started; watch it with: cockpit attach {begun.id}")
        return 0
    say("Ctrl-C detaches and lets the run go on")
    return stay(folder, lambda: script.start(folder, command, described, record))
