"""`cockpit` without a command: the app on a terminal; else the newest runs and what to do next, as plain text."""

from __future__ import annotations

from typing import Annotated

import typer

from cockpit.cli.common import Plain, Project, on_terminal, open_project, project_folder

NEWEST = 8


def home(
    ctx: typer.Context,
    project: Project = None,
    plain: Plain = False,
    queue: Annotated[bool, typer.Option("--queue", help="Open the app on the run queue.")] = False,
    version: Annotated[bool, typer.Option("--version", "-V", help="Print the version.")] = False,
) -> None:
    """Steer a model, distil the steer into a LoRA, heal it, and loop, honestly."""
    if version:
        from cockpit.cli.version import version as installed

        print(f"cockpit {installed()}")
        raise typer.Exit(0)
    ctx.obj = project
    if ctx.invoked_subcommand is not None:
        return
    if queue and (plain or not on_terminal()):
        from cockpit.cli.queueing import listed

        listed(ctx)
    elif plain or not on_terminal():
        _show(ctx)
    else:
        from cockpit.app import CockpitApp

        app = CockpitApp(project_folder(ctx, project), screen="queue" if queue else "")
        app.run()
        raise typer.Exit(app.return_code or 0)


def _show(ctx: typer.Context) -> None:
    from cockpit.cli.watching import runs_table
    from cockpit.report.tables import console
    from cockpit.runs.evidence import green_gate
    from engine.contract.rundir import all_runs

    folder = open_project(ctx, ctx.obj)
    found = all_runs(folder)
    out = console()
    if found:
        out.print(runs_table(found[-NEWEST:]))
        if len(found) > NEWEST:
            out.print(f"[dim]and {len(found) - NEWEST} more: cockpit runs[/dim]")
        out.print()
    if not green_gate(folder):
        out.print(
            "Next: cockpit fast-dev-run   the whole loop on the embedded model, in under a minute; the gate before any run"
        )
    else:
        out.print("Next: cockpit preflight new --preset nano-care --out F.toml   answer the checklist, then")
        out.print("      cockpit launch --preset nano-care --preflight F.toml")
    if found:
        out.print("Read: cockpit show last, cockpit journal list, cockpit --help")
