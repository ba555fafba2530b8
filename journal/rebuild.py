"""`journal rebuild`: what every run folder has to say, against what the journal says of it, and putting the one into the other.

Prose is never touched, a block whose run folder is gone is kept, and an edited block is replaced only when it is named.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Literal, NamedTuple

from engine.contract.rundir import RunDir, all_runs, runs_folder
from journal.blocks import Block, parse, render
from journal.book import Book, entry_key
from journal.card import extract
from journal.record import Record, load_record
from journal.write import close_entry, final_text

State = Literal["same", "worded", "kept", "missing", "differs", "edited", "gone", "open"]

_QUOTES = b"**Reads like**"


class Difference(NamedTuple):
    """One entry: its key, how it stands to its run folder, a sentence for a person, and whether it was written now."""

    key: str
    state: State
    what: str
    written: bool = False


def compare(project: Path, names: Collection[str] = ()) -> list[Difference]:
    """How every entry stands to its run folder, only those of `names` (run ids) when given. `same`, `worded`, `kept` and `open` are none.

    Entries of earlier attempts have no result of their own left in the folder and are taken as they are. Raises BadInput."""
    blocks: dict[str, Block] = {}
    for each in parse(Book(project).read()):
        if each.kind == "run" and (each.intact or each.key not in blocks):
            blocks[each.key] = each
    found, folders = [], all_runs(project)
    for folder in folders:
        if names and folder.id not in names:
            continue
        record = load_record(folder)
        key = entry_key(record.id, record.attempt)
        block = blocks.get(key)
        if not record.result.get("logged"):
            found.append(Difference(key, "open", "is not closed yet"))
        elif block is None:
            found.append(Difference(key, "missing", "has no entry in the journal"))
        elif not block.intact:
            found.append(Difference(key, "edited", "was edited by hand"))
        else:
            found.append(_against(record, key, block))
    there = {folder.id for folder in folders}
    for key in blocks:
        run = key.partition("#")[0]
        if run not in there and (not names or run in names):
            found.append(Difference(key, "gone", "has no run folder any more; its entry is kept as it is"))
    return found


def _against(record: Record, key: str, block: Block) -> Difference:
    """How an intact block stands to its run folder: another version says the same numbers in other words."""
    (fresh,) = parse(render(key, final_text(record, block)))
    if (fresh.heading, fresh.body) == (block.heading, block.body):
        return Difference(key, "same", "")
    if extract(fresh.body.decode()) == extract(block.body.decode("utf-8", "replace")):
        if _QUOTES in block.body and _QUOTES not in fresh.body:
            return Difference(key, "kept", "quotes texts that its run folder no longer holds; it is kept as it is")
        return Difference(key, "worded", "has the numbers of its run folder, in the words of another version")
    return Difference(key, "differs", "does not say what its run folder says")


def rebuild(project: Path, names: Collection[str] = (), force: Collection[str] = ()) -> list[Difference]:
    """Write what is missing or differs, and the edited blocks of the runs named in `force`. Returns every entry as it stood before.

    Raises BadInput when the journal cannot be read or written."""
    book = Book(project)
    done = []
    with book.locked():
        for item in compare(project, names):
            forced = item.state == "edited" and (item.key in force or item.key.partition("#")[0] in force)
            if item.state in ("missing", "differs", "worded") or forced:
                close_entry(book, _record(project, item.key), force=forced)
                item = item._replace(written=True)
            done.append(item)
    return done


def _record(project: Path, key: str) -> Record:
    run, _, attempt = key.partition("#")
    return load_record(RunDir(runs_folder(project) / run), int(attempt or 1))
