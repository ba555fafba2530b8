"""Which entries a journal command is about: the options that list, export and the figures share, and the choice they make."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

if TYPE_CHECKING:
    from journal.query import Item

Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="CONDITION",
        help="Such as status=success, healed.trait_rate>=.9, 'seed in 42,137', hypothesis~rmse, touched; may repeat.",
    ),
]
States = Annotated[
    list[str] | None,
    typer.Option("--state", metavar="STATE", help="draft, reviewed, retracted or superseded; may repeat."),
]
Tags = Annotated[list[str] | None, typer.Option("--tag", metavar="TAG", help="Has this tag; may repeat.")]
Since = Annotated[str, typer.Option("--since", metavar="DAY", help="From this day on: 2026-06-04, today, 7d, 2w.")]
Until = Annotated[str, typer.Option("--until", metavar="DAY", help="Up to this day, which is included.")]
Sort = Annotated[str, typer.Option("--sort", metavar="FIELD", help="Order by a field, -FIELD downwards; A,-B by two.")]
Limit = Annotated[int | None, typer.Option("--limit", min=0, metavar="N", help="At most N entries; 0 for all.")]
Smoke = Annotated[bool, typer.Option("--smoke/--no-smoke", help="Whether smoke runs are taken in.")]


class Choice(NamedTuple):
    """The chosen entries in their order, and how many entries there are in all."""

    items: list[Item]
    everything: list[Item]


def choose(
    folder: Path,
    where: list[str] | None = None,
    states: list[str] | None = None,
    tags: list[str] | None = None,
    since: str = "",
    until: str = "",
    sort: str = "",
    *,
    smoke: bool = True,
    data: bytes | None = None,
) -> Choice:
    """The entries of a project that pass every condition, newest first unless sorted. Raises BadInput."""
    from journal import condition, query
    from journal.index import rows
    from journal.review import states as standing

    found = rows(folder)
    everything = query.items(found, standing(found))
    chosen = query.where(everything, map(condition.parse, where or ())) if everything else []
    if not smoke:
        chosen = [item for item in chosen if not item.row.smoke]
    if states:
        chosen = query.standing(chosen, states)
    chosen = [item for item in chosen if set(tags or ()) <= set(item.state.tags)]
    chosen = query.between(chosen, since, until)
    return Choice(query.order(chosen, sort) if chosen and sort else chosen, everything)
