"""`journal rebuild`, `journal check`, `journal adopt`: keeping the book whole, and taking in what was written elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from cockpit.cli.common import AsJson, Project, emit, open_project, say


def rebuild(
    ctx: typer.Context,
    runs: Annotated[list[str] | None, typer.Argument(metavar="[RUN]...", help="Only these runs.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Write what is missing or differs.")] = False,
    force: Annotated[
        list[str] | None,
        typer.Option("--force", metavar="RUN", help="Replace this run's edited entry too; may repeat."),
    ] = None,
    json: AsJson = False,
    project: Project = None,
) -> int:
    """Compare every entry with its run folder. Exit code 0 when nothing is left that differs, 1 otherwise."""
    from engine.contract.errors import BadInput, Exit
    from engine.contract.rundir import find_run, runs_folder
    from journal import rebuild as book

    folder = open_project(ctx, project)
    if force and not write:
        raise BadInput("--force replaces an edited entry, so it needs --write")

    def full(name: str) -> str:
        gone = not (runs_folder(folder) / name).exists() and "T" in name
        return name if gone else find_run(folder, name).id

    names = [full(name) for name in runs or []]
    forced = [full(name) for name in force or []]
    found = book.rebuild(folder, names, forced) if write else book.compare(folder, names)
    different = [d for d in found if d.state not in ("same", "open")]
    left = [d for d in different if not d.written and d.state not in ("gone", "worded", "kept")]
    if json:
        emit([d._asdict() for d in different])
    for item in different if not json else ():
        print(f"{item.key} {item.what}{'; written again' if item.written else ''}")
    same = sum(d.state in ("same", "worded", "kept") for d in found)
    others = sum(d.state not in ("same", "worded", "kept", "open") for d in found)
    say(f"{same} entries say what their run folders say, {others} do not")
    if any(d.state in ("missing", "differs", "worded") and not d.written for d in found):
        say("write them with: cockpit journal rebuild --write")
    if any(d.state == "edited" for d in left):
        say("an edited entry is replaced only when it is named: cockpit journal rebuild RUN --write --force RUN")
    return int(Exit.FAILED if left else Exit.SUCCESS)


def check(ctx: typer.Context, json: AsJson = False, project: Project = None) -> int:
    """What in the journal cannot be trusted, and how to mend it. Exit code 0 when nothing has to be mended, 1 otherwise."""
    from engine.contract.errors import Exit
    from journal.audit import check
    from journal.book import NAME

    folder = open_project(ctx, project)
    found = check(folder)
    if json:
        emit([f._asdict() for f in found])
    else:
        for finding in found:
            print(f"{NAME}:{finding.line}: {finding.what}\n    {finding.mend}")
        say(f"{len(found)} {'finding' if len(found) == 1 else 'findings'}" if found else "the journal is clean")
    return int(Exit.FAILED if any(finding.kind != "letter" for finding in found) else Exit.SUCCESS)


def adopt(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines, CSV, trainer_state.json or Markdown.")],
    maps: Annotated[
        list[str] | None, typer.Option("--map", metavar="THEIRS=OURS", help="Which field theirs is; may repeat.")
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Append what is shown to the journal.")] = False,
    json: AsJson = False,
    project: Project = None,
) -> int:
    """Take the runs of another tool or journal into this one. Shows what would be taken; --write takes it."""
    from collections import Counter

    from engine.contract.errors import BadInput
    from journal.adopt import adopt as take
    from journal.text import plain

    mapping = {}
    for pair in maps or []:
        theirs, sign, ours = pair.partition("=")
        if not (theirs and sign and ours):
            raise BadInput(f"--map {pair!r} is not THEIRS=OURS, such as --map 'num_params=Params EXACT'")
        mapping[theirs] = ours
    folder = open_project(ctx, project)
    found = take(folder, file, mapping, write=write)
    if json:
        emit([t._asdict() for t in found])
    new = [t for t in found if not t.known]
    for taken in new if not json else ():
        fields = sum(name not in ("date", "name", "hypothesis") for name in taken.values)
        print(f"{taken.date or 'no date   '} {taken.name}: {fields} of 16 fields, {len(taken.metrics)} metrics")
    lost = Counter(name for taken in new for name in taken.unmapped)
    if lost:
        said = ", ".join(f"{name} ({count})" for name, count in lost.most_common(12))
        say(f"{sum(lost.values())} values found no place: {plain(said, 400)}; give them one with --map THEIRS=OURS")
    say(
        f"{len(new)} runs {'taken' if write else 'would be taken; take them with --write'}, {len(found) - len(new)} were known"
    )
    return 0


COMMANDS: dict[str, Callable[..., Any]] = {"rebuild": rebuild, "check": check, "adopt": adopt}
