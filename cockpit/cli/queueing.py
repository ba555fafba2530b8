"""`cockpit queue`: sealed runs that wait for their turn; seeing them, ordering them, running them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cockpit.cli.common import AsJson, Project, RunName, emit, open_project, say

if TYPE_CHECKING:
    from rich.table import Table

    from cockpit.runs.launch import Plan
    from cockpit.runs.queue import Member

IDLE = "no process runs the queue; start it with: cockpit queue run, or in the background: cockpit queue run --detach"


def put(project: Path, plan: Plan) -> int:
    """Queue a sealed run, print its id, and say when its turn comes."""
    from cockpit.runs import queue
    from cockpit.runs.drain import drainer

    run = queue.enqueue(project, plan)
    place = next((m.place for m in queue.members(project, ended=0) if m.id == run.id), 0)
    print(run.id)
    say(f"queued at place {place}" if place else f"{run.id} starts now")
    working = drainer(project)
    say(working.words() if working else IDLE)
    if queue.paused(project):
        say("the queue is paused: cockpit queue unpause")
    return 0


def listed(ctx: typer.Context, json: AsJson = False, project: Project = None) -> None:
    """The queue: what runs, what waits and when it would start, what is done. Fill it with: cockpit launch ... --queue"""
    from cockpit.report.tables import console
    from cockpit.runs import queue
    from cockpit.runs.drain import drainer

    if project is not None:
        ctx.find_root().obj = project
    if ctx.invoked_subcommand is not None:
        return
    folder = open_project(ctx, project)
    members, working = queue.members(folder), drainer(folder)
    if json:
        emit({
            "paused": queue.paused(folder),
            "run_by": working.table() if working else None,
            "members": [m.table() for m in members],
        })  # fmt: skip
        return
    if not members:
        say(f"nothing is queued in {folder}; queue a run with: cockpit launch --preflight F.toml --queue")
        return
    console().print(_table(folder, members))
    for member in members:
        if member.held:
            say(f"{member.id} is held back: {member.held}")
    if queue.paused(folder):
        say("paused: nothing more starts before cockpit queue unpause")
    if working:
        say(working.words())
    elif any(m.waiting for m in members):
        say(IDLE)


def run(
    ctx: typer.Context,
    jobs: Annotated[
        int, typer.Option("--jobs", min=0, help="Runs at once; 0 is as many as memory and cores allow.")
    ] = 0,
    hours: Annotated[
        str, typer.Option("--window", metavar="22:00-08:00", help="Start runs only within these hours, local time.")
    ] = "",
    detach: Annotated[bool, typer.Option("--detach", help="Run it in the background.")] = False,
    project: Project = None,
) -> int:
    """Run what waits, in order, until the queue is empty. Ctrl-C leaves it; what has started goes on, and the next `queue run` goes on
    where this one was."""
    from cockpit.runs.drain import detach as in_background
    from cockpit.runs.drain import drain
    from cockpit.runs.turns import window

    within = window(hours)
    folder = open_project(ctx, project)
    if detach:
        pid = in_background(folder, jobs, within)
        say(f"process {pid} runs the queue; look with: cockpit queue")
        return 0
    try:
        return drain(folder, jobs, within, say)
    except KeyboardInterrupt:
        say("\nleft the queue; what has started goes on. Come back with: cockpit queue run")
        return 0


def move(
    ctx: typer.Context,
    name: RunName,
    place: Annotated[int, typer.Argument(metavar="PLACE", min=1, help="1 is next; beyond the end is the end.")],
    project: Project = None,
) -> None:
    """Give a waiting run another place."""
    from cockpit.runs import queue

    moved = queue.move(open_project(ctx, project), name, place)
    say(f"{moved.id} is at place {moved.place} now")


def remove(ctx: typer.Context, name: RunName, project: Project = None) -> None:
    """Take a waiting run out of the queue. Its sealed folder is kept, outside the runs."""
    from cockpit.runs import queue

    kept = queue.remove(open_project(ctx, project), name)
    say(f"{kept.name} is out of the queue; its folder is {kept}")


def pause(ctx: typer.Context, project: Project = None) -> None:
    """Let nothing more start; what runs is not touched."""
    from cockpit.runs import queue

    queue.pause(open_project(ctx, project), True)
    say("paused; what runs goes on. Go on with: cockpit queue unpause")


def unpause(ctx: typer.Context, project: Project = None) -> None:
    """Let the queue go on."""
    from cockpit.runs import queue
    from cockpit.runs.drain import drainer

    folder = open_project(ctx, project)
    queue.pause(folder, False)
    working = drainer(folder)
    say(f"the queue goes on; {working.words() if working else IDLE}")


def group() -> Any:
    """The typer group; without a command it lists."""
    found = typer.Typer(help="Sealed runs that wait for their turn.")
    found.callback(invoke_without_command=True)(listed)
    for command in (run, move, remove, pause, unpause):
        found.command(command.__name__)(command)
    return found


def _table(project: Path, members: list[Member]) -> Table:
    from rich.table import Table
    from rich.text import Text

    from cockpit.runs.schedule import schedule, when
    from journal.text import duration, plain, short

    plan = schedule(project, members)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("", "run", "state", "seed", "time", "starts", "hypothesis"):
        right = heading in ("seed", "time")
        table.add_column(heading, no_wrap=heading != "hypothesis", justify="right" if right else "left")
    for m in members:
        sign = "○" if m.waiting else "●" if not m.ended else "✓" if m.state == "success" else "✗"
        time = duration(m.took if m.took is not None else m.seconds)
        seed = "" if m.seed is None else str(m.seed)
        row = (str(m.place or ""), short(m.id), f"{sign} {m.state}", seed, time)
        start = when(m, plan.get(m.id), datetime.now())
        table.add_row(*map(Text, row), Text(start), Text(plain(m.question, 60), style="dim" if m.ended else ""))
    return table
