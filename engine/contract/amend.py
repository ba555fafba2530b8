"""Amendments: what a person changes in the answers after the seal, appended beside it and chained to it, never into it.

    runs/<id>/amendments.jsonl      {"at", "item", "key", "old", "new", "reason", "previous", "hash"}

`previous` is the hash of the line above, the first line's is the seal; so no line can be changed, dropped from the middle or reordered
unnoticed. The verdict is judged against the seal: an amendment is shown beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from engine.contract import checks, script
from engine.contract.answers import ITEMS, Answers, fault, parse_answers
from engine.contract.checks import Block
from engine.contract.errors import BadInput, Refused
from engine.contract.events import now
from engine.contract.facts import ModelFacts
from engine.contract.hashes import canonical, sha256
from engine.contract.resolve import from_flat, nearest

DECIDED = ("question", "prediction", "metric")
"""What may not be amended once anything was evaluated: it would fit the question to the answer."""
KEYS = tuple(
    f"{section}.{name}"
    for section in ITEMS
    if section != "waivers"
    for name in Answers.model_fields[section].annotation.model_fields  # type: ignore[union-attr]
)


def amendment(
    record: Mapping[str, Any],
    earlier: Sequence[Mapping[str, Any]],
    key: str,
    value: Any,
    reason: str,
    *,
    evaluated: bool,
) -> dict[str, Any]:
    """The next line of the chain. Raises BadInput for a key or value that is none, Refused for one that comes too late or says nothing."""
    if key not in KEYS:
        raise BadInput(f"no answer named {key!r} to amend{nearest(key, KEYS)}")
    section, name = key.split(".")
    if evaluated and section in DECIDED:
        raise Refused(
            f"{key} cannot be amended: the run has evaluated something already, and a question is not fitted to its answer. "
            "Say what you learnt in the journal, and seal the new question for a new run"
        )
    wrong = fault(reason, words=2)
    if wrong:
        raise Refused(f"an amendment has a reason, and this one {wrong}: --reason 'what made you change it'")
    if broken := chain_fault(record, earlier):
        raise Refused(broken)
    old = current(record, earlier)[section].get(name)
    if old == value:
        raise BadInput(f"{key} is {old!r} already")
    _stands(record, current(record, earlier), section, name, value)
    previous = str(earlier[-1]["hash"]) if earlier else str(record["seal"])
    line = {"at": now(), "item": ITEMS[section], "key": key, "old": old, "new": value, "reason": reason}
    line |= {"previous": previous}
    return line | {"hash": sha256(canonical(line))}


def _stands(record: Mapping[str, Any], tables: dict[str, dict[str, Any]], section: str, name: str, value: Any) -> None:
    """Raises BadInput for a value of the wrong kind, Refused for one that would have blocked the seal."""
    given = {s: {k: v for k, v in table.items() if v is not None} for s, table in tables.items()}
    before = parse_answers(given, "the sealed answers")
    given[section] = {**given[section], name: value}
    after = parse_answers(given, "the amendment")
    known = _faults(record, before)
    for block in _faults(record, after):
        if block not in known:
            raise Refused(f"{block.what}. {block.mend}")


def _faults(record: Mapping[str, Any], answers: Answers) -> list[Block]:
    """What is wrong with answers by themselves, and against the config and the facts that were sealed. Raises Refused when these are
    of a version that cannot be read."""
    if record.get("kind") == "script":
        return [*script.texts(answers), *script.choices(answers)]
    try:
        facts = msgspec.convert(record["evidence"]["facts"], ModelFacts)
        config = from_flat(record["config"])
    except (KeyError, msgspec.ValidationError, BadInput) as error:
        raise Refused(f"the seal was made by another version and cannot be amended: {error}") from None
    found = [*checks.texts(answers), *checks.model(answers, config, facts), *checks.direction(answers, config)]
    return [*found, *checks.metric(answers, facts, config), *checks.prediction(answers, config)]


def current(record: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The sealed answers with every amendment on top."""
    tables = {k: dict(v) for k, v in record.get("answers", {}).items() if isinstance(v, Mapping)}
    for line in lines:
        section, name = str(line["key"]).split(".")
        tables.setdefault(section, {})[name] = line["new"]
    return {section: tables.get(section, {}) for section in ITEMS if section != "waivers"}


def chain_fault(record: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> str:
    """What is wrong with the chain, '' when nothing."""
    previous = record.get("seal")
    for number, line in enumerate(lines, start=1):
        body = {k: v for k, v in line.items() if k != "hash"}
        if line.get("previous") != previous or line.get("hash") != sha256(canonical(body)):
            return f"amendments.jsonl was changed: line {number} does not follow from the seal and the lines before it"
        previous = line["hash"]
    return ""


def read_amendments(path: Path) -> list[dict[str, Any]]:
    """Every line of the file, [] when there is none. A line that cannot be read becomes one that breaks the chain."""
    try:
        raw = path.read_bytes().splitlines()
    except OSError:
        return []
    found = []
    for line in raw:
        try:
            value = json.loads(line)
        except ValueError:
            value = None
        found.append(value if isinstance(value, dict) and "key" in value else {"key": "unreadable.line", "new": ""})
    return found
