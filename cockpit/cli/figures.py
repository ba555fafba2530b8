"""`journal export`, `calibration` and `stats`: the book as a file, and what it adds up to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from cockpit.cli.choosing import Limit, Since, Smoke, Sort, States, Tags, Until, Where, choose
from cockpit.cli.common import AsJson, Project, emit, open_project, say


def export(
    ctx: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="[RUN]...", help="Only these entries.")] = None,
    form: Annotated[str, typer.Option("--format", metavar="FORMAT", help="json, csv, md or html.")] = "md",
    out: Annotated[Path | None, typer.Option("--out", help="Write here instead of stdout.")] = None,
    where: Where = None,
    state: States = None,
    tag: Tags = None,
    since: Since = "",
    until: Until = "",
    sort: Sort = "",
    limit: Limit = None,
    smoke: Smoke = True,
    project: Project = None,
) -> None:
    """Chosen entries as JSON, as a CSV of their numbers, as Markdown, or as one web page that needs no network."""
    from engine.contract.errors import BadInput
    from engine.contract.files import write_atomic
    from journal.book import Book
    from journal.export import FORMATS
    from journal.export import export as written
    from journal.index import find_row, pages

    if form not in FORMATS:
        raise BadInput(f"no format named {form!r}; there are {', '.join(FORMATS)}")
    if out is not None and (out.exists() or out.is_symlink()):
        raise BadInput(f"{out} exists already; name another file")
    folder = open_project(ctx, project)
    chosen = choose(folder, where, state, tag, since, until, sort, smoke=smoke).items
    data, found = pages(folder)
    now = {(row.key, row.intact): row for row in found}
    if names:
        wanted = {find_row(found[::-1], name, Book(folder).path).key for name in names}
        chosen = [item for item in chosen if item.row.key in wanted]
    chosen = [
        item._replace(row=now[k]) for item in chosen[: limit or None] if (k := (item.row.key, item.row.intact)) in now
    ]
    text = written(form, data, chosen, project=folder.name)  # type: ignore[arg-type]
    if out is None:
        print(text, end="" if text.endswith("\n") else "\n")
        return
    try:
        write_atomic(out, text.encode("utf-8", "replace"))
    except OSError as error:
        raise BadInput(f"cannot write {out}: {error.strerror or error}") from None
    say(f"wrote {len(chosen)} {'entry' if len(chosen) == 1 else 'entries'} to {out}")


def calibration(ctx: typer.Context, json: AsJson = False, project: Project = None) -> None:
    """Whether your confidence holds: stated confidence against predictions met, by confidence, with the Brier score."""
    import msgspec

    from cockpit.report import notebook
    from cockpit.report.tables import console
    from journal.calibration import calibrate, predictions

    found = calibrate(predictions(choose(open_project(ctx, project)).items))
    if json:
        emit({**msgspec.to_builtins(found), "sentence": found.sentence()})
        return
    if found.bins:
        console().print(notebook.calibration_table(found))
        print()
    print(found.sentence() + ".")


def stats(ctx: typer.Context, json: AsJson = False, project: Project = None) -> None:
    """What the journal adds up to: entries by status and state, predictions, and what the checklist caught."""
    import msgspec

    from cockpit.preflight.tally import tally
    from cockpit.report import notebook
    from cockpit.report.tables import console
    from cockpit.runs.evidence import seals
    from journal.calibration import calibrate, predictions

    folder = open_project(ctx, project)
    found = choose(folder).items
    judged = calibrate(predictions(found))
    checked = tally(folder, seals(folder))
    counts = notebook.counts(found)
    if json:
        emit({
            **counts,
            "calibration": {**msgspec.to_builtins(judged), "sentence": judged.sentence()},
            "checks": {item: c._asdict() for item, c in checked.items()},
        })  # fmt: skip
        return
    if not found:
        say(f"no entries in {folder}; every run writes one")
        return
    console().print(notebook.stats_table(counts, judged, checked))


COMMANDS: dict[str, Callable[..., Any]] = {"export": export, "calibration": calibration, "stats": stats}
