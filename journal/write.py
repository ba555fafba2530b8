"""Opening and closing a run's entry: at launch, before anything is analysed, and at whatever end the run comes to (K10)."""

from __future__ import annotations

import re

from journal.blocks import Block, Text
from journal.book import Book, entry_key
from journal.card import card, embed
from journal.entry import body, heading, ledger
from journal.record import Record
from journal.text import utc

_PLACE = re.compile(rb"(?:## |- )(\d{4}-\d\d-\d\d) \(([a-z]{1,3})\)")


def open_entry(book: Book, record: Record) -> None:
    """Append the entry of an attempt as running. Does nothing when it is there. Raises BadInput when the journal cannot be written."""
    with book.locked():
        date = _date(record)
        book.append(entry_key(record.id, record.attempt), _text(record, book.letter(date), date))


def close_entry(book: Book, record: Record, *, force: bool = False) -> str:
    """Write the final text of an attempt's entry, which is appended when it is missing. Returns what a person must know, or ''.
    An entry that was edited by hand is left alone, unless with `force`.

    Raises BadInput when the journal cannot be written."""
    key = entry_key(record.id, record.attempt)
    with book.locked():
        found = book.find(key)
        date, letter = _place(found) if found else ("", "")
        if not letter:
            date = _date(record)
            letter = book.letter(date)
        sibling = book.rewrite(key, _text(record, letter, date), force=force)
    if sibling is None:
        return ""
    return f"the entry of {key} was edited by hand and is left alone; its result is in {sibling.name}"


def final_text(record: Record, block: Block) -> Text:
    """What the entry of an attempt would say today, at the date and letter that its block has."""
    date, letter = _place(block)
    return _text(record, letter, date)


def _text(record: Record, letter: str, date: str) -> Text:
    hidden = embed(card(record))
    if record.smoke:
        return Text("", ledger(record, letter, date).rstrip("\n") + "\n" + hidden)
    return Text(heading(record, letter, date), body(record) + hidden)


def _place(block: Block) -> tuple[str, str]:
    match = _PLACE.match(block.heading or block.body)
    return (match[1].decode(), match[2].decode()) if match else ("", "")


def _date(record: Record) -> str:
    """The day of the launch, which the run's id begins with; of the seal when the id is foreign."""
    stamp = re.match(r"(\d{4})(\d\d)(\d\d)T", record.id)
    if stamp:
        return "-".join(stamp.groups())
    return utc(str(record.preflight.get("sealed_at", ""))).strftime("%Y-%m-%d")
