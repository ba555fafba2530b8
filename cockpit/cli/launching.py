"""`launch` and `fast-dev-run`: start a run and stay with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cockpit.cli.common import (
    Plugins,
    Preset,
    Project,
    Sets,
    Vignettes,
    open_project,
    say,
    with_plugins,
    with_vignettes,
)

if TYPE_CHECKING:
    from engine.contract.config import Config
    from engine.contract.rundir import RunDir

ConfigFile = Annotated[Path | None, typer.Option("--config", help="A TOML file of settings, over the preset.")]
PreflightFile = Annotated[
    Path | None, typer.Option("--preflight", help="The answered checklist (cockpit preflight new).")
]


def launch(
    ctx: typer.Context,
    preset: Preset = "",
    config: ConfigFile = None,
    settings: Sets = None,
    preflight: PreflightFile = None,
    vignettes: Vignettes = None,
    plugins: Plugins = None,
    detach: Annotated[bool, typer.Option("--detach", help="Return as soon as the run is started.")] = False,
    queue: Annotated[
        bool, typer.Option("--queue", help="Seal it now and let it wait its turn: cockpit queue.")
    ] = False,
    time_limit: Annotated[str, typer.Option("--time-limit", help="End the run after this long: 90s, 30m, 2h.")] = "",
    project: Project = None,
) -> int:
    """Start a run behind its sealed checklist, and watch it. Ctrl-C detaches; the run goes on."""
    from cockpit.cli.watching import stay
    from cockpit.preflight.plan import prepare
    from cockpit.runs.launch import start

    folder = open_project(ctx, project)
    sets = with_vignettes(with_plugins(settings, plugins), vignettes)
    if time_limit:
        sets.append(f"run.time_limit={seconds(time_limit)}")
    plan = prepare(folder, preset=preset, file=config, sets=sets, preflight=preflight)
    for line in remarks(plan.record):
        say(line)
    if queue:
        from cockpit.cli.queueing import put

        return put(folder, plan)
    if detach:
        run = start(folder, plan)
        print(run.id)
        say(f"started; watch it with: cockpit attach {run.id}")
        return 0
    say("Ctrl-C detaches and lets the run go on")
    return stay(folder, lambda: start(folder, plan))


def fast_dev_run(
    ctx: typer.Context,
    preset: Preset = "nano-care",
    plugins: Plugins = None,
    project: Project = None,
) -> int:
    """The real pipeline of a preset, only its scale reduced: the gate before any real run. Ctrl-C aborts it.

    With --plugin it uses what the file brings: its first vector method and aggregate, all of its filters and evaluators."""
    from cockpit.cli.watching import stay
    from cockpit.preflight.smoke import smoke_plan
    from cockpit.report.tables import console, metrics_table
    from cockpit.runs.launch import start
    from journal.index import find_entry
    from journal.record import load_record

    folder = open_project(ctx, project)
    plan = smoke_plan(preset, [str(path) for path in plugins or []])
    begun: list[RunDir] = []

    def begin() -> RunDir:
        begun.append(start(folder, plan))
        return begun[0]

    code = stay(folder, begin, abort=True)
    (run,) = begun
    out = console()
    table = metrics_table(load_record(run))
    if table is not None:
        out.print()
        out.print(table)
    out.print()
    out.print(find_entry(folder, run.id).text.strip(), markup=False, soft_wrap=True)
    return code


def remarks(record: dict[str, Any]) -> Iterator[str]:
    """What a person should see of a seal before the run starts: what stands unchanged, waivers, bugs that the run tests, flags."""
    from engine.contract.unchanged import spans
    from journal.text import short

    same = record["evidence"].get("unchanged") or {}
    if same.get("items"):
        yield f"{spans(same['items'])} unchanged since {short(same['since'])}"
    for waiver in record["answers"]["waivers"]:
        until = f" (until {waiver['expires']})" if waiver["expires"] else ""
        yield f"waived {waiver['rule']}{until}: {waiver['reason']}"
    for hit in record["evidence"]["known_bugs"]:
        if hit["state"] == "tested":
            yield f"{hit['rule']} is what this run tests: {hit['cause']}"
    for flag in record["evidence"]["flags"]:
        yield f"! {flag['item']}: {flag['what']}. {flag['mend']}"


def resolved(preset: str, file: Path | None, sets: list[str]) -> Config:
    """The config that the options of a command mean. Raises BadInput."""
    from engine.contract.resolve import resolve

    return resolve(preset or None, file=file, sets=sets)


def seconds(text: str) -> float:
    """'2h', '30m', '90s' or a number of seconds. Raises BadInput."""
    from engine.contract.errors import BadInput

    units = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
    raw, unit = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, 1.0)
    try:
        value = float(raw) * unit
    except ValueError:
        value = 0.0
    if value <= 0:
        raise BadInput(f"{text!r} is not a duration such as 90s, 30m or 2h")
    return value
