"""What every command shares: the project folder, options, and printing data on stdout and talk on stderr."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

Project = Annotated[
    Path | None, typer.Option("--project", help="The project folder, with runs/ and RESEARCH_JOURNAL.md.")
]
Plain = Annotated[bool, typer.Option("--plain", help="Text, and not the app, on a terminal too.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, a unique prefix or ending, or last.")]
Preset = Annotated[str, typer.Option("--preset", help="A shipped preset.")]
Sets = Annotated[
    list[str] | None, typer.Option("--set", metavar="SECTION.NAME=VALUE", help="Change one setting; may repeat.")
]
Vignettes = Annotated[
    Path | None,
    typer.Option(
        "--vignettes",
        metavar="FILE.jsonl",
        help="Vignettes with id, text, foundation_coarse, wrong and human_*, in place of the English world's own.",
    ),
]


Plugins = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin",
        metavar="FILE.py",
        help="Your own vector method, barrier aggregate, completion filter or evaluator; --set names what is used; may repeat.",
    ),
]


def with_plugins(sets: list[str] | None, plugins: list[Path] | None) -> list[str]:
    """The settings of a command with the plugin files that it names among them."""
    named = json.dumps([str(path) for path in plugins or []], ensure_ascii=False)
    return [*([f"run.plugins={named}"] if plugins else []), *(sets or [])]


def with_vignettes(sets: list[str] | None, vignettes: Path | None) -> list[str]:
    """The settings of a command with the vignettes file that it names among them."""
    named = (
        [f"evaluate.vignettes_file={json.dumps(str(vignettes), ensure_ascii=False)}"] if vignettes is not None else []
    )
    return [*(sets or []), *named]


def open_project(ctx: typer.Context, project: Path | None) -> Path:
    """The project folder of a command, with the runs that nobody closed closed. Raises BadInput when it is no folder."""
    from cockpit.runs.reconcile import reconcile

    folder = project_folder(ctx, project)
    found = reconcile(folder)
    for closed in found.closed:
        say(f"{closed} was not running any more; its entry is closed as killed or as it ended")
    for restored in found.restored:
        say(f"the entry of {restored} was missing from the journal and is written again")
    for skipped, why in found.skipped.items():
        say(f"{skipped} was skipped, its entry may be open: {why}")
    return folder


def project_folder(ctx: typer.Context, project: Path | None) -> Path:
    """The project folder of a command. Raises BadInput when it is no folder."""
    from engine.contract.errors import BadInput

    above = ctx.find_root().obj
    folder = (project or (above if isinstance(above, Path) else None) or Path.cwd()).absolute()
    if not folder.is_dir():
        raise BadInput(f"{folder} is not a folder")
    return folder


def on_terminal() -> bool:
    """Whether there is a terminal that an app can be drawn on and typed into."""
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def say(text: str) -> None:
    """A sentence for the person, on stderr."""
    print(text, file=sys.stderr, flush=True)


def emit(value: Any) -> None:
    """A value as JSON on stdout."""
    print(json.dumps(value, ensure_ascii=False, indent=None if isinstance(value, str) else 1, default=str), flush=True)
