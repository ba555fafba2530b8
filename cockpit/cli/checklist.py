"""`preflight new` and `preflight check`: starting a checklist from evidence, and seeing item by item what blocks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from cockpit.cli.common import AsJson, Preset, Project, Sets, emit, open_project, say


def new(
    ctx: typer.Context,
    preset: Preset = "",
    settings: Sets = None,
    answers: Annotated[
        Path | None, typer.Option("--answers", help="Carry the answers of an older preflight over.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write here instead of stdout.")] = None,
    project: Project = None,
) -> None:
    """A checklist with the facts filled in and the questions open."""
    from cockpit.runs import drafts
    from engine.contract.errors import BadInput

    open_project(ctx, project)
    text = drafts.new(preset, list(settings or []), answers)
    if out is None:
        print(text, end="")
        return
    if out.exists():
        raise BadInput(f"{out} exists already; name another file, or carry its answers over with --answers {out}")
    out.write_text(text, "utf-8")
    say(f"wrote {out}; answer it, then: cockpit preflight check {out}")


def check(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="The answered checklist.")],
    settings: Sets = None,
    json: AsJson = False,
    project: Project = None,
) -> int:
    """Item by item, what blocks, what is only flagged, and how to mend it. Exit code 3 while anything blocks."""
    from cockpit.report.tables import console
    from cockpit.runs import drafts
    from engine.contract.errors import Exit
    from journal.text import duration

    folder = open_project(ctx, project)
    found = drafts.check(folder, file, list(settings or []))
    code = int(Exit.REFUSED if found.blocks else Exit.SUCCESS)
    if json:
        emit(
            {
                "blocks": [b._asdict() for b in found.blocks],
                "flags": [f._asdict() for f in found.flags],
                "known_bugs": found.bugs,
                "gate": found.gate,
                "estimate": {"device": found.estimate.device, "seconds": found.estimate.seconds},
                "ready": not found.blocks,
            }
        )
        return code
    out = console()
    for item, about in drafts.ITEMS:
        mine = [b for b in found.blocks if b.item == item]
        out.print(f"{'✗' if mine else '✓'} {item}  {about}", markup=False, style="" if mine else "dim")
        for block in mine:
            out.print(f"      {block.what}. {block.mend}", markup=False)
        for flag in (f for f in found.flags if f.item == item):
            out.print(f"      ! {flag.what}. {flag.mend}", markup=False)
    for bug in found.bugs:
        if bug["state"] != "open":
            word = "waived" if bug["state"] == "waived" else "is what this run tests"
            out.print(f"  {bug['rule']} {word}: {bug['cause']}", markup=False, style="dim")
    guess = found.estimate
    size = f"{guess.memory_bytes / 2**30:.1f} GiB"
    out.print(f"  roughly {duration(guess.total)} on {guess.device}, {size}", markup=False, style="dim")
    first = "" if found.gate else "cockpit fast-dev-run (there is none of this code yet), then "
    out.print("blocked" if found.blocks else f"ready: {first}cockpit launch --preflight {file}", markup=False)
    return code


COMMANDS: dict[str, Callable[..., Any]] = {"new": new, "check": check}
