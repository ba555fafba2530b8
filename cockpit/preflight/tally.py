"""How often each item of the checklist stood unchanged, and how often it caught something: runs/.drafts/checks.jsonl.

Every check and every refused launch appends what it caught, an answer that was wrong rather than one that was not given yet. So a
person sees which questions earn their place.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from engine.contract.events import now
from engine.contract.files import append_line
from engine.contract.preflight import Block
from engine.contract.prior import Sealed
from engine.contract.rundir import runs_folder


class Tally(NamedTuple):
    """One item: seals in which it stood unchanged since the one before, and mistakes that it caught."""

    unchanged: int
    caught: int

    def words(self) -> str:
        """'unchanged 34 times, caught 0'."""
        return f"unchanged {self.unchanged} {'time' if self.unchanged == 1 else 'times'}, caught {self.caught}"


def checks_file(project: Path) -> Path:
    """Where checks are counted."""
    return runs_folder(project) / ".drafts" / "checks.jsonl"


def note(project: Path, file: Path | None, by: str, blocks: Iterable[Block]) -> None:
    """Append what a check or a refused launch caught; nothing when that is what this file's last check caught already."""
    caught = sorted({block.item for block in blocks if not block.empty})
    path, name = checks_file(project), str(file.absolute()) if file else ""
    before = next((row["caught"] for row in reversed(_rows(path)) if row.get("file") == name), [])
    if caught == before:
        return
    line = {"at": now(), "by": by, "file": name, "caught": caught}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        append_line(path, json.dumps(line, ensure_ascii=False).encode())
    except OSError:
        pass  # a project that cannot be written is checked all the same; a launch says so itself


def tally(project: Path, sealed: Sequence[Sealed]) -> dict[str, Tally]:
    """Every item's count over the seals and checks of a project."""
    same: Counter[str] = Counter()
    for seal in sealed:
        same.update(seal.evidence.get("unchanged", {}).get("items", []))
    caught: Counter[str] = Counter()
    last: dict[str, set[str]] = {}
    for row in _rows(checks_file(project)):
        items = set(row["caught"])
        caught.update(items - last.get(row["file"], set()))
        last[row["file"]] = items
    return {f"K{n}": Tally(same[f"K{n}"], caught[f"K{n}"]) for n in range(9)}


def _rows(path: Path) -> list[dict[str, list[str]]]:
    try:
        raw = path.read_bytes().splitlines()
    except OSError:
        return []
    found = []
    for line in raw:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and isinstance(row.get("caught"), list) and isinstance(row.get("file"), str):
            found.append(row)
    return found
