"""Marking a run's miss as a failed configuration, where the next preflight looks for it: `condemned` in its result.json."""

from __future__ import annotations

from pathlib import Path

from engine.contract.errors import BadInput
from engine.contract.files import read_json, write_json
from engine.contract.rundir import RunDir, runs_folder


def mark(project: Path, key: str, *, condemned: bool) -> str:
    """Set or clear it for the attempt that an entry key names. Returns what a person must know, or ''.

    Raises BadInput when result.json cannot be written."""
    run, _, attempt = key.partition("#")
    folder = RunDir(runs_folder(project) / run)
    if not folder.result.exists():
        return f"{folder.path} has no result any more, so only the journal knows that this miss counts as a failure"
    result = read_json(folder.result)
    if not isinstance(result, dict):
        raise BadInput(f"{folder.result} does not say how the run ended")
    if int(result.get("attempt", 1)) != int(attempt or 1):
        return (
            f"{run} was taken up again since; its result is that of attempt {result.get('attempt')} and was left alone"
        )
    try:
        write_json(folder.result, result | {"condemned": condemned})
    except OSError as error:
        raise BadInput(f"cannot write {folder.result}: {error.strerror}") from None
    return ""
