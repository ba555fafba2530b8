"""`attach`, `runs`, `show`, `tail` and `control`: looking at runs and asking things of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cockpit.cli import elsewhere
from cockpit.cli.common import AsJson, Plain, Project, RunName, emit, on_terminal, open_project, say
from cockpit.cli.elsewhere import Anywhere, RemoteCockpit

if TYPE_CHECKING:
    from rich.table import Table

    from cockpit.remote.place import Place
    from engine.contract.rundir import RunDir


def attach(
    ctx: typer.Context,
    name: Anywhere = "last",
    plain: Plain = False,
    json: AsJson = False,
    remote_cockpit: RemoteCockpit = "",
    project: Project = None,
) -> int:
    """Watch a live run, or read a finished one through: in the app on a terminal, else as text.

    A run of another machine, HOST:RUN or HOST:DIR/RUN, is read over ssh, which must not ask for anything; only new bytes cross the
    line, and a line that drops is taken up again. Leaving it, with q in the app or Ctrl-C in the text, changes nothing for the run. The
    exit code is the run's, 0 while it goes on."""
    from engine.contract.rundir import find_run

    if place := _place(name, remote_cockpit, project):
        return elsewhere.attach(place, plain=plain, json=json)
    folder = open_project(ctx, project)
    run = find_run(folder, name)
    if json:
        return _raw(folder, run, 0)
    return watch(folder, run) if plain or not on_terminal() else _app(folder, run)


def _place(name: str, cockpit: str, project: Path | None) -> Place | None:
    """The run of another machine that is meant, None for one of this. Raises BadInput for options that do not go with it."""
    from cockpit.remote.place import parse
    from engine.contract.errors import BadInput

    place = parse(name, cockpit)
    if place is None and cockpit:
        raise BadInput("--remote-cockpit is for a run of another machine: HOST:RUN")
    if place is not None and project is not None:
        raise BadInput(
            f"--project is a folder of this machine; name that of {place.host} in the run: {place.host}:DIR/RUN"
        )
    return place


def _app(project: Path, run: RunDir) -> int:
    """The app, opened on a run's monitor."""
    from cockpit.app import CockpitApp
    from cockpit.runs import evidence

    app = CockpitApp(project, run=run.id)
    app.run()
    return app.return_code or int(evidence.result(run).get("exit", 0))


def watch(project: Path, run: RunDir, *, abort: bool = False) -> int:
    """Stream a run until its entry is closed. Ctrl-C detaches, or aborts the run when `abort`. Returns its exit code."""
    return stay(project, lambda: run, abort=abort)


def stay(project: Path, begin: Callable[[], RunDir], *, abort: bool = False) -> int:
    """Begin a run and watch it; from its beginning on there is no moment at which Ctrl-C does anything else than watch() says."""
    from cockpit.cli.stream import Stream
    from cockpit.runs import evidence
    from cockpit.runs.processes import interrupts_held
    from cockpit.runs.stream import follow

    run: RunDir | None = None
    try:
        with interrupts_held():
            run = begin()
        with Stream() as stream:
            for event in follow(project, run):
                stream.show(event)
    except KeyboardInterrupt:
        if run is None:
            raise
        if not abort:
            say(f"\ndetached; {run.id} goes on. Come back with: cockpit attach {run.id}")
            return 0
        _abort(project, run)
    ended = evidence.result(run)
    if note := ended.get("journal"):
        say(str(note))
    if ended.get("status") != "success":
        say(f"{run.id} {ended.get('status', 'failed')}: {ended.get('reason', '')}".rstrip(": "))
    return int(ended.get("exit", 1))


def _abort(project: Path, run: RunDir) -> None:
    """Ask the worker to stop, and its supervisor to end it when it does not."""
    from cockpit.runs import evidence, processes
    from cockpit.runs.reconcile import close_if_dead
    from engine.contract.control import make_request, send
    from engine.contract.files import read_json

    say("\nstopping the run")
    send(run.control, make_request("abort", "Ctrl-C"))
    supervisor = read_json(run.process).get("supervisor") or {}
    if not processes.wait_gone(supervisor, 3) and "pid" in supervisor:
        processes.signal_end(supervisor)
        processes.wait_gone(supervisor, 30)
    if not evidence.finished(run):
        close_if_dead(project, run)


def tail(
    ctx: typer.Context,
    name: Anywhere = "last",
    start: Annotated[int, typer.Option("--from", help="Byte of events.jsonl to start from.")] = 0,
    remote_cockpit: RemoteCockpit = "",
    project: Project = None,
) -> int:
    """The run's events as they are, line by line, until it ends."""
    from engine.contract.rundir import find_run

    if place := _place(name, remote_cockpit, project):
        return elsewhere.tail(place, start)
    folder = open_project(ctx, project)
    return _raw(folder, find_run(folder, name), start)


def _raw(project: Path, run: RunDir, start: int) -> int:
    from cockpit.runs import evidence
    from cockpit.runs.stream import follow_bytes

    try:
        for data in follow_bytes(project, run, start):
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
    except KeyboardInterrupt:
        return 0
    return int(evidence.result(run).get("exit", 1))


def runs(ctx: typer.Context, json: AsJson = False, project: Project = None) -> None:
    """Every run of the project: live ones first, then newest first."""
    from cockpit.report.tables import console
    from cockpit.runs.summary import summary
    from engine.contract.rundir import all_runs

    folder = open_project(ctx, project)
    found = all_runs(folder)
    if json:
        emit([summary(run) for run in reversed(found)])
    elif found:
        console().print(runs_table(found))
    else:
        say(f"no runs in {folder}; start with: cockpit fast-dev-run")


def runs_table(found: Sequence[RunDir]) -> Table:
    """Runs as a table, live ones first, then newest first."""
    from rich.table import Table
    from rich.text import Text

    from cockpit.runs.summary import summary

    rows = [summary(run) for run in reversed(found)]
    rows.sort(key=lambda row: row["status"] != "")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("run", "state", "what came out"):
        table.add_column(heading, no_wrap=heading != "what came out")
    for row in rows:
        sign = (
            "○"
            if row["state"] == "queued"
            else "●"
            if not row["status"]
            else "✓"
            if row["status"] == "success"
            else "✗"
        )
        style = "dim" if row["smoke"] else ""
        table.add_row(Text(row["id"]), Text(f"{sign} {row['state']}"), Text(row["outcome"], style=style))
    return table


def show(
    ctx: typer.Context,
    name: RunName = "last",
    every: Annotated[bool, typer.Option("--all", help="Every metric.")] = False,
    json: AsJson = False,
    project: Project = None,
) -> None:
    """A run's status, how its config differs from the preset, and its tables with intervals."""
    from cockpit.report.controls import controls_table
    from cockpit.report.tables import console, metrics_table
    from cockpit.runs.summary import details, state
    from engine.contract.rundir import find_run
    from journal import equivalence
    from journal.controls import controls
    from journal.record import load_record
    from journal.script import content
    from journal.text import duration
    from journal.verdict import sentence, verdict

    folder = open_project(ctx, project)
    run = find_run(folder, name)
    record = load_record(run)
    if json:
        emit(details(run, record))
        return
    out = console()
    where = state(run, record)
    seconds = record.result.get("seconds")
    out.print(
        f"{run.id}  {where}{f' in {duration(seconds)}' if seconds is not None else ''}", markup=False, style="bold"
    )
    if record.reason:
        out.print(record.reason, markup=False)
    if record.damage:
        out.print(record.damage, markup=False)
    changes = record.run.changes if record.run else {}
    shown = ", ".join(f"{k} = {v}" for k, v in changes.items()) or "as it ships"
    if record.script:
        shown = content(record.script.file)
    out.print(f"{record.preset}: {shown}", markup=False, style="dim")
    answers = record.preflight.get("answers", {})
    if answers and not record.smoke:
        out.print(f"Asked     {answers['question']['hypothesis']}", markup=False)
        out.print(f"Expected  {sentence(answers['prediction'])}", markup=False)
        out.print(f"Verdict   {verdict(record).text}", markup=False)
        if control := equivalence.sentence(record):
            out.print(f"Control   {control}", markup=False)
    table = metrics_table(record, every=every)
    if table is not None:
        out.print()
        out.print(table)
    if record.status and not record.smoke and (known := controls(folder, record)):
        out.print()
        out.print(controls_table(known))
    if record.stages:
        out.print()
        spent = ", ".join(f"{stage} {duration(s)}" for stage, s in record.stages.items())
        out.print(f"{spent}; peak {record.memory_mb:,.0f} MB", style="dim", markup=False)


def control(
    ctx: typer.Context,
    name: RunName,
    request: Annotated[str, typer.Argument(help="pause, unpause, checkpoint, stop_after_round, abort, set or note.")],
    argument: Annotated[str, typer.Argument(help="For set: heal.tau=0.4. For note: the text.")] = "",
    release: Annotated[bool, typer.Option("--release", help="Pause and move the model off the GPU.")] = False,
    project: Project = None,
) -> None:
    """Ask something of a live run; the worker obeys at its next unit of work."""
    from cockpit.runs.requests import ask
    from engine.contract.rundir import find_run

    run = find_run(open_project(ctx, project), name)
    setting, text = (argument if request == word else "" for word in ("set", "note"))
    ask(run, request, setting=setting, text=text, release=release)
    say(f"asked {run.id} to {request}; it shows as control in: cockpit attach {run.id}")
