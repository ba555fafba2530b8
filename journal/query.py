"""Asking the journal: every entry as one flat table of fields, filters over any of them, and an order.

A field is whatever the entries' hidden lines hold (status, seed, value, healed.trait_rate, ...), and what follows from them (state, tags,
when, ...). A bare metric means the healed subject's. An unknown field is refused with the nearest known one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from engine.contract.errors import BadInput
from journal.condition import Condition, holds, number
from journal.index import Row
from journal.review import STATES, State
from journal.text import plain, unquoted

CARD = (
    "run", "attempt", "status", "reason", "touched", "dirty", "seed", "preset", "trait", "model", "method", "config_hash",
    "family_hash", "seal", "code_hash", "hypothesis", "comparator", "verdict", "metric", "value", "confidence", "axes",
    "rounds", "best", "seconds", "started_at",
)  # fmt: skip
"""Fields that a run's entry may have; they are known even while no entry has them."""


class Item(NamedTuple):
    """One entry with its state."""

    row: Row
    state: State

    def get(self, name: str, missing: Any = None) -> Any:
        """The value of a field; `missing` when it is not known of this entry."""
        own = _OWN.get(name)
        value = own(self.row, self.state) if own else self.row.data.get(name)
        return missing if value is None else value

    def values(self) -> dict[str, Any]:
        """Every field that is known of this entry."""
        return {k: v for k, v in self.row.data.items() if v is not None} | {k: self.get(k) for k in OWN}


def items(rows: Iterable[Row], found: Mapping[str, State]) -> list[Item]:
    """Every run, claim and adopted entry, newest day first and within a day in the order of `rows`: what was adopted is as old as it says.
    Notes are part of the state of what they are of."""
    every = [Item(row, found.get(row.key, State())) for row in rows if row.kind != "note"]
    return sorted(every, key=lambda item: item.row.date, reverse=True)


def when(row: Row) -> str:
    """'2026-06-04 10:13', UTC, as its id or its hidden line says; the date alone when neither does."""
    stamp = re.match(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)", row.key)
    if stamp:
        return "{}-{}-{} {}:{}".format(*stamp.groups())
    at = str(row.data.get("started_at") or row.data.get("at") or "")
    return at[:16].replace("T", " ") if re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d", at) else row.date


_OWN: dict[str, Callable[[Row, State], Any]] = {
    "key": lambda row, state: row.key,
    "kind": lambda row, state: row.kind,
    "date": lambda row, state: row.date,
    "letter": lambda row, state: row.letter,
    "title": lambda row, state: unquoted(row.title),
    "level": lambda row, state: unquoted(row.level),
    "smoke": lambda row, state: row.smoke,
    "edited": lambda row, state: not row.intact,
    "when": lambda row, state: when(row),
    "state": lambda row, state: state.state,
    "tags": lambda row, state: list(state.tags),
    "notes": lambda row, state: len(state.notes),
    "condemned": lambda row, state: bool(state.condemned),
}
OWN = tuple(_OWN)
"""Fields of every entry, whatever its hidden line holds."""


def fields(found: Iterable[Item]) -> list[str]:
    """Every field that can be asked for, in alphabetical order."""
    return sorted({*OWN, *CARD}.union(*(item.row.data for item in found)))


def resolve(name: str, found: Sequence[Item]) -> str:
    """The field meant by a name: itself, or a bare metric's healed value. Raises BadInput with the nearest field of these items."""
    for candidate in (name, f"healed.{name}"):
        if candidate in _OWN or candidate in CARD or any(candidate in item.row.data for item in found):
            return candidate
    from engine.contract.resolve import nearest

    known = fields(found)
    bare = [field.removeprefix("healed.") for field in known if field.startswith("healed.")]
    hint = nearest(name, bare + known) or "; cockpit journal list --fields names all"
    raise BadInput(f"no field named {name!r} in this journal{hint}")


def where(found: Sequence[Item], conditions: Iterable[Condition]) -> list[Item]:
    """The items for which every condition holds. Raises BadInput on a field nobody has, or a number asked of a text."""
    kept = list(found)
    for condition in conditions:
        name = resolve(condition.field, found)
        _comparable(condition, name, found)
        kept = [item for item in kept if holds(condition, item.get(name))]
    return kept


def _comparable(condition: Condition, name: str, found: Sequence[Item]) -> None:
    """Raises BadInput when a field of numbers is compared with a text, which would silently match nothing."""
    if condition.op not in ("=", "in", ">=", "<=", ">", "<"):
        return
    wrong = [text for text in condition.values if number(text) is None]
    values = (item.get(name) for item in found)
    one = next((v for v in values if v is not None), None)
    if isinstance(one, bool) and any(text.lower() not in ("true", "false") for text in condition.values):
        raise BadInput(f"{name} is true or false, not {condition.values[0]!r}")
    if wrong and isinstance(one, (int, float)) and not isinstance(one, bool):
        raise BadInput(f"{name} holds numbers, and {wrong[0]!r} is none")
    if condition.op in (">=", "<=", ">", "<") and isinstance(one, str) and not wrong:
        raise BadInput(f"{name} holds text, such as {plain(one, 30)!r}; compare it with = or ~")


def standing(found: Iterable[Item], wanted: Sequence[str]) -> list[Item]:
    """The items in one of the states. Raises BadInput on a state that does not exist."""
    for state in wanted:
        if state not in STATES:
            raise BadInput(f"no state named {state!r}; there are {', '.join(STATES)}")
    return [item for item in found if item.state.state in wanted]


def between(found: Iterable[Item], since: str = "", until: str = "") -> list[Item]:
    """The items of the days from `since` to `until`, both included. Raises BadInput on what is no day."""
    first, last = (day(text) if text else "" for text in (since, until))
    return [i for i in found if (not first or i.row.date >= first) and (not last or i.row.date <= last)]


def day(text: str, today: date | None = None) -> str:
    """'2026-06-04' of itself, of today, of yesterday, or of 7d and 2w ago. Raises BadInput."""
    today = today or datetime.now(UTC).date()
    words = {"today": 0, "yesterday": 1}
    if text in words:
        return (today - timedelta(days=words[text])).isoformat()
    if match := re.fullmatch(r"(\d{1,4})([dw])", text):
        return (today - timedelta(days=int(match[1]) * (7 if match[2] == "w" else 1))).isoformat()
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise BadInput(f"{text!r} is no day; write 2026-06-04, today, yesterday, 7d or 2w") from None


def order(found: Sequence[Item], keys: str) -> list[Item]:
    """Sorted by fields between commas, descending with '-' before; what lacks the field comes last, ties stay newest first."""
    done = list(found)
    for key in reversed([k.strip() for k in keys.split(",") if k.strip()]):
        name, down = resolve(key.lstrip("+-"), found), key.startswith("-")
        valued = [(item.get(name), item) for item in done]
        have = [(value, item) for value, item in valued if value is not None]
        text = any(not isinstance(value, (int, float)) for value, _ in have)
        ranked = [
            (str(value) if text else value, -place if down else place, item) for place, (value, item) in enumerate(have)
        ]
        ranked.sort(key=lambda rank: rank[:2], reverse=down)
        done = [item for _, _, item in ranked] + [item for value, item in valued if value is None]
    return done
