"""`probe`: the deeper look at a round's beginning, layer by layer, for when the curves do not say what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from cockpit.cli.common import AsJson, Project, Sets, open_project, say

TRACE = "probe-trace.json.gz"


def probe(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="[RUN]", help="A run's id, a unique prefix or ending, or last.")
    ] = "last",
    round_: Annotated[int, typer.Option("--round", help="The round to repeat; 0 is the newest that kept texts.")] = 0,
    preset: Annotated[str, typer.Option("--preset", help="Probe this preset's first round, and no run.")] = "",
    config: Annotated[Path | None, typer.Option("--config", help="A TOML file of settings, over the preset.")] = None,
    settings: Sets = None,
    profile: Annotated[bool, typer.Option("--profile", help="Also write a profiler trace of a few steps.")] = False,
    json: AsJson = False,
    project: Project = None,
) -> None:
    """Gradients and updates by layer, the first loss against what it must be, one batch by heart, dead units.

    It repeats the beginning of a round on the run's own texts and changes nothing of the run; the records go to its probe.json."""
    import msgspec

    from cockpit.report.probes import label, layer_table, probe_table
    from cockpit.report.tables import console
    from engine.contract.errors import BadInput
    from engine.contract.probed import ProbeRecord
    from engine.contract.rundir import find_run

    folder = open_project(ctx, project)
    alone = bool(preset or config or settings)
    if alone and (name != "last" or round_):
        raise BadInput("probe either a run or settings: leave out RUN and --round, or --preset, --config and --set")
    records = []
    if alone:
        found = _settings(preset, config, list(settings or []), ["--trace", str(folder / TRACE)] if profile else [])
    else:
        run = find_run(folder, name)
        options = ["--round", str(round_)] if round_ else []
        found = _lines(str(run.path), [*options, *(["--trace", str(run.path / TRACE)] if profile else [])])
        say(f"repeating the beginning of a round of {run.id}; half a minute on the embedded model")
    for row in found:
        record = msgspec.convert(row, ProbeRecord)
        records.append(record)
        if json:
            print(msgspec.json.encode(record).decode(), flush=True)
        else:
            say(f"  {label(record)} done")
    if not json:
        out = console()
        out.print(probe_table(records))
        if layers := layer_table(records):
            out.print()
            out.print(layers)


def _settings(preset: str, config: Path | None, sets: list[str], options: list[str]) -> Iterator[dict[str, Any]]:
    """The records of a config's first round."""
    from cockpit.cli.launching import resolved
    from cockpit.runs import engine

    full = resolved(preset, config, sets)
    say("repeating the beginning of a first round, on answers of the base with the trait's persona")
    with engine.config_file(full) as file:
        yield from _lines(str(file), options)


def _lines(target: str, options: list[str]) -> Iterator[dict[str, Any]]:
    from cockpit.runs import engine

    return engine.lines(["probe", target, *options])
