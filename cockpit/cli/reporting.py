"""`report`: a run or a campaign as one web page that needs no network, and its figures as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cockpit.cli.common import Project, open_project, say

if TYPE_CHECKING:
    from engine.contract.rundir import RunDir
    from journal.campaign import Campaign

Name = Annotated[
    str, typer.Argument(metavar="RUN", help="A run or a campaign: id, unique prefix or ending; last is the last run.")
]


def report(
    ctx: typer.Context,
    name: Name = "last",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="Write here; else report.html in the run's folder, which is replaced."
        ),
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option("--figures", metavar="DIR", help="Write each figure too: SVG, and PNG with the extra report."),
    ] = None,
    project: Project = None,
) -> None:
    """One self-contained HTML file: what was asked, what came of it beside its controls, how it went, what was said, what it came from.

    A run whose journal entry is open is refused. Nothing is fetched when the page is opened, and model text in it cannot act."""
    from cockpit.report.figures import files
    from cockpit.report.page.campaign import campaign_page
    from cockpit.report.page.run import run_page
    from cockpit.runs import evidence
    from engine.contract.errors import BadInput
    from engine.contract.files import write_atomic
    from engine.contract.rundir import RunDir

    folder = open_project(ctx, project)
    found = _named(folder, name)
    if isinstance(found, RunDir):
        evidence.require_logged(found)
        text, drawings = run_page(folder, found)
        path = out or found.path / "report.html"
    else:
        text, drawings = campaign_page(folder, found)
        path = out or folder / "runs" / ".campaigns" / f"{found.id}.html"
    if path.is_dir():
        raise BadInput(f"{path} is a folder; name a file with --out")
    try:
        write_atomic(path, text.encode("utf-8", "replace"))
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror or error}; name another file with --out") from None
    if figures is not None:
        written, told = files.write(drawings, figures)
        say(f"{len(written)} files of {len(drawings)} figures in {figures}")
        if told:
            say(told)
    print(path)


def _named(project: Path, name: str) -> RunDir | Campaign:
    """The run or the campaign of a name. Raises BadInput when there is none, or one of each."""
    from cockpit.campaigns import store
    from engine.contract.errors import BadInput
    from engine.contract.rundir import find_run

    try:
        campaign = store.find(project, name) if name != "last" else None
    except BadInput as error:
        if "was edited" in str(error) or "not a campaign" in str(error):
            raise
        campaign = None
    try:
        run = find_run(project, name)
    except BadInput:
        if campaign is None:
            raise
        return campaign
    if campaign is not None:
        raise BadInput(f"{name!r} is not unique: the run {run.id} and the campaign {campaign.id}")
    return run
