"""`journal list` and `journal show`: the book, newest first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from cockpit.cli.common import AsJson, Project, RunName, emit, open_project, say


def list_entries(
    ctx: typer.Context,
    smoke: Annotated[bool, typer.Option("--smoke/--no-smoke", help="Whether smoke runs are listed.")] = True,
    json: AsJson = False,
    project: Project = None,
) -> None:
    """The entries of the journal, newest first."""
    import msgspec
    from rich.table import Table
    from rich.text import Text

    from cockpit.report.tables import console
    from journal.index import entries
    from journal.text import unquoted

    folder = open_project(ctx, project)
    found = entries(folder, smoke=smoke)
    if json:
        emit([msgspec.to_builtins(e) for e in found])
        return
    if not found:
        say(f"no entries in {folder}; every run writes one")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for entry in found:
        style = "dim" if entry.smoke else ""
        edited = "  (edited by hand)" if not entry.intact else ""
        level = f"  [{entry.level}]" if not entry.smoke else ""
        when = Text(f"{entry.date} {entry.letter}", style="dim")
        table.add_row(when, Text(entry.short), Text(unquoted(entry.title + level) + edited, style=style))
    console().print(table)


def show_entry(ctx: typer.Context, name: RunName = "last", json: AsJson = False, project: Project = None) -> None:
    """One entry as it stands in the journal."""
    import msgspec

    from journal.index import find_entry

    folder = open_project(ctx, project)
    entry = find_entry(folder, name)
    if json:
        emit(msgspec.to_builtins(entry))
        return
    print(entry.text.rstrip())
    if not entry.intact:
        say("this entry was edited by hand; what the run wrote is in its folder")


COMMANDS: dict[str, Callable[..., Any]] = {"list": list_entries, "show": show_entry}
