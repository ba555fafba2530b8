"""`ladder` and `talk`: trying doses before spending a night, and asking base, steered and healed the same question."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cockpit.cli.common import (
    AsJson,
    Plugins,
    Preset,
    Project,
    RunName,
    Sets,
    Vignettes,
    open_project,
    say,
    with_plugins,
    with_vignettes,
)

if TYPE_CHECKING:
    from rich.console import Console

SUBJECTS = ("base", "prompted", "steered", "healed")
WIDE = 100


def ladder(
    ctx: typer.Context,
    preset: Preset = "nano-care",
    config: Annotated[Path | None, typer.Option("--config", help="A TOML file of settings, over the preset.")] = None,
    settings: Sets = None,
    doses: Annotated[str, typer.Option("--doses", help="Such as 0.25,0.5,1.")] = "",
    vignettes: Vignettes = None,
    plugins: Plugins = None,
    json: AsJson = False,
    project: Project = None,
) -> None:
    """Doses against trait and coherence on val, with the base and the prompted base above them."""
    import msgspec

    from cockpit.cli.launching import resolved
    from cockpit.report.tables import console, ladder_row, ladder_table
    from cockpit.runs import engine
    from engine.contract.events import Evaluated

    open_project(ctx, project)
    full = resolved(preset, config, with_vignettes(with_plugins(settings, plugins), vignettes))
    table = ladder_table()
    say(f"{preset}: base, prompted base, then dose by dose; this takes an evaluation each")
    with engine.config_file(full) as file:
        for row in engine.lines(["ladder", str(file), *(["--doses", doses] if doses else [])]):
            event = msgspec.convert(row, Evaluated)
            if json:
                print(msgspec.json.encode(event).decode(), flush=True)
                continue
            name = f"dose {event.dose:g}" if event.subject == "steered" else event.subject
            say(f"  {name} done")
            ladder_row(table, event)
    if not json:
        console().print(table)


def talk(
    ctx: typer.Context,
    name: RunName = "last",
    question: Annotated[
        list[str] | None, typer.Argument(metavar="[QUESTION]", help="Without one, questions are read in turn.")
    ] = None,
    round_: Annotated[
        int, typer.Option("--round", help="The round whose student and vector answer; 0 is the last.")
    ] = 0,
    dose: Annotated[float, typer.Option("--dose", help="Dose of the steered one; 0 is the accepted one.")] = 0.0,
    json: AsJson = False,
    project: Project = None,
) -> None:
    """The same question to base, prompted, steered and healed, side by side."""
    from json import dumps

    from cockpit.report.tables import console
    from cockpit.runs.talking import Conversation
    from engine.contract.rundir import find_run

    folder = open_project(ctx, project)
    run = find_run(folder, name)
    out = console()
    with Conversation(run, round_, dose) as conversation:
        for asked in [" ".join(question)] if question else questions():
            answers = conversation.ask(asked)
            if json:
                print(dumps({"question": asked, "answers": answers}, ensure_ascii=False), flush=True)
            else:
                _side_by_side(out, asked, answers)


def questions() -> Iterator[str]:
    """Questions from a pipe, or one after the other from a terminal, where an empty line ends."""
    if not sys.stdin.isatty():
        yield from (line.strip() for line in sys.stdin if line.strip())
        return
    say("ask; an empty line ends")
    while True:
        try:
            line = input("› ").strip()
        except EOFError:
            return
        if not line:
            return
        yield line


def _side_by_side(out: Console, asked: str, answers: dict[str, str]) -> None:
    from rich.table import Table
    from rich.text import Text

    from journal.text import plain

    out.print(Text(plain(asked, 400), style="bold"))
    if out.width >= WIDE:
        table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
        for subject in SUBJECTS:
            table.add_column(subject, ratio=1)
        table.add_row(*(Text(plain(answers.get(s, "–"), 2000)) for s in SUBJECTS))
    else:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
        for subject in SUBJECTS:
            table.add_row(Text(subject, style="dim"), Text(plain(answers.get(subject, "–"), 2000)))
    out.print(table)
    out.print()
