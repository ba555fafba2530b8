"""`cockpit campaign`: an ablation of one run, and campaigns of many over seeds and settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cockpit.cli.common import AsJson, Project, RunName, emit, open_project, say

if TYPE_CHECKING:
    from engine.contract.events import Evaluated, VectorExtracted
    from journal.campaign import Kind


def ablation(ctx: typer.Context, run: RunName, json: AsJson = False, project: Project = None) -> None:
    """Full, zero, random and shuffled vector on the base and on the run's healed student: eight cells on val, at the run's own dose.

    They are printed and written into the journal as a note on the run's entry."""
    from cockpit.report.campaign import ablation_table
    from cockpit.report.tables import console
    from cockpit.review.author import author
    from cockpit.runs import evidence
    from engine.contract.errors import BadInput
    from engine.contract.rundir import find_run
    from engine.contract.script import load_script
    from journal.ablation import LEGEND, cosines, write
    from journal.record import load_record

    folder = open_project(ctx, project)
    found = find_run(folder, run)
    if load_script(found.config) is not None:
        raise BadInput(f"{found.id} is a script's run: it has no vector and no student of ours to ablate")
    evidence.require_logged(found)
    if not any(found.path.glob("rounds/*/student")):  # before the seconds that loading takes
        raise BadInput(f"{found.id} has no baked round, or its weights were removed; ablate a run that kept rounds/")
    say(f"{found.id}: the base, then eight cells; this takes an evaluation each")
    cells, vectors = _measured(found.path, json)
    key = write(folder, load_record(found), cells, vectors, author(folder))
    if not json:
        console().print(ablation_table(cells))
        say(f"{LEGEND} {cosines(vectors)}")
    say(f"noted in the journal on the entry of {found.id}" if key else "the journal holds this ablation already")


def _measured(run: Path, json: bool) -> tuple[list[Evaluated], dict[str, VectorExtracted]]:
    """The cells as they come, and the vectors by method."""
    from msgspec.json import encode

    from cockpit.runs import engine
    from engine.contract.events import Evaluated, VectorExtracted, decode
    from journal.ablation import model, vector

    cells: list[Evaluated] = []
    vectors: dict[str, VectorExtracted] = {}
    for row in engine.lines(["ablate", str(run)]):
        event = decode(encode(row))
        if json:
            print(encode(event).decode(), flush=True)
        if isinstance(event, VectorExtracted):
            vectors[event.method] = event
        elif isinstance(event, Evaluated):
            cells.append(event)
            say(f"  {model(event)}, {vector(event.vector)} done")
    return cells, vectors


Preflight = Annotated[
    Path, typer.Option("--preflight", help="The answered checklist of the family; its axes bound the campaign.")
]
Jobs = Annotated[int, typer.Option("--jobs", min=0, help="Runs at once; 0 is as many as memory and cores allow.")]
Hours = Annotated[
    str, typer.Option("--window", metavar="22:00-08:00", help="Start runs only within these hours, local time.")
]
Futility = Annotated[
    int,
    typer.Option(
        "--futility", min=0, metavar="N", help="Give an arm up when its first N seeds all miss the prediction; sealed."
    ),
]
Detach = Annotated[
    bool, typer.Option("--detach", help="Queue the members, work them off in the background, and return.")
]
CampaignName = Annotated[str, typer.Argument(metavar="ID", help="A campaign's id, a unique prefix or ending, or last.")]


def seeds(
    ctx: typer.Context,
    preflight: Preflight,
    seeds: Annotated[
        str, typer.Option("--seeds", metavar="42,137", help="These seeds; a number alone is the first so many.")
    ] = "",
    n: Annotated[int, typer.Option("--n", min=0, help="The first so many of 42, 137, 256, 314, 512, ...")] = 0,
    futility: Futility = 0,
    jobs: Jobs = 0,
    hours: Hours = "",
    detach: Detach = False,
    project: Project = None,
) -> int:
    """One config on several seeds, five unless you say otherwise.

    Asking again goes on where it was; what ran already is not run twice."""
    from engine.contract.errors import BadInput

    if n and seeds:
        raise BadInput("--n and --seeds both say which seeds: leave one out")
    wanted = ["--seeds", seeds or str(n)] if seeds or n else []
    words = ["seeds", "--preflight", str(preflight), *wanted]
    return _begin(
        ctx, project, "seeds", preflight, [], [], seeds or str(n or ""), 5, "", words, jobs, hours, detach, futility
    )


def matrix(
    ctx: typer.Context,
    preflight: Preflight,
    hypothesis: Annotated[str, typer.Option("--hypothesis", help="What these runs test together, as a sentence.")],
    over: Annotated[
        list[str] | None,
        typer.Option("--over", metavar="SECTION.NAME=A,B", help="A setting and its values; may repeat."),
    ] = None,
    arm: Annotated[
        list[str] | None,
        typer.Option(
            "--arm",
            metavar="[NAME:]SECTION.NAME=A,...",
            help="Settings that go together as one arm, or 'own' for the checklist's; repeat.",
        ),
    ] = None,
    seeds: Annotated[
        str, typer.Option("--seeds", metavar="3", help="The first so many seeds, or a list such as 42,137.")
    ] = "3",
    futility: Futility = 0,
    jobs: Jobs = 0,
    hours: Hours = "",
    detach: Detach = False,
    project: Project = None,
) -> int:
    """Settings by seeds, every combination, under one hypothesis. The settings must be axes of the checklist."""
    from engine.contract.errors import BadInput

    if not over and not arm:
        raise BadInput("a matrix needs --over SECTION.NAME=A,B, or two of --arm")
    words = ["matrix", "--preflight", str(preflight)]
    words += [word for each in over or [] for word in ("--over", each)]
    words += [word for each in arm or [] for word in ("--arm", each)]
    words += ["--seeds", seeds, "--hypothesis", hypothesis]
    return _begin(
        ctx, project, "matrix", preflight, over or [], arm or [], seeds, 3, hypothesis, words, jobs, hours, detach, futility
    )  # fmt: skip


def sweep(
    ctx: typer.Context,
    preflight: Preflight,
    over: Annotated[
        list[str],
        typer.Option(
            "--over",
            metavar="SECTION.NAME=LOW..HIGH[:log]",
            help="A setting with its range, or values A,B; may repeat.",
        ),
    ],
    hypothesis: Annotated[str, typer.Option("--hypothesis", help="What the search is to find, as a sentence.")],
    trials: Annotated[int, typer.Option("--trials", min=2, max=1000, help="Settings that are drawn.")] = 20,
    batch: Annotated[
        int, typer.Option("--batch", min=1, max=64, help="Drawn at once, before the next ones learn from them.")
    ] = 1,
    objective: Annotated[
        str, typer.Option("--objective", metavar="METRIC:max", help="On val; else what the sealed prediction is about.")
    ] = "",
    tune: Annotated[str, typer.Option("--tune-seeds", metavar="1", help="Seeds that every trial runs on.")] = "1,",
    seeds: Annotated[
        str,
        typer.Option("--seeds", metavar="3", help="Seeds that the best trial runs on again; none of those tuned on."),
    ] = "3",
    waive: Annotated[
        str, typer.Option("--waive", metavar="REASON", help="Begin without baseline and ablation rows in the journal.")
    ] = "",
    jobs: Jobs = 0,
    hours: Hours = "",
    detach: Detach = False,
    project: Project = None,
) -> int:
    """Search settings with TPE, each trial a sealed run measured on val, then run the best on seeds that no trial saw.

    Asking again, or campaign resume, goes on where it was and draws what it would have drawn."""
    import shlex

    from cockpit.campaigns import plan
    from cockpit.campaigns.sweep import plan as planned

    folder = open_project(ctx, project)
    words = ["sweep", "--preflight", str(preflight), *(word for each in over for word in ("--over", each))]
    words += ["--trials", str(trials), "--batch", str(batch), "--tune-seeds", tune, "--seeds", seeds]
    words += [*(["--objective", objective] if objective else []), *(["--waive", waive] if waive else [])]
    command = shlex.join(["cockpit", "campaign", *words, "--hypothesis", hypothesis])
    found = planned(
        folder, preflight, over, count=trials, batch=batch, tuned_on=plan.seeds(tune, 1), seeds=plan.seeds(seeds, 3),
        objective=objective, waive=waive, hypothesis=hypothesis, command=command,
    )  # fmt: skip
    return _go_on(folder, found.id, jobs, hours, detach)


def _begin(
    ctx: typer.Context,
    project: Path | None,
    kind: Kind,
    preflight: Path,
    over: list[str],
    arm: list[str],
    seeds: str,
    default: int,
    hypothesis: str,
    words: list[str],
    jobs: int,
    hours: str,
    detach: bool,
    futility: int,
) -> int:
    import shlex

    from cockpit.campaigns import plan

    folder = open_project(ctx, project)
    words += ["--futility", str(futility)] if futility else []
    command = shlex.join(["cockpit", "campaign", *words])
    found = plan.campaign(
        folder,
        kind,
        preflight,
        plan.over(over),
        plan.seeds(seeds, default),
        hypothesis=hypothesis,
        command=command,
        futility=futility,
        linked=plan.together(arm) if arm else None,
    )
    return _go_on(folder, found.id, jobs, hours, detach)


def resume(
    ctx: typer.Context,
    name: CampaignName = "last",
    jobs: Jobs = 0,
    hours: Hours = "",
    detach: Detach = False,
    project: Project = None,
) -> int:
    """Go on with a campaign: members that were killed, stopped or timed out are queued again, what came to an outcome stands."""
    from cockpit.campaigns import store

    folder = open_project(ctx, project)
    return _go_on(folder, store.find(folder, name).id, jobs, hours, detach)


def _go_on(project: Path, campaign_id: str, jobs: int, hours: str, detach: bool) -> int:
    """Queue what is missing, then work it off here or in the background."""
    from cockpit.campaigns import work
    from cockpit.campaigns.members import fill, live
    from cockpit.report.campaign import plan_line
    from cockpit.runs.turns import window

    within = window(hours)
    campaign = fill(project, campaign_id)
    say(f"# H: {campaign.hypothesis}")
    say(plan_line(campaign, len(live(project, campaign))))
    print(campaign.id)
    if detach:
        pid = work.detach(project, campaign.id, jobs, within)
        say(f"process {pid} works it off; look with: cockpit campaign show {campaign.id}")
        return 0
    try:
        code = work.work(project, campaign.id, jobs, say, within)
    except KeyboardInterrupt:
        say(f"\nleft the campaign; what has started goes on. Come back with: cockpit campaign resume {campaign.id}")
        return 0
    _print(project, campaign_id)
    return code


def list_campaigns(ctx: typer.Context, json: AsJson = False, project: Project = None) -> None:
    """The campaigns of this project, newest first."""
    from cockpit.campaigns import store
    from cockpit.report.campaign import campaigns_table, listed
    from cockpit.report.tables import console

    folder = open_project(ctx, project)
    found, damaged = store.campaigns(folder)
    for why in damaged:
        say(f"left out: {why}")
    if json:
        emit([listed(folder, campaign) for campaign in found])
    elif found:
        console().print(campaigns_table(folder, found))
    else:
        say(f"no campaigns in {folder}; start one with: cockpit campaign seeds --preflight F.toml")


def show(ctx: typer.Context, name: CampaignName = "last", json: AsJson = False, project: Project = None) -> None:
    """A campaign as it stands: its arms over their seeds, and every member."""
    from cockpit.campaigns import store, work
    from cockpit.report.campaign import shown
    from journal.book import Book

    folder = open_project(ctx, project)
    campaign = store.find(folder, name)
    if Book(folder).find(campaign.id) is None and (said := work.conclude(folder, campaign)):
        say(said)
    if json:
        emit(shown(folder, campaign))
        return
    print(campaign.id)
    say(f"# H: {campaign.hypothesis}")
    _print(folder, campaign.id)


def _print(project: Path, campaign_id: str) -> None:
    from cockpit.campaigns import store
    from cockpit.report.campaign import arms_table, lacking, members_table, title_of
    from cockpit.report.tables import console
    from journal.campaign import measure
    from journal.campaign_controls import controls

    campaign = store.find(project, campaign_id)
    found, out = measure(project, campaign), console()
    if any(m.rows for m in found):
        known = controls(project, campaign)
        out.print(arms_table(campaign, found, known))
        out.print(lacking(known), style="dim", markup=False, soft_wrap=True)
    for line in title_of(campaign, found):
        out.print(line, markup=False, soft_wrap=True)
    out.print()
    out.print(members_table(project, campaign, found))


def group() -> Any:
    """The typer group."""
    found = typer.Typer(help="Many runs for one question, and the ablation of one.", no_args_is_help=True)
    for name, command in (
        ("ablation", ablation), ("seeds", seeds), ("matrix", matrix), ("sweep", sweep), ("resume", resume),
        ("list", list_campaigns), ("show", show),
    ):  # fmt: skip
        found.command(name)(command)
    return found
