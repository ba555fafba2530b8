"""The checklist of a fork: its parent's answers stand, and only what the changed settings touch is asked again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import tomlkit

from cockpit.preflight import carry
from cockpit.runs.fork import Fork
from engine.contract.files import write_atomic
from engine.contract.hashes import canonical, sha256
from engine.contract.repeats import tail


def draft(project: Path, fork: Fork, hypothesis: str = "") -> tuple[Path, Sequence[str]]:
    """Write the fork's checklist to runs/.drafts and say what is open in it. A second call for the same fork keeps what was answered."""
    lineage = fork.lineage
    path = (
        project
        / "runs"
        / ".drafts"
        / f"fork-{tail(lineage.parent)}-{lineage.place.replace('@', '-')}-{_short(fork)}.toml"
    )
    wanted = list(fork.sets)
    said: Sequence[str] = []
    document = tomlkit.parse(path.read_text("utf-8")) if path.is_file() else None
    if document is None or list(document.get("set", [])) != wanted:
        found = carry.new(project, fork.preset, fork.sets, lineage.parent)
        document, said = tomlkit.parse(found.text), found.said
        document["set"] = wanted
        document["prior"]["comparator"] = lineage.parent  # type: ignore[index]
        if "acknowledged" in document:
            document["acknowledged"] = tail(lineage.parent)
    if hypothesis:
        document["question"]["hypothesis"] = hypothesis  # type: ignore[index]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, tomlkit.dumps(document).encode())
    return path, said


def _short(fork: Fork) -> str:
    """Tells forks at one place apart by what they change."""
    return sha256(canonical(fork.lineage.changes))[:6]
