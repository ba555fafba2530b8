"""`journal review`, `note` and `promote`: what is said of an entry after it was written, always by appending."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cockpit.cli.common import AsJson, Project, RunName, emit, open_project, say

if TYPE_CHECKING:
    from cockpit.review.reviews import Decision
    from journal.index import Row

Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; goes with any of the others.")]


def review(
    ctx: typer.Context,
    name: RunName,
    reviewed: Annotated[bool, typer.Option("--reviewed", help="You read it, and it stands.")] = False,
    draft: Annotated[bool, typer.Option("--draft", help="Back to not reviewed.")] = False,
    state: Annotated[str, typer.Option("--state", metavar="STATE", help="reviewed or draft, by name.")] = "",
    retract: Annotated[str, typer.Option("--retract", metavar="REASON", help="It is wrong; claims drop it.")] = "",
    superseded: Annotated[
        str, typer.Option("--superseded-by", metavar="RUN", help="Another run takes its place.")
    ] = "",
    condemn: Annotated[
        str, typer.Option("--condemn", metavar="REASON", help="A miss that must not be run again unchanged.")
    ] = "",
    pardon: Annotated[str, typer.Option("--pardon", metavar="REASON", help="Take a --condemn back.")] = "",
    reason: Reason = "",
    json: AsJson = False,
    project: Project = None,
) -> None:
    """Say how an entry stands. Nothing is erased: each review is a line of its own, and the newest decides."""
    from cockpit.review.reviews import decide
    from engine.contract.errors import BadInput
    from journal.index import find_row, rows

    options = {
        "--reviewed": reviewed, "--draft": draft, "--state": state, "--retract": retract,
        "--superseded-by": superseded, "--condemn": condemn, "--pardon": pardon,
    }  # fmt: skip
    given = [option for option, value in options.items() if value]
    if len(given) != 1:
        raise BadInput(f"say one of {', '.join(options)}" + (f"; not {' and '.join(given)} at once" if given else ""))
    if state not in ("", "reviewed", "draft"):
        raise BadInput(f"--state takes reviewed or draft, not {state!r}; retract with --retract REASON")
    folder, row = _row(ctx, project, name)
    decision: Decision
    other = ""
    if superseded:
        decision, other = "superseded", find_row(rows(folder), superseded, folder).key
    elif retract or condemn or pardon:
        decision, reason = _with_reason(retract, condemn, pardon)
    else:
        decision = "draft" if draft or state == "draft" else "reviewed"
    decided = decide(folder, row, decision, reason=reason, by=other)
    if decided.remark:
        say(decided.remark)
    _done(folder, row, decided.note, json)


def note(
    ctx: typer.Context,
    name: RunName,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What there is to say.")] = "",
    tag: Annotated[list[str] | None, typer.Option("--tag", metavar="TAG", help="Give it a tag; may repeat.")] = None,
    untag: Annotated[list[str] | None, typer.Option("--untag", metavar="TAG", help="Take a tag off.")] = None,
    json: AsJson = False,
    project: Project = None,
) -> None:
    """Add a note or tags to an entry, as lines below the journal's last."""
    from cockpit.review import reviews
    from engine.contract.errors import BadInput

    if not text.strip() and not tag and not untag:
        raise BadInput("nothing to note: write a text, or --tag NAME")
    folder, row = _row(ctx, project, name, finished=False)
    key = reviews.note(folder, row, text, tag or (), untag or ())
    _done(folder, row, key, json)


def promote(
    ctx: typer.Context,
    name: RunName,
    rule: Annotated[str, typer.Option("--rule", metavar="TEXT", help="What is wrong with such a config.")],
    when: Annotated[
        list[str],
        typer.Option("--when", metavar="CONDITION", help="Such as 'heal.tau>=0.5'; all must hold, may repeat."),
    ],
    fix: Annotated[str, typer.Option("--fix", metavar="TEXT", help="What to do instead.")] = "",
    symptom: Annotated[
        str, typer.Option("--symptom", metavar="TEXT", help="What it led to; else the entry's title.")
    ] = "",
    json: AsJson = False,
    project: Project = None,
) -> None:
    """Make an entry's lesson a known bug of this project: every later preflight checks it (known-bugs.toml)."""
    import msgspec

    from cockpit.review.promoting import promote as make

    folder, row = _row(ctx, project, name)
    made = make(folder, row, rule, when, fix=fix, symptom=symptom)
    if json:
        emit(msgspec.to_builtins(made.rule))
        return
    say(made.sentence())


def _row(ctx: typer.Context, project: Path | None, name: str, *, finished: bool = True) -> tuple[Path, Row]:
    """The project and the entry that is spoken of. Raises BadInput, and Refused while its run is not finished."""
    from cockpit.review import reviews
    from journal.index import find_row, rows

    folder = open_project(ctx, project)
    row = find_row(rows(folder), name, folder)
    if finished:
        reviews.finished(row)
    return folder, row


def _with_reason(retract: str, condemn: str, pardon: str) -> tuple[Decision, str]:
    if retract:
        return "retracted", retract
    return ("condemned", condemn) if condemn else ("pardoned", pardon)


def _done(folder: Path, row: Row, key: str, json: bool) -> None:
    """What came of it: the entry's state, for a person in one line."""
    import msgspec

    from journal.export import said
    from journal.index import rows
    from journal.review import states

    state = states(rows(folder))[row.key]
    if json:
        emit({"note": key, "of": row.key, "state": msgspec.to_builtins(state)})
        return
    say(f"{row.short}  {said(state) or 'noted'}")


COMMANDS: dict[str, Callable[..., Any]] = {"review": review, "note": note, "promote": promote}
