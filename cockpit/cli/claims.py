"""`claim new`, `check`, `list` and `show`: a question sealed before its runs, and what they carry."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from cockpit.cli.common import AsJson, Project, emit, open_project, say

ClaimName = Annotated[str, typer.Argument(metavar="CLAIM", help="A claim's key, a unique prefix or ending, or last.")]
_UNSET: Any = None


def new(
    ctx: typer.Context,
    file: Annotated[Path | None, typer.Option("--from", metavar="Q.toml", help="The question as a TOML file.")] = None,
    question: Annotated[str | None, typer.Option("--question", help="What is asked, in words.")] = _UNSET,
    family: Annotated[
        str | None, typer.Option("--family", metavar="RUN|HASH", help="A run whose config the members share.")
    ] = _UNSET,
    metric: Annotated[str | None, typer.Option("--metric", help="The primary metric.")] = _UNSET,
    subject: Annotated[str | None, typer.Option("--subject", help="healed, steered, prompted or base.")] = _UNSET,
    split: Annotated[str | None, typer.Option("--split", help="test or val.")] = _UNSET,
    contrast: Annotated[
        str | None,
        typer.Option(
            "--contrast",
            metavar="'A against B'",
            help="Knob values, such as heal.aggregate=rmse; own for the family's config; on the right also base or prompted.",
        ),
    ] = _UNSET,
    op: Annotated[
        str | None, typer.Option("--op", help="How the difference A - B stands to the threshold: >= <= > <")
    ] = _UNSET,
    threshold: Annotated[
        float | None, typer.Option("--threshold", help="Of the difference, in the metric's unit.")
    ] = _UNSET,
    margin: Annotated[float | None, typer.Option("--margin", help="Of equivalence, in the metric's unit.")] = _UNSET,
    equivalence: Annotated[
        bool | None, typer.Option("--equivalence/--difference", help="Expect no difference beyond the margin.")
    ] = _UNSET,
    level: Annotated[str | None, typer.Option("--level", help="smoke (3 seeds) or publishable (5 seeds).")] = _UNSET,
    confidence: Annotated[float | None, typer.Option("--confidence", help="Between 0 and 1.")] = _UNSET,
    miss_means: Annotated[str | None, typer.Option("--miss-means", help="What a miss would mean.")] = _UNSET,
    json: AsJson = False,
    project: Project = None,
) -> None:
    """Seal a question as an open claim. Only runs that are launched afterwards count; options win over the file."""
    from engine.contract.resolve import read_toml
    from engine.contract.seeds import seeds
    from journal.claims import ledger
    from journal.claims.levels import needed
    from journal.claims.question import asked, define

    folder = open_project(ctx, project)
    given = {
        "question": question, "family": family, "metric": metric, "subject": subject, "split": split, "contrast": contrast,
        "op": op, "threshold": threshold, "margin": margin, "equivalence": equivalence, "level": level,
        "confidence": confidence, "miss_means": miss_means,
    }  # fmt: skip
    table = (read_toml(file) if file else {}) | {name: value for name, value in given.items() if value is not None}
    found = define(folder, asked(table, str(file) if file else "claim new"))
    key = ledger.seal(folder, found)
    if json:
        emit(ledger.table(ledger.find(folder, key)))
    else:
        print(key)
    count = needed(found.asked.level)
    say(
        f"sealed; only runs launched from now on count. Every arm needs run.seed = {', '.join(map(str, seeds(count)))}:"
    )
    for name, values in found.arms.items():
        say(f"  {name}: " + " ".join(f"--set {knob}={value}" for knob, value in values.items()))


def check(
    ctx: typer.Context,
    name: ClaimName = "last",
    level: Annotated[str, typer.Option("--level", help="Ask for another level than the question did.")] = "",
    json: AsJson = False,
    project: Project = None,
) -> int:
    """Recompute a claim from the run folders and say whether it stands. Exit code 3 with everything it lacks while it does not."""
    from engine.contract.errors import Exit
    from journal.claims import ledger, text

    folder = open_project(ctx, project)
    done = ledger.check(folder, name, level=level)
    finding, claim = done.finding, done.claim
    if done.note:
        say(done.note)
    code = int(Exit.SUCCESS if finding.granted else Exit.REFUSED)
    if json:
        left_out = {m.run: list(m.why) for m in finding.members if not m.counts}
        lacks = [{"of": lack.of, "text": lack.text} for lack in finding.lacks]
        granted = {"granted": finding.granted, "checked_level": finding.asked_level, "carries": finding.level}
        emit(ledger.table(claim) | granted | {"lacks": lacks, "does_not_count": left_out})
        return code
    if finding.granted:
        print(f"granted at level {finding.asked_level}, {finding.seeds} seeds: {text.outcome(claim.question, finding)}")
    else:
        since = f", broken since {claim.since[:10]}" if claim.standing == "broken" else ""
        print(f"refused at level {finding.asked_level}{since}; the seeds that count carry {finding.level}. It lacks:")
        for lack in finding.lacks:
            print(f"  {lack.text}")
    for told in text.failures(finding):
        print(f"  failed, and counted so: {told}")
    for member in finding.members:
        if not member.counts:
            print(f"  does not count: {text.left_out(member)}")
    return code


def list_claims(ctx: typer.Context, json: AsJson = False, project: Project = None) -> None:
    """The claims, newest first: open, granted, refused or broken since, with the controls they lack."""
    from rich.table import Table
    from rich.text import Text

    from cockpit.report.tables import console
    from journal.claims import ledger
    from journal.text import plain, short

    folder = open_project(ctx, project)
    found = ledger.claims(folder)
    rows = [ledger.table(claim) for claim in found]
    for key in ledger.unsealed(folder):
        say(f"{key} is left out: its question was changed after it was sealed, or its block is damaged")
    if json:
        emit(rows)
        return
    if not rows:
        say(f"no claims in {folder}; seal a question with: cockpit claim new")
        return
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for row in rows:
        state = f"broken since {row['since'][:10]}" if row["state"] == "broken" else row["state"]
        carries = f"{row['level'] or row['asked_level']}, {row['seeds']} seeds"
        lacks = f"  lacks {', '.join(row['lacks_control'])}" if row["lacks_control"] and row["state"] != "open" else ""
        asked = Text(plain(f"{row['contrast']}, {row['metric']}: {row['question']}", 120) + lacks)
        shown.add_row(Text(row["sealed_at"][:10], style="dim"), short(row["claim"]), state, carries, asked)
    console().print(shown)


def show(ctx: typer.Context, name: ClaimName = "last", json: AsJson = False, project: Project = None) -> None:
    """A claim's entry as it stands in the journal; `claim check` recomputes it."""
    from journal.claims import ledger
    from journal.index import find_entry

    folder = open_project(ctx, project)
    claim = ledger.find(folder, name)
    if json:
        emit(claim.data | ledger.table(claim))
        return
    print(find_entry(folder, claim.key).text.rstrip())
    if claim.standing == "broken" and claim.data.get("status") == "granted":
        say(
            f"broken since {claim.since[:10]}: a member was retracted; `cockpit claim check {claim.key}` says what it lacks"
        )


COMMANDS: dict[str, Callable[..., Any]] = {"new": new, "check": check, "list": list_claims, "show": show}
