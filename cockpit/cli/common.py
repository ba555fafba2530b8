"""What every command shares: the project folder, options, and printing data on stdout and talk on stderr."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

Project = Annotated[
    Path | None, typer.Option("--project", help="The project folder, with runs/ and RESEARCH_JOURNAL.md.")
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, a unique prefix or ending, or last.")]
Preset = Annotated[str, typer.Option("--preset", help="A shipped preset.")]
Sets = Annotated[
    list[str] | None, typer.Option("--set", metavar="SECTION.NAME=VALUE", help="Change one setting; may repeat.")
]


def open_project(ctx: typer.Context, project: Path | None) -> Path:
    """The project folder of a command, with the runs that nobody closed closed. Raises BadInput when it is no folder."""
    from cockpit.runs.reconcile import reconcile
    from engine.contract.errors import BadInput

    above = ctx.find_root().obj
    folder = (project or (above if isinstance(above, Path) else None) or Path.cwd()).absolute()
    if not folder.is_dir():
        raise BadInput(f"{folder} is not a folder")
    found = reconcile(folder)
    for closed in found.closed:
        say(f"{closed} was not running any more; its entry is closed as killed or as it ended")
    for skipped, why in found.skipped.items():
        say(f"{skipped} was skipped, its entry may be open: {why}")
    return folder


def say(text: str) -> None:
    """A sentence for the person, on stderr."""
    print(text, file=sys.stderr, flush=True)


def emit(value: Any) -> None:
    """A value as JSON on stdout."""
    print(json.dumps(value, ensure_ascii=False, indent=None if isinstance(value, str) else 1, default=str), flush=True)
