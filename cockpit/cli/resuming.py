"""`cockpit resume`: take an interrupted run up again."""

from __future__ import annotations

from typing import Annotated

import typer

from cockpit.cli.common import Project, RunName, open_project, say


def resume(
    ctx: typer.Context,
    run: RunName,
    detach: Annotated[bool, typer.Option("--detach", help="Return as soon as it goes on.")] = False,
    project: Project = None,
) -> int:
    """Go on with an interrupted run from its last checkpoint; it ends as if nothing had happened. The new attempt has its own entry."""
    from cockpit.cli.watching import stay
    from cockpit.runs.resume import resume as take_up
    from engine.contract.rundir import RunDir, find_run

    folder = open_project(ctx, project)
    found = find_run(folder, run)

    def begin() -> RunDir:
        say(f"{found.id} goes on {take_up(found)}")
        return found

    if detach:
        begin()
        print(found.id)
        return 0
    return stay(folder, begin)
