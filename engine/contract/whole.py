"""Whether the files of a closed run are those that its result recorded: a flipped bit, a torn copy or an edit has a name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.contract.hashes import sha256_file
from engine.contract.rundir import RunDir

NAMES = ("events.jsonl", "completions.jsonl", "units.jsonl", "provenance.json", "worker.log")
"""What no longer changes once a run is closed, and has no hash of its own."""


def hashes(folder: RunDir) -> dict[str, str]:
    """sha256 of each of NAMES that is there, and of every plugin's copy."""
    names = [*NAMES, *(str(p.relative_to(folder.path)) for p in sorted(folder.plugins.glob("*.py")))]
    return {name: sha256_file(folder.path / name) for name in names if (folder.path / name).is_file()}


def altered(folder: RunDir, result: Mapping[str, Any]) -> list[str]:
    """The names of files that are not as the result recorded them, or gone; none for a result that recorded none."""
    return [
        name
        for name, told in result.get("files", {}).items()
        if not (folder.path / name).is_file() or sha256_file(folder.path / name) != told
    ]
