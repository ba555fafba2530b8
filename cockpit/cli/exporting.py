"""`export`: a round of a finished run for other tools; `tensorboard`: the run's events for TensorBoard."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Annotated

import typer

from cockpit.cli.common import AsJson, Project, RunName, emit, open_project, say

if TYPE_CHECKING:
    from engine.contract.rundir import RunDir
    from journal.record import Record

Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="A folder that is absent or empty.")]


def export(
    ctx: typer.Context,
    name: RunName,
    form: Annotated[str, typer.Option("--format", help="peft, merged, gguf or vector.")],
    out: Out,
    round_: Annotated[
        int, typer.Option("--round", help="0 is the best round, else the last; of a vector round 1, the base's own.")
    ] = 0,
    dtype: Annotated[
        str, typer.Option("--dtype", help="For merged: fp32, bf16 or fp16; else the dtype that the base is loaded in.")
    ] = "",
    json: AsJson = False,
    project: Project = None,
) -> None:
    """A round as a PEFT folder, a merged model, a GGUF control vector or a vector, with its model card and export.json.

    The student's logits are held against what was written, and how far they differ is said. Smoke runs, runs on random weights and runs
    whose entry is open are refused. The export is noted at the run's entry."""
    import msgspec

    from cockpit.report.card import card, differences
    from cockpit.review import reviews
    from cockpit.runs import engine
    from engine.contract.errors import BadInput
    from engine.contract.exported import ADAPTERS, CARD, DTYPES, FORMATS, RECORD, Exported
    from engine.contract.hashes import sha256_file
    from engine.contract.rundir import find_run, runs_folder
    from journal.book import entry_key
    from journal.index import find_row, rows
    from journal.record import load_record
    from journal.review import states

    folder = open_project(ctx, project)
    run = find_run(folder, name)
    if form not in FORMATS:
        raise BadInput(f"--format takes {', '.join(FORMATS)}, not {form!r}")
    if dtype and (form != "merged" or dtype not in DTYPES):
        raise BadInput(f"--dtype takes {', '.join(DTYPES)}, and goes with --format merged alone")
    out = out.absolute()
    if out.is_relative_to(runs_folder(folder)):
        raise BadInput(f"{out} lies among the run folders; name another with --out")
    record = load_record(run)
    _exportable(run, record)
    found = rows(folder)
    entry = find_row(found, entry_key(run.id, record.attempt), folder)
    with _whole(out) as unfinished:
        say(
            f"exporting {run.id} as {form}"
            + ("; its logits are held against the student's" if form in ADAPTERS else "")
        )
        options = ["--round", str(round_)] if round_ else []
        options += ["--dtype", dtype] if dtype else []
        arguments = ["export", str(run.path), "--format", form, "--out", str(unfinished), *options]
        exported = [msgspec.convert(line, Exported) for line in engine.lines(arguments)][-1]
        (unfinished / CARD).write_text(card(record, exported, entry, states(found)[entry.key]), "utf-8")
        digest = sha256_file(unfinished / RECORD)
    reviews.note(
        folder, entry, f"exported round {exported.round} as {form} to {out}; {RECORD} has sha256 {digest[:16]}"
    )
    if json:
        emit(msgspec.to_builtins(exported))
        return
    say(f"round {exported.round} of {exported.rounds}: {', '.join(exported.files)}")
    if said := differences(exported):
        say(said)
    say(f"noted at the entry of {entry.short}; what it is and what it does not show: {out / CARD}")
    print(out)


def _exportable(run: RunDir, record: Record) -> None:
    """Raises Refused for what is no result or not analysable yet (A10, K16 c, FAULTS 35), BadInput for a script's run."""
    from cockpit.runs import evidence
    from engine.contract.errors import BadInput, Refused

    if record.script is not None:
        raise BadInput(f"{run.id} is a script's run: what it trained is the script's own to export")
    if record.smoke:
        raise Refused(f"{run.id} is a smoke run: its scale was reduced, so it is no result and is not exported")
    evidence.require_logged(run)
    if not record.sealed:
        raise Refused(f"{run.id} is not what was sealed, so nothing can vouch for an export: {record.damage}")


@contextmanager
def _whole(out: Path) -> Iterator[Path]:
    """A folder beside `out` that takes its name once it is whole, and is removed when it is not. Raises BadInput unless `out` is free."""
    from engine.contract.errors import BadInput
    from engine.contract.exported import empty_folder

    empty_folder(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        unfinished = out.with_name(f".{out.name}.{token_hex(4)}")
        unfinished.mkdir()
    except OSError as error:
        raise BadInput(f"cannot write {out}: {error.strerror}; name another folder with --out") from None
    try:
        yield unfinished
        unfinished.replace(out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def tensorboard(
    ctx: typer.Context,
    name: RunName,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="A log folder; the run gets a folder of its own in it.")
    ],
    project: Project = None,
) -> int:
    """Mirror a run's events for TensorBoard: all that is there, and of a live run all that comes until it ends.

    Ctrl-C leaves, and changes nothing for the run. The exit code is the run's, 0 when you left."""
    from cockpit.report.tensorboard import Mirror
    from cockpit.runs import evidence
    from cockpit.runs.stream import standing
    from engine.contract.exported import empty_folder
    from engine.contract.rundir import find_run

    folder = open_project(ctx, project)
    run = find_run(folder, name)
    place = empty_folder(out.absolute() / run.id)
    with Mirror(place) as mirror:
        say(f"mirroring {run.id}; look at it with: tensorboard --logdir {out}")
        try:
            for event in standing(folder, run):
                mirror.add(event)
        except KeyboardInterrupt:
            say(f"left; {run.id} goes on")
            return 0
    print(place)
    return int(evidence.result(run).get("exit", 0))
