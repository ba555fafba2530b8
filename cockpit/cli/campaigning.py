"""`cockpit campaign`: an ablation of one run, and campaigns of many over seeds and settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cockpit.cli.common import AsJson, Project, RunName, emit, open_project, say

if TYPE_CHECKING:
    from engine.contract.events import Evaluated


def ablation(ctx: typer.Context, run: RunName, json: AsJson = False, project: Project = None) -> None:
    """Full, zero, random and shuffled vector on the base and on the run's healed student: eight cells on val, at the run's own dose.

    They are printed and written into the journal as a note on the run's entry."""
    from cockpit.report.campaign import ablation_table
    from cockpit.report.tables import console
    from cockpit.review.author import author
    from cockpit.runs import evidence
    from engine.contract.errors import BadInput
    from engine.contract.rundir import find_run
    from engine.contract.script import load_script
    from journal.ablation import LEGEND, write
    from journal.record import load_record

    folder = open_project(ctx, project)
    found = find_run(folder, run)
    if load_script(found.config) is not None:
        raise BadInput(f"{found.id} is a script's run: it has no vector and no student of ours to ablate")
    evidence.require_logged(found)
    say(f"{found.id}: the base, then eight cells; this takes an evaluation each")
    cells, norms = _measured(found.path, json)
    key = write(folder, load_record(found), cells, norms, author(folder))
    if not json:
        console().print(ablation_table(cells))
        say(LEGEND)
    say(f"noted in the journal on the entry of {found.id}" if key else "the journal holds this ablation already")


def _measured(run: Path, json: bool) -> tuple[list[Evaluated], dict[str, dict[str, float]]]:
    """The cells as they come, and the norms of the vectors by method and layer."""
    from msgspec.json import encode

    from cockpit.runs import engine
    from engine.contract.events import Evaluated, VectorExtracted, decode
    from journal.ablation import VECTORS, model

    cells: list[Evaluated] = []
    norms: dict[str, dict[str, float]] = {}
    for row in engine.lines(["ablate", str(run)]):
        event = decode(encode(row))
        if json:
            print(encode(event).decode(), flush=True)
        if isinstance(event, VectorExtracted):
            norms[VECTORS[event.method]] = event.norm
        elif isinstance(event, Evaluated):
            cells.append(event)
            say(f"  {model(event)}, {VECTORS[event.vector]} done")
    return cells, norms


def group() -> Any:
    """The typer group."""
    found = typer.Typer(help="Many runs for one question, and the ablation of one.", no_args_is_help=True)
    for command in (ablation,):
        found.command(command.__name__)(command)
    return found
