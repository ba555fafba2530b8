"""A run folder as artifacts: live or finished, whole or damaged. What is absent or unreadable is named, and never fatal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from engine.contract import events as e
from engine.contract import units
from engine.contract.errors import BadInput
from engine.contract.files import read_json
from engine.contract.hashes import sha256_file
from engine.contract.probed import ProbeRecord, load_probed
from engine.contract.rundir import RunDir
from engine.contract.runfile import load_runfile
from engine.contract.script import load_script
from engine.contract.whole import altered
from engine.diagnosis import columns, foreign, healset, weights
from engine.diagnosis.artifacts import Artifacts, Layers, LogLine, Seen, Table
from engine.diagnosis.evidence import Evidence
from engine.diagnosis.texts import read_texts

TAIL = 64 << 10
"""Bytes of worker.log that are read, from its end."""
PICKLED = (".pt", ".pth", ".bin", ".pkl", ".pickle", ".ckpt")
E = TypeVar("E", bound=e.Event)


def read_run(folder: RunDir) -> Artifacts:
    """Everything that a run folder says. Raises BadInput when it is no folder."""
    if not folder.path.is_dir():
        raise BadInput(f"{folder.path} is not a run folder")
    missing: list[str] = []
    damage: list[Evidence] = []
    found, torn = _events(folder, missing)
    if torn:
        damage.append(Evidence(f"{len(torn)} lines are no event and were left out", "events.jsonl", torn[0]))
    facts: dict[str, Any] = {"name": folder.id, "origin": "run", **_stream(folder, found)}
    facts |= (
        _config(folder, damage, missing) | _model(folder, damage, missing) | _ending(folder, found, damage, missing)
    )
    facts["texts"] = read_texts(folder.completions, missing)
    facts["splits"] = tuple(_each(folder, "healset.jsonl", healset.split, damage))
    facts["layers"] = tuple(_each(folder, "adapter/adapter_model.safetensors", _layers, damage))
    facts["deep"] = _deep(folder, damage)
    facts["log"] = _log(folder.worker_log)
    facts["pickles"] = _pickles(folder)
    damage += _checked(folder)
    damage += [Evidence("was changed or damaged after the run was closed", name) for name in _altered(folder)]
    return Artifacts(**facts, damage=tuple(damage), missing=tuple(missing))


def _events(folder: RunDir, missing: list[str]) -> tuple[list[columns.Numbered], list[int]]:
    try:
        found, torn = columns.read(folder.events)
    except OSError:
        found, torn = [], []
    if not found:
        missing.append("events.jsonl, the record of the run")
    return found, torn


def _stream(folder: RunDir, found: list[columns.Numbered]) -> dict[str, Any]:
    file = folder.events.name
    steps, epochs = columns.heal_steps(file, found), columns.epochs(file, found)
    if not len(steps):
        scripted = [(n, event) for n, event in found if isinstance(event, e.ScriptStep)]
        steps, epochs = foreign.script_tables(file, scripted)
    planned = {
        event.round: event.total for _, event in found if isinstance(event, e.Progress) and event.stage == "heal"
    }
    return {
        "steps": steps,
        "epochs": _with_steps(epochs, steps),
        "probes": columns.probed(file, found),
        "started": _last(found, e.RunStarted),
        "finished": _last(found, e.RunFinished),
        "vectors": _all(found, e.VectorExtracted),
        "doses": _all(found, e.DoseProbed),
        "kept": _all(found, e.Kept),
        "baked": _all(found, e.RoundBaked),
        "evaluated": _all(found, e.Evaluated),
        "guards": _all(found, e.GuardTripped),
        "controls": _all(found, e.ControlApplied),
        "planned": planned,
    }


def _with_steps(epochs: Table, steps: Table) -> Table:
    """Epochs with the number of the step before each."""
    if not len(epochs) or not len(steps) or epochs.has("step"):
        return epochs
    row = np.searchsorted(steps["line"], epochs["line"]) - 1
    step = np.where(row >= 0, steps["step"][np.maximum(row, 0)], np.nan)
    return Table(epochs.file, {**epochs.columns, "step": step})


def _config(folder: RunDir, damage: list[Evidence], missing: list[str]) -> dict[str, Any]:
    if not folder.config.exists():
        missing.append("config.json, what was to be run")
        return {}
    try:
        return {} if load_script(folder.config) else {"config": load_runfile(folder.config).config}
    except BadInput as error:
        damage.append(Evidence(str(error), "config.json"))
        missing.append("config.json as it was launched")
        return {}


def _model(folder: RunDir, damage: list[Evidence], missing: list[str]) -> dict[str, Any]:
    """Vocabulary, and whether the weights ever saw data, as the checklist recorded them."""
    try:
        record = read_json(folder.preflight)
        known = record["evidence"]["facts"]
        return {"vocabulary": int(known["vocabulary"]), "pretrained": bool(known["pretrained"])}
    except BadInput as error:
        if folder.preflight.exists():
            damage.append(Evidence(str(error), "preflight.json"))
    except (KeyError, TypeError, ValueError, AttributeError):
        pass
    missing.append("preflight.json with the model's facts: vocabulary, pretrained or not")
    return {}


def _ending(
    folder: RunDir, found: Sequence[columns.Numbered], damage: list[Evidence], missing: list[str]
) -> dict[str, Any]:
    """Status and reason: what result.json says, else what the worker said."""
    finished = _last(found, e.RunFinished)
    table: dict[str, Any] = {}
    if folder.result.exists():
        try:
            told = read_json(folder.result)
            table = told if isinstance(told, dict) else {}
        except BadInput as error:
            damage.append(Evidence(str(error), "result.json"))
    if table.get("status"):
        where, code = Evidence(str(table.get("reason", "")), "result.json"), table.get("exit")
        return {
            "status": str(table["status"]),
            "reason": where.text,
            "exit": code if isinstance(code, int) else None,
            "ended": where,
        }
    if finished:
        told_by = finished.says(finished.event.reason)
        return {"status": finished.event.status, "reason": finished.event.reason, "ended": told_by}
    missing.append("result.json, how the run ended")
    return {"live": bool(found)}


def _each(folder: RunDir, name: str, reader: Any, damage: list[Evidence]) -> list[Any]:
    """What a reader makes of a file of every round that has it; `reader(round, path, name)`."""
    found = []
    for path in sorted((folder.path / "rounds").glob(f"*/{name}")):
        number = path.relative_to(folder.path / "rounds").parts[0]
        if not number.isdigit() or path.is_symlink():
            continue
        shown = str(path.relative_to(folder.path))
        try:
            found.append(reader(int(number), path, shown))
        except (OSError, ValueError, KeyError, TypeError) as error:
            damage.append(Evidence(f"cannot be read: {error}", shown, 0, -1, int(number)))
    return sorted(found, key=lambda held: int(held.round))


def _layers(number: int, path: Path, shown: str) -> Layers:
    return Layers(number, shown, weights.learnt(path))


def _deep(folder: RunDir, damage: list[Evidence]) -> tuple[ProbeRecord, ...]:
    """What `cockpit probe` found."""
    try:
        found = load_probed(folder)
    except BadInput as error:
        damage.append(Evidence(_within(folder, error), "probe.json"))
        return ()
    return tuple(found.probes) if found else ()


def _log(path: Path) -> tuple[LogLine, ...]:
    """The end of a log, with line numbers that are true when all of it was read."""
    try:
        data = path.read_bytes()
    except OSError:
        return ()
    first = data[:-TAIL].count(b"\n") if len(data) > TAIL else 0
    lines = data[-TAIL:].decode("utf-8", "replace").split("\n")
    return tuple(LogLine(first + n, text) for n, text in enumerate(lines, start=1) if text.strip())


def _pickles(folder: RunDir) -> tuple[Evidence, ...]:
    found = sorted(p for p in (folder.path / "rounds").rglob("*") if p.suffix.lower() in PICKLED and p.is_file())
    return tuple(
        Evidence("a pickle can run code when it is loaded; nothing here reads it", str(p.relative_to(folder.path)))
        for p in found
    )


def _altered(folder: RunDir) -> list[str]:
    try:
        return altered(folder, read_json(folder.result))
    except (BadInput, OSError, AttributeError):
        return []


def _checked(folder: RunDir) -> list[Evidence]:
    """Files and checkpoints of a run that are not as they were recorded."""
    found: list[Evidence] = []
    try:
        recorded = {path: told for unit in units.read_units(folder) for path, told in unit.files.items()}
    except (BadInput, OSError) as error:
        return [Evidence(_within(folder, error), "units.jsonl")]
    for path, told in recorded.items():
        try:
            now = sha256_file(folder.path / path)
        except FileNotFoundError:
            found.append(Evidence("was written before and is gone", path))
        except OSError as error:
            found.append(Evidence(f"cannot be read: {error.strerror}", path))
        else:
            if now != told:
                found.append(Evidence(f"its sha256 is {now[:8]}, {told[:8]} was recorded", path))
    for checkpoint in sorted((folder.path / "rounds").glob("*/checkpoints/*/checkpoint.json")):
        try:
            units.read_checkpoint(checkpoint.parent)
        except (BadInput, OSError) as error:
            found.append(Evidence(_within(folder, error), str(checkpoint.parent.relative_to(folder.path))))
    return found


def _within(folder: RunDir, error: Exception) -> str:
    """A message with paths as they are within the run folder."""
    return str(error).replace(f"{folder.path}/", "")


def _all(found: Sequence[columns.Numbered], kind: type[E]) -> tuple[Seen[E], ...]:
    return tuple(Seen(n, event) for n, event in found if isinstance(event, kind))


def _last(found: Sequence[columns.Numbered], kind: type[E]) -> Seen[E] | None:
    return next((Seen(n, event) for n, event in reversed(found) if isinstance(event, kind)), None)
