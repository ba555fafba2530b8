"""Saying how an entry stands: the rules that the command line and the screen share. What is said is appended, nothing is erased."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from cockpit.review.author import author
from cockpit.review.condemn import mark
from engine.contract.errors import BadInput, Refused
from journal.book import Book
from journal.index import Row
from journal.review import UNFINISHED, say
from journal.text import quoted, short

Decision = Literal["reviewed", "draft", "retracted", "superseded", "condemned", "pardoned"]


class Decided(NamedTuple):
    """The key of the note that was written, and what a person must know beside it, or ''."""

    note: str
    remark: str = ""


def finished(row: Row) -> None:
    """Raises Refused while the run of an entry is not finished."""
    if row.status in UNFINISHED:
        raise Refused(f"{row.key} is not finished; review it when its entry is closed")


def decide(project: Path, row: Row, decision: Decision, *, reason: str = "", by: str = "") -> Decided:
    """Write a decision on an entry. `by` is the key of the entry that supersedes it.

    Raises Refused when the entry cannot stand so, BadInput when a reason is missing or the journal cannot be written."""
    finished(row)
    if decision in ("condemned", "pardoned"):
        return _condemn(project, row, reason, condemned=decision == "condemned")
    if decision == "superseded":
        if by == row.key:
            raise BadInput(f"{row.key} cannot supersede itself")
        what = f"superseded by {short(by)}"
        return Decided(append(project, row, what, state="superseded", superseded_by=by, reason=reason))
    if decision in ("reviewed", "draft"):
        _reviewable(row, decision)
    return Decided(append(project, row, decision, state=decision, reason=reason))


def note(project: Path, row: Row, text: str = "", tags: Sequence[str] = (), off: Sequence[str] = ()) -> str:
    """Add a free note, tags, or take tags off; returns the key of the last note. Raises BadInput on what is no tag, and on nothing."""
    if not text.strip() and not tags and not off:
        raise BadInput("nothing to note: write a text, or --tag NAME")
    for one in (*tags, *off):
        if not re.fullmatch(r"[\w][\w.-]{0,39}", one):
            raise BadInput(f"{one!r} is no tag: letters, digits, '-', '_' and '.', at most 40")
    key = append(project, row, f"noted: {quoted(text, 1000)}", text=text) if text.strip() else ""
    for one in tags:
        key = append(project, row, f"tagged {quoted(one, 40)}", tag=one)
    for one in off:
        key = append(project, row, f"no longer tagged {quoted(one, 40)}", untag=one)
    return key


def append(project: Path, row: Row, what: str, book: Book | None = None, **values: Any) -> str:
    """Append a note on an entry and return the note's key; `book` is the journal when its lock is held already."""
    kept = {name: value for name, value in values.items() if value != ""}
    return say(book or Book(project), row.key, author(project), what, **kept)


def _reviewable(row: Row, wanted: str) -> None:
    if row.smoke:
        raise Refused(f"{row.key} is a smoke run, which carries nothing that could be reviewed")
    if wanted == "reviewed" and not row.intact:
        raise Refused(
            f"the entry of {row.key} was edited by hand, so a review would vouch for what no run wrote: "
            "cockpit journal check says what differs"
        )


def _condemn(project: Path, row: Row, reason: str, *, condemned: bool) -> Decided:
    if condemned and row.data.get("verdict") != "missed":
        raise Refused(
            f"only a miss can be condemned, and the verdict of {row.key} is {row.data.get('verdict', 'none')}; "
            "use --retract REASON, or cockpit journal promote to make it a known bug"
        )
    word = "condemned" if condemned else "pardoned"
    if not reason.strip():
        raise BadInput(f"say why: a note that an entry is {word} needs a reason, for whoever reads it in half a year")
    remark = mark(project, row.key, condemned=condemned)
    return Decided(append(project, row, word, condemned=condemned, reason=reason), remark)
