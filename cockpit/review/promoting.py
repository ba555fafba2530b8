"""Making an entry's lesson a known bug of the project, which every later preflight checks; the entry then says so."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cockpit.review.author import author
from cockpit.review.reviews import append, finished
from engine.contract.errors import BadInput
from engine.contract.rundir import RunDir, runs_folder
from engine.contract.runfile import load_runfile
from journal.book import Book
from journal.index import Row
from journal.promote import Rule, new_rule, write_rule
from journal.text import unquoted


class Promoted(NamedTuple):
    """The rule and the file that it was written to; `tried` is whether it was seen to hit the config of the run that taught it."""

    rule: Rule
    path: Path
    tried: bool

    def sentence(self) -> str:
        """What came of it, for a person."""
        told = f"{self.rule.id} written to {self.path}: {' and '.join(self.rule.when)} now blocks a preflight, until fixed or waived"
        return told if self.tried else f"{told}; the run's config cannot be read, so the rule was not tried on it"


def promote(project: Path, row: Row, cause: str, when: Sequence[str], *, fix: str = "", symptom: str = "") -> Promoted:
    """Write the rule and the note on the entry. Without a symptom the entry's title is it.

    Raises Refused while the run is not finished, BadInput when it is no usable rule or would not have stopped that run."""
    finished(row)
    try:
        config = load_runfile(RunDir(runs_folder(project) / row.key.partition("#")[0]).config).config.flat()
    except BadInput:
        config = None
    book = Book(project)
    with book.locked():
        rule = new_rule(
            project,
            cause=cause,
            when=when,
            fix=fix,
            symptom=symptom or unquoted(row.title),
            entry=row.key,
            by=author(project),
            config=config,
        )
        path = write_rule(project, rule)
        append(project, row, f"promoted to known bug {rule.id}", book, promoted=rule.id, reason=rule.cause)
    return Promoted(rule, path, config is not None)
