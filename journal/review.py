"""What was said of an entry later: reviewed, retracted, superseded, tags, notes, and a miss that is marked as one.

Everything is an appended ledger line (a block of kind `note`) that names the entry it is of; nothing is ever taken back by deleting, the
newest note decides. A run that was finished and never spoken of is a draft.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from engine.contract.errors import BadInput
from engine.contract.events import now
from journal.blocks import Kind, Text
from journal.book import Book
from journal.card import embed
from journal.text import plain, quoted, short

Standing = Literal["draft", "reviewed", "retracted", "superseded"]
STATES = ("draft", "reviewed", "retracted", "superseded")
UNFINISHED = ("running", "open")
"""Statuses of a run that is still going, and of a claim that was only asked."""
NEEDS_REASON = ("retracted", "superseded")


class Noted(Protocol):
    """What a state is read from: an index row or an entry."""

    @property
    def kind(self) -> Kind: ...
    @property
    def key(self) -> str: ...
    @property
    def smoke(self) -> bool: ...
    @property
    def intact(self) -> bool: ...
    @property
    def status(self) -> str: ...
    @property
    def data(self) -> Mapping[str, Any]: ...


class Said(NamedTuple):
    """One free note: who said what when (UTC, ISO 8601)."""

    at: str
    by: str
    text: str


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How an entry stands. `state` is '' for what is never reviewed: a smoke run, and a run that is not finished.

    `condemned` is the reason why a miss counts as a failed configuration, '' when it does not."""

    state: Standing | Literal[""] = ""
    by: str = ""
    at: str = ""
    reason: str = ""
    superseded_by: str = ""
    condemned: str = ""
    promoted: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    notes: tuple[Said, ...] = ()


def states(entries: Iterable[Noted]) -> dict[str, State]:
    """The state of every run, claim and adopted entry by key, from entries in any order (index rows, newest first, will do).

    A note that was edited by hand can no longer vouch for an entry, but a retraction, a supersession or a condemnation in it still stands.
    The entry of a run's second attempt supersedes that of its first."""
    found: dict[str, State] = {}
    said: dict[str, list[tuple[str, str, Mapping[str, Any]]]] = {}
    for entry in entries:
        if entry.kind == "note":
            data = entry.data
            doubt = not entry.intact and data.get("state") not in NEEDS_REASON and not data.get("condemned")
            if isinstance(data.get("of"), str) and not doubt:
                said.setdefault(data["of"], []).append((str(data.get("at", "")), entry.key, data))
        elif entry.key not in found or entry.intact:
            running = entry.status in UNFINISHED
            found[entry.key] = State(state="" if entry.smoke or running else "draft")
    for key in list(found):
        run, _, attempt = key.partition("#")
        earlier = run if attempt == "2" else f"{run}#{int(attempt) - 1}" if attempt.isdigit() else ""
        if earlier in found and found[earlier].state == "draft":
            resumed = State(state="superseded", superseded_by=key, reason=f"attempt {attempt} took it up again")
            found[earlier] = resumed
    for key, notes in said.items():
        state = found.get(key, State())
        for _, _, data in sorted(notes, key=lambda note: note[:2]):
            state = _apply(state, data)
        found[key] = state
    return found


def _apply(state: State, data: Mapping[str, Any]) -> State:
    at, by, reason = (plain(str(data.get(name, "")), 600) for name in ("at", "by", "reason"))
    changes: dict[str, Any] = {}
    if data.get("state") in STATES:
        other = str(data.get("superseded_by", "")) if data["state"] == "superseded" else ""
        changes |= {"state": data["state"], "at": at, "by": by, "reason": reason, "superseded_by": other}
    if isinstance(data.get("condemned"), bool):
        changes["condemned"] = (reason or "no reason was recorded") if data["condemned"] else ""
    if tag := str(data.get("tag", "")):
        changes["tags"] = tuple(sorted({*state.tags, tag}))
    if tag := str(data.get("untag", "")):
        changes["tags"] = tuple(t for t in state.tags if t != tag)
    if rule := str(data.get("promoted", "")):
        changes["promoted"] = tuple(sorted({*state.promoted, rule}))
    if data.get("text"):
        changes["notes"] = (*state.notes, Said(at, by, plain(str(data["text"]), 2000)))
    return msgspec.structs.replace(state, **changes)


def say(book: Book, of: str, by: str, what: str, **values: Any) -> str:
    """Append one note on the entry `of` and return the note's key. `what` is the ledger line for a person, `values` what it decides:
    state (with superseded_by), condemned, tag, untag, promoted, text, reason.

    Raises BadInput when the journal cannot be written, or when a retraction or a supersession gives no reason."""
    reason = plain(str(values.get("reason", "")), 600)
    if (values.get("state") in NEEDS_REASON or "condemned" in values) and not reason:
        raise BadInput(f"say why: a note that an entry is {what} needs a reason, for whoever reads it in half a year")
    at = now()
    stamp = datetime.now(UTC)
    key = f"{stamp:%Y%m%dT%H%M%S}-note-{secrets.token_hex(3)}"
    hidden = {"note": key, "of": of, **values, "by": plain(by, 80), "at": at}
    if reason:
        hidden["reason"] = reason
    tail = f": {quoted(reason, 300)}" if reason else ""
    with book.locked():
        date = f"{stamp:%Y-%m-%d}"
        line = f"- {date} ({book.letter(date)}) · {short(of)} {what}{tail} · {quoted(by, 80)}\n"
        book.append(key, Text("", line + embed(hidden), "note"))
    return key
