"""`cockpit diagnose`: what is wrong with a run or with a log of another tool, or what is missing to say so."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cockpit.cli.common import AsJson, Project, emit, open_project, say

if TYPE_CHECKING:
    from engine.diagnosis.diagnosis import Diagnosis


def diagnose(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, a unique prefix or ending, or last.")] = "",
    log: Annotated[
        Path | None,
        typer.Option("--log", metavar="FILE", help="A log of another tool: .jsonl, .csv, or a trainer_state.json."),
    ] = None,
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="NAME=COLUMN", help="Which column of the log is loss, val, lr, grad_norm ...; may repeat."
        ),
    ] = None,
    vocabulary: Annotated[
        int | None, typer.Option("--vocabulary", metavar="N", help="Size of the log's tokenizer, for ln V.")
    ] = None,
    json: AsJson = False,
    project: Project = None,
) -> int:
    """Root cause, confidence, evidence and ranked fixes of a run or a log; or what is missing.

    A run that goes on is diagnosed from its stream, provisionally. `insufficient` is an answer: the exit code is 0, 2 for bad input."""
    import msgspec

    from engine.contract.errors import BadInput

    if log is not None and name:
        raise BadInput("name a run or a --log, not both")
    if log is None and (names or vocabulary is not None):
        raise BadInput("--map and --vocabulary describe a log: give it with --log FILE")
    found = (
        _of_log(log, names or [], vocabulary)
        if log is not None
        else _of_run(open_project(ctx, project), name or "last")
    )
    if json:
        emit(msgspec.to_builtins(found))
    else:
        _show(found)
    return 0


def _of_run(project: Path, name: str) -> Diagnosis:
    from engine.contract.rundir import find_run
    from engine.diagnosis.combine import diagnose as judge
    from engine.diagnosis.ours import read_run

    run = find_run(project, name)
    found = judge(read_run(run))
    if found.provisional:
        say(f"{run.id} goes on: this is provisional")
    return found


def _of_log(path: Path, names: list[str], vocabulary: int | None) -> Diagnosis:
    from engine.contract.errors import BadInput
    from engine.diagnosis.combine import diagnose as judge
    from engine.diagnosis.foreign import read_log

    mapped = {}
    for pair in names:
        ours, sign, theirs = pair.partition("=")
        if not (ours and sign and theirs):
            raise BadInput(f"--map {pair} is no NAME=COLUMN, such as --map loss=train/loss")
        mapped[ours] = theirs
    return judge(read_log(path, mapped, vocabulary))


def _show(found: Diagnosis) -> None:
    """On a terminal of its width, in a pipe of 110 columns, commands never broken."""
    from cockpit.report.diagnosis import terminal
    from cockpit.report.tables import console

    out = console()
    width = out.width if sys.stdout.isatty() else 110
    out.print(f"{found.run}", markup=False, style="bold")
    out.print(terminal(found, width), end="", soft_wrap=True)
