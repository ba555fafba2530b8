"""`preflight new`, `check` and `amend`: starting a checklist from evidence, seeing what blocks, and changing an answer after the seal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from cockpit.cli.common import AsJson, Plugins, Preset, Project, RunName, Sets, emit, open_project, say, with_plugins


def new(
    ctx: typer.Context,
    preset: Preset = "",
    settings: Sets = None,
    plugins: Plugins = None,
    answers: Annotated[
        str,
        typer.Option("--answers", metavar="OLD.toml|RUN", help="Carry over the answers of an older preflight or run."),
    ] = "",
    out: Annotated[Path | None, typer.Option("--out", help="Write here instead of stdout.")] = None,
    project: Project = None,
) -> None:
    """A checklist with the facts filled in and the questions open; what still holds of an older one stays."""
    from cockpit.preflight import carry
    from engine.contract.errors import BadInput

    folder = open_project(ctx, project)
    if out is not None and out.exists():
        raise BadInput(f"{out} exists already; name another file, or carry its answers over with --answers {out}")
    if out is not None and not out.parent.is_dir():
        raise BadInput(f"cannot write {out}: {out.parent} is no folder")
    draft = carry.new(folder, preset, with_plugins(settings, plugins), answers)
    for line in draft.said:
        say(line)
    if out is None:
        print(draft.text, end="")
        return
    try:
        with out.open("x", encoding="utf-8") as f:
            f.write(draft.text)
    except OSError as error:
        raise BadInput(f"cannot write {out}: {error.strerror or error}") from None
    say(f"wrote {out}; answer it, then: cockpit preflight check {out}")


def check(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="The answered checklist.")],
    settings: Sets = None,
    json: AsJson = False,
    project: Project = None,
) -> int:
    """Item by item, what blocks, what is only flagged, and how to mend it. Exit code 3 while anything blocks."""
    from cockpit.preflight import drafts
    from cockpit.report.checklist import show, show_script
    from cockpit.report.tables import console
    from engine.contract.errors import Exit
    from engine.contract.script import for_scripts

    folder = open_project(ctx, project)
    if for_scripts(file):
        from cockpit.scripts.script import check as of_script

        blocks = of_script(folder, file)
        if json:
            emit({"kind": "script", "blocks": [b._asdict() for b in blocks], "ready": not blocks})
        else:
            show_script(console(), blocks, file)
        return int(Exit.REFUSED if blocks else Exit.SUCCESS)
    found = drafts.check(folder, file, list(settings or []))
    if json:
        emit(found.table())
    else:
        show(console(), found, file)
    return int(Exit.REFUSED if found.blocks else Exit.SUCCESS)


def amend(
    ctx: typer.Context,
    name: RunName,
    reason: Annotated[str, typer.Option("--reason", help="Why the answer changes; it is kept beside it.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="SECTION.NAME=VALUE", help="The answer as it is now; may repeat."),
    ] = None,
    json: AsJson = False,
    project: Project = None,
) -> None:
    """Change an answer after the seal: appended beside it with its reason. The verdict is still judged against the seal.

    Question, metric and prediction are closed once the run has evaluated anything."""
    from cockpit.preflight.amending import amend as append
    from engine.contract.rundir import find_run
    from journal.text import plain, short

    folder = open_project(ctx, project)
    run = find_run(folder, name)
    lines = append(run, list(settings or []), reason)
    if json:
        emit(lines)
        return
    for line in lines:
        print(plain(f"{short(run.id)} {line['key']}: {line['old']!r} -> {line['new']!r} ({line['reason']})", 400))
    say("appended to amendments.jsonl; the seal stands as it was, and the verdict is judged against it")


COMMANDS: dict[str, Callable[..., Any]] = {"new": new, "check": check, "amend": amend}
