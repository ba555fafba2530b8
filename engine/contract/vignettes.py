"""Vignette files in the field's format: one JSON object a line with id, text, foundation_coarse, wrong, and what people said in human_*.

    {"id": "care-mild-1", "text": "A woman on the bus ...", "foundation_coarse": "Care", "wrong": 1, "split": "val", "human_Care": 0.8}

`split` is val or test on every line or on none; without it each foundation is halved by the hash of its ids. `wrong` and human_* are
finite numbers on the file's own scale, or null where nobody was asked; other columns are left alone."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from engine.contract.errors import BadInput
from engine.contract.hashes import sha256
from engine.contract.world import FOUNDATIONS, Vignette

HUMAN = "human_"
PUBLISHED = {
    "care": "Care",
    "fairness": "Fairness",
    "loyalty": "Loyalty",
    "authority": "Authority",
    "sanctity": "Sanctity",
    "liberty": "Liberty",
    "social_norms": "SocialNorms",
}
"""How the field's files spell the foundations; case, blanks and underscores are not looked at."""
_SPLITS = ("val", "test")
_LONGEST = 1000  # characters of a text: a scene of one or two sentences, not a story


class VignetteSet(NamedTuple):
    """Val and test of a file, and the sha256 of its bytes."""

    val: list[Vignette]
    test: list[Vignette]
    hash: str


def read_vignettes(path: Path) -> VignetteSet:
    """The vignettes of a file. Raises BadInput with FILE:LINE, what is wrong there and what to do."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise BadInput(f"vignettes file {path} does not exist") from None
    except OSError as error:
        raise BadInput(f"vignettes file {path} cannot be read: {error.strerror}") from None
    return parse_vignettes(data, str(path))


def parse_vignettes(data: bytes, name: str) -> VignetteSet:
    """The vignettes of a file's bytes; `name` is the file in errors. Raises BadInput as read_vignettes does."""
    found: list[Vignette] = []
    split: dict[str, str] = {}
    places: dict[str, int] = {}
    for number, table in objects(data, name):
        where = f"{name}:{number}"
        vignette = _vignette(table, where)
        if vignette.id in places:
            raise BadInput(f"{where}: id {vignette.id!r} is also on line {places[vignette.id]}; make ids unique")
        places[vignette.id] = number
        found.append(vignette)
        if "split" in table:
            split[vignette.id] = _one_of(table["split"], _SPLITS, "split", where)
    if split and len(split) < len(found):
        first = next(v for v in found if v.id not in split)
        raise BadInput(f"{name}:{places[first.id]}: has no split, other lines have; give every line a split or none")
    chosen = split or _halves(found)
    val, test = ([v for v in found if chosen[v.id] == half] for half in _SPLITS)
    if not val or not test:
        raise BadInput(f"{name}: {len(val)} vignettes for val and {len(test)} for test; both need some")
    return VignetteSet(val, test, sha256(data))


def objects(data: bytes, name: str) -> Iterable[tuple[int, dict[str, Any]]]:
    """Line numbers and objects of JSON lines; empty lines are skipped. Raises BadInput with FILE:LINE."""
    try:
        lines = data.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        at = data.count(b"\n", 0, error.start) + 1
        raise BadInput(f"{name}:{at}: not UTF-8; save the file as UTF-8") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            table = json.loads(line)
        except ValueError as error:
            said = getattr(error, "msg", str(error))
            raise BadInput(f"{name}:{number}: not JSON ({said}); write one object a line") from None
        if not isinstance(table, dict):
            raise BadInput(f"{name}:{number}: not an object; write one object a line")
        yield number, table


def foundation_of(written: str) -> str:
    """A foundation as the project names it, from a file's spelling; '' when it is none."""
    plain = "".join(c for c in written.lower() if c.isalpha())
    return next((f for f in FOUNDATIONS if f.replace("_", "") == plain), "")


def _vignette(table: Mapping[str, Any], where: str) -> Vignette:
    item = table.get("id")
    if isinstance(item, int) and not isinstance(item, bool):
        item = str(item)
    if not isinstance(item, str) or not item.strip():
        raise BadInput(f"{where}: id is missing or not a text; name every vignette")
    text = table.get("text")
    if not isinstance(text, str) or not text.strip():
        raise BadInput(f"{where}: text is missing or empty; write the scene in text")
    if len(text) > _LONGEST:
        raise BadInput(f"{where}: text has {len(text):,} characters; a vignette has at most {_LONGEST:,}")
    coarse = _one_of(table.get("foundation_coarse"), PUBLISHED.values(), "foundation_coarse", where)
    human = {
        key.removeprefix(HUMAN): number
        for key, value in table.items()
        if key.startswith(HUMAN) and (number := _number(value, key, where)) is not None
    }
    return Vignette(
        id=item.strip(),
        text=" ".join(text.split()),
        foundation=foundation_of(coarse),
        cluster=item.strip(),
        wrong=_number(table.get("wrong"), "wrong", where),
        human={foundation_of(key) or key: value for key, value in human.items()},
    )


def _one_of(value: object, allowed: Iterable[str], key: str, where: str) -> str:
    allowed = tuple(allowed)
    wanted = foundation_of(value) if isinstance(value, str) and key != "split" else value
    for name in allowed:
        if wanted and wanted == (foundation_of(name) or name):
            return name
    said = "is missing" if value is None else f"{value!r} is not known"
    raise BadInput(f"{where}: {key} {said}; use {', '.join(allowed[:-1])} or {allowed[-1]}")


def _number(value: object, key: str, where: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise BadInput(f"{where}: {key} is {value!r}; write a finite number, or null where there is none")
    return float(value)


def _halves(vignettes: Iterable[Vignette]) -> dict[str, str]:
    """val and test in turn within each foundation, in the order of the ids' hashes: no other line changes where one goes by much."""
    ordered = sorted(vignettes, key=lambda v: (v.foundation, sha256(v.id.encode())))
    count: dict[str, int] = {}
    chosen = {}
    for v in ordered:
        turn = count.get(v.foundation, 0)
        chosen[v.id] = _SPLITS[turn % 2]
        count[v.foundation] = turn + 1
    return chosen
