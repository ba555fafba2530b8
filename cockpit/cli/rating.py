"""`rate`: answers of a run rated without knowing who gave them, and what the ratings say."""

from __future__ import annotations

from typing import Annotated

import typer

from cockpit.cli.common import AsJson, Project, RunName, on_terminal, open_project


def rate(
    ctx: typer.Context,
    name: RunName = "last",
    rater: Annotated[
        str, typer.Option("--rater", metavar="NAME", help="Who rates; else who writes notes in this project.")
    ] = "",
    report: Annotated[
        bool, typer.Option("--report", help="What the ratings say, once everybody who began is done.")
    ] = False,
    json: AsJson = False,
    project: Project = None,
) -> int:
    """Give 50 answers of a finished run a grade from 1 to 5 for coherence and for the trait, arms hidden and shuffled.

    Each pair of grades is saved as it is given, in the run's ratings/NAME.jsonl; leave and come back at any time. Arms, agreement between
    raters and with the machine's metrics are shown at the end."""
    import msgspec

    from cockpit.review import agreement, rating
    from engine.contract.errors import BadInput
    from engine.contract.rundir import find_run

    folder = open_project(ctx, project)
    run = find_run(folder, name)
    sheet = rating.draw(run)
    if report or json:
        found = agreement.report(sheet, [rating.rater_name(rater)] if rater else [])
        print(msgspec.json.encode(found).decode() if json else "\n".join(agreement.told(found)))
        return 0
    if rater:
        rating.rater_name(rater)
    if not on_terminal():
        raise BadInput(
            "rating needs a terminal to show the texts on; for what the ratings say: cockpit rate RUN --report"
        )
    from cockpit.app import CockpitApp
    from cockpit.screens.rating import RatingScreen

    CockpitApp(folder, alone=lambda: RatingScreen(folder, run, rater=rater)).run()
    return 0
