"""Chosen entries in other forms: JSON and CSV of what they hold in numbers, Markdown as they stand, and one web page."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from journal.html import page
from journal.index import Entry, entry
from journal.query import OWN, Item
from journal.review import State
from journal.text import plain, short

Format = Literal["json", "csv", "md", "html"]
FORMATS: tuple[Format, ...] = ("json", "csv", "md", "html")
FIRST = ("key", "when", "kind", "state", "status", "verdict", "hypothesis", "seed", "level", "tags")
"""The first columns of a CSV; the others follow in alphabetical order."""


def export(form: Format, data: bytes, found: Sequence[Item], *, project: str) -> str:
    """The chosen entries, in their order, as text. `data` are the journal's bytes that the items were read from."""
    texts = [entry(data, item.row) for item in found]
    if form == "json":
        return json.dumps(
            [as_json(e, i.state) for e, i in zip(texts, found, strict=True)], ensure_ascii=False, indent=1
        )
    if form == "csv":
        return as_csv([item.values() for item in found])
    if form == "md":
        return "\n".join(
            e.text.rstrip("\n") + "\n" + _indented(said(i.state)) for e, i in zip(texts, found, strict=True)
        )
    articles = [(e.key, e.text, said(i.state)) for e, i in zip(texts, found, strict=True)]
    many = f"{len(found)} entr{'y' if len(found) == 1 else 'ies'}"
    return page(f"Research journal of {project}", articles, f"{many}, exported from RESEARCH_JOURNAL.md")


def as_json(one: Entry, state: State) -> dict[str, Any]:
    """An entry and its state as plain values."""
    return {**msgspec.to_builtins(one), "state": msgspec.to_builtins(state)}


def as_csv(tables: Sequence[dict[str, Any]]) -> str:
    """One line an entry, text plain, lists joined by blanks. What a spreadsheet would take for a formula is led by an apostrophe."""
    names = {name for values in tables for name in values} | set(OWN)
    columns = [n for n in FIRST if n in names] + sorted(names - set(FIRST))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for values in tables:
        writer.writerow([_cell(values.get(name)) for name in columns])
    return out.getvalue()


def said(state: State) -> str:
    """How an entry stands, in one line: its state with who and why, its tags; '' when there is nothing to say."""
    parts = []
    if state.state:
        other = f" by {short(state.superseded_by)}" if state.superseded_by else ""
        by = f" ({state.by}, {state.at[:10]})" if state.by else ""
        parts.append(f"{state.state}{other}{by}" + (f": {state.reason}" if state.reason else ""))
    if state.condemned:
        parts.append(f"counts as a failed configuration: {state.condemned}")
    if state.promoted:
        parts.append(f"known bug {', '.join(state.promoted)}")
    if state.tags:
        parts.append("tags " + ", ".join(state.tags))
    return " · ".join(parts)


def _indented(line: str) -> str:
    return f"\n> {line}\n" if line else ""


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return _cell(" ".join(map(str, value)))
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return str(value)
    text = plain(value, 2000)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text
