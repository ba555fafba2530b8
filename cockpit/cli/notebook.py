"""`journal list`, `show` and `search`: reading the book, newest first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from cockpit.cli import figures, reviewing
from cockpit.cli.choosing import Limit, Since, Smoke, Sort, States, Tags, Until, Where, choose
from cockpit.cli.common import AsJson, Project, RunName, emit, open_project, say

SHOWN = 30
"""Entries a list shows when not told otherwise."""


def list_entries(
    ctx: typer.Context,
    where: Where = None,
    state: States = None,
    tag: Tags = None,
    since: Since = "",
    until: Until = "",
    sort: Sort = "",
    limit: Limit = None,
    columns: Annotated[str, typer.Option("--columns", metavar="A,B,C", help="Show these fields instead.")] = "",
    fields: Annotated[bool, typer.Option("--fields", help="Name every field that can be asked for.")] = False,
    smoke: Smoke = True,
    json: AsJson = False,
    project: Project = None,
) -> None:
    """The entries of the journal, newest first: what was asked, how it came out, and who looked at it."""
    from cockpit.report import notebook
    from cockpit.report.tables import console
    from journal import query

    folder = open_project(ctx, project)
    chosen, everything = choose(folder, where, state, tag, since, until, sort, smoke=smoke)
    if fields:
        known = query.fields(everything)
        emit(known) if json else print("\n".join(known))
        return
    if json:
        emit(_as_json(folder, chosen[: limit or None]))
        return
    if not everything:
        say(f"no entries in {folder}; every run writes one")
        return
    if not chosen:
        say(f"none of {len(everything)} entries is so")
        return
    shown = chosen[: SHOWN if limit is None else limit or None]
    names = [query.resolve(name.strip(), everything) for name in columns.split(",") if name.strip()]
    out = console()
    out.print(notebook.fields_table(shown, names) if names else notebook.entries_table(shown, out.width))
    say(notebook.summary(len(shown), chosen, everything))


def show_entry(ctx: typer.Context, name: RunName = "last", json: AsJson = False, project: Project = None) -> None:
    """One entry as it stands in the journal, and below it what was said of it since."""
    from cockpit.report import notebook
    from cockpit.report.tables import console
    from journal.book import Book
    from journal.export import as_json
    from journal.index import entry, find_row, pages
    from journal.review import State, states

    folder = open_project(ctx, project)
    data, found = pages(folder)
    row = find_row(found[::-1], name, Book(folder).path)
    one, state = entry(data, row), states(found).get(row.key, State())
    if json:
        emit(as_json(one, state))
        return
    print(one.text.rstrip())
    if lines := notebook.state_lines(state):
        print()
        console().print(lines)
    if not one.intact:
        say("this entry was edited by hand; what the run wrote is in its folder")


def search(
    ctx: typer.Context,
    words: Annotated[list[str], typer.Argument(metavar="WORDS", help='Words, "a phrase", -not; all must be there.')],
    notes: Annotated[bool, typer.Option("--notes", help="Also memory/*.md and wrong-paths*.md.")] = False,
    limit: Limit = None,
    json: AsJson = False,
    project: Project = None,
) -> None:
    """Where the journal says something, entries and your own prose alike, newest first."""
    from cockpit.report import notebook
    from cockpit.report.tables import console
    from journal import search as full_text
    from journal.book import NAME
    from journal.index import pages

    folder = open_project(ctx, project)
    query = full_text.read_query(_quoted(words))
    data, found = pages(folder)
    most = limit or None if limit is not None or json else SHOWN
    shown, count = full_text.in_journal(data, found, query, NAME, most)
    if notes:
        more = full_text.in_notes(folder, query)
        count += len(more)
        shown = (shown + more)[:most]
    if json:
        emit([place._asdict() for place in shown])
        return
    if not count:
        say("nothing says that" + ("" if notes else "; --notes looks into memory/*.md and wrong-paths*.md too"))
        return
    of = {row.key: str(row.data.get("of", row.key)) for row in found if row.kind == "note"}
    console().print(notebook.places_table(shown, query, of))
    if len(shown) < count:
        say(f"{len(shown)} of {count:,} places; --limit 0 shows all")


def _as_json(folder: Any, chosen: list[Any]) -> list[dict[str, Any]]:
    """The chosen entries with their texts and states; one that left the journal since it was chosen is left out."""
    from journal.export import as_json
    from journal.index import entry, pages

    data, found = pages(folder)
    now = {(row.key, row.intact): row for row in found}
    pairs = ((now.get((item.row.key, item.row.intact)), item.state) for item in chosen)
    return [as_json(entry(data, row), state) for row, state in pairs if row is not None]


def _quoted(words: list[str]) -> str:
    """The words as one query: an argument with blanks in it, which the shell took out of its quotes, is a phrase again, unless it is
    a query of its own."""
    return " ".join(
        f'"{word}"' if " " in word and '"' not in word and " -" not in f" {word}" else word for word in words
    )


MINUS = {"ignore_unknown_options": True, "help_option_names": ["--help"]}
"""How the words of a search are read, so that -word is one of them."""
COMMANDS: dict[str, Callable[..., Any]] = {
    "list": list_entries,
    "show": show_entry,
    "search": search,
    **reviewing.COMMANDS,
    **figures.COMMANDS,
}
