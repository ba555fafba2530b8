"""`cockpit fork`: a run of its own that leaves another at a place in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cockpit.cli.common import Project, RunName, Sets, open_project, say


def fork(
    ctx: typer.Context,
    run: RunName,
    place: Annotated[
        str,
        typer.Option("--from", metavar="PLACE", help="generate@rN, heal@rN or round@rN: where its own work begins."),
    ],
    settings: Sets = None,
    reuse: Annotated[
        str,
        typer.Option("--reuse", metavar="kept", help="With heal@rN: train on the very completions that the run kept."),
    ] = "",
    hypothesis: Annotated[str, typer.Option("--hypothesis", help="This run tests hypothesis: ...")] = "",
    preflight: Annotated[
        Path | None, typer.Option("--preflight", help="The fork's checklist, when it is not the one that was drafted.")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Return as soon as the run is started.")] = False,
    project: Project = None,
) -> int:
    """Leave a run at a place in it, with other settings; data, initial adapter and order are the same there.

    Only what the change touches is asked again. While something is open, the checklist is drafted and nothing starts."""
    from cockpit.cli.launching import remarks
    from cockpit.cli.watching import stay
    from cockpit.preflight.begin_fork import start
    from cockpit.preflight.drafts import check
    from cockpit.preflight.forking import draft
    from cockpit.runs.fork import plan
    from engine.contract.errors import Refused
    from engine.contract.rundir import RunDir, find_run

    folder = open_project(ctx, project)
    asked = plan(find_run(folder, run), place, list(settings or []), reuse)
    if preflight is None:
        preflight, said = draft(folder, asked, hypothesis)
        for line in said:
            say(line)
        blocks = check(folder, preflight).blocks
        for block in blocks:
            say(block.line())
        if blocks:
            raise Refused(f"the fork is drafted in {preflight}: answer what is open there and fork again")

    def begin() -> RunDir:
        started, sealed = start(folder, asked, preflight)
        for line in remarks(sealed):
            say(line)
        return started

    if detach:
        print(begin().id)
        return 0
    return stay(folder, begin)
