"""Logs of other tools as artifacts: JSON lines or CSV with mapped names, and the trainer_state.json of a Hugging Face trainer."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from engine.contract import events as e
from engine.contract.errors import BadInput
from engine.diagnosis.artifacts import EMPTY, Artifacts, Floats, Table
from engine.diagnosis.evidence import Evidence

ALIASES: dict[str, tuple[str, ...]] = {
    "step": ("step", "global_step", "_step", "iteration", "iter", "train/global_step", "trainer/global_step"),
    "epoch": ("epoch", "train/epoch"),
    "loss": ("loss", "train_loss", "train/loss", "training_loss", "loss/train", "nll"),
    "val": ("val", "val_loss", "eval_loss", "val/loss", "eval/loss", "valid_loss", "validation_loss", "loss/val", "val_nll"),
    "lr": ("lr", "learning_rate", "train/learning_rate", "train/lr"),
    "grad_norm": ("grad_norm", "train/grad_norm", "gradient_norm", "grad/norm", "gnorm"),
    "update_ratio": ("update_ratio", "train/update_ratio"),
    "kl": ("kl", "train/kl", "objective/kl"),
    "tau": ("tau",),
    "lam": ("lam", "lambda", "beta"),
    "fired": ("fired",),
    "g_nll": ("g_nll",),
    "g_bar": ("g_bar",),
    "tokens": ("tokens", "num_tokens", "num_input_tokens_seen"),
}  # fmt: skip
"""Names that are understood without --map, first come first."""
Rows = Sequence[Mapping[str, Any]]


def read_log(path: Path, names: Mapping[str, str] | None = None, vocabulary: int | None = None) -> Artifacts:
    """A foreign log. `names` maps ours to its columns, such as {"loss": "train/loss"}; `vocabulary` is the tokenizer's size.

    Raises BadInput when the file cannot be read as a log at all, or a mapped name is not ours or not in it."""
    for ours in names or {}:
        if ours not in ALIASES:
            raise BadInput(f"--map {ours}=... is no column that is looked at; those are: {', '.join(ALIASES)}")
    if vocabulary is not None and vocabulary < 2:
        raise BadInput(f"a vocabulary of {vocabulary} cannot be trained on: give the tokenizer's size")
    rows, lines, damage = _rows(path)
    chosen = _chosen(path, rows, names or {})
    held = {ours: _column(rows, theirs) for ours, theirs in chosen.items()}
    nonfinite = _nonfinite(path.name, rows, lines, chosen, held.get("step"))
    clean = {ours: np.where(np.isfinite(v), v, np.nan) for ours, v in held.items()}
    steps, epochs = tables(path.name, clean, np.asarray(lines, np.float64))
    return Artifacts(
        name=path.name, origin="log", steps=steps, epochs=epochs, vocabulary=vocabulary, nonfinite=tuple(nonfinite),
        damage=tuple(damage),
    )  # fmt: skip


def tables(file: str, held: Mapping[str, Floats], lines: Floats) -> tuple[Table, Table]:
    """(steps, validations) of columns with our names; a row may hold either, or both."""
    n = len(lines)
    if not n:
        return EMPTY, EMPTY
    base = {"line": lines, "round": np.zeros(n), "epoch": held.get("epoch", np.full(n, np.nan))}
    step = held.get("step")
    base["step"] = np.arange(n, dtype=np.float64) if step is None or not np.isfinite(step).any() else step
    every = {**base, **{k: v for k, v in held.items() if k not in base}}
    validated = np.isfinite(held["val"]) if "val" in held else np.zeros(n, bool)
    trained = np.zeros(n, bool)
    for name in ("loss", "grad_norm", "lr"):
        if name in held:
            trained |= np.isfinite(held[name])
    steps = Table(file, {k: v[trained] for k, v in every.items()}) if trained.any() else EMPTY
    if not validated.any():
        return steps, EMPTY
    columns = {k: v[validated] for k, v in base.items()}
    columns["val_nll"] = held["val"][validated]
    columns["train_nll"] = _between(held.get("loss", np.full(n, np.nan)), np.flatnonzero(validated))
    return steps, Table(file, columns)


def script_tables(file: str, found: Sequence[tuple[int, e.ScriptStep]]) -> tuple[Table, Table]:
    """The tables of a script's own steps in a run folder."""
    rows: list[Mapping[str, Any]] = []
    for _, event in found:
        told = msgspec.structs.asdict(event)
        rows.append({**event.values, **{k: v for k, v in told.items() if isinstance(v, (int, float))}})
    known = {name for row in rows for name in row}
    chosen = {ours: hit for ours, names in ALIASES.items() if (hit := next((x for x in names if x in known), None))}
    held = {ours: _column(rows, theirs) for ours, theirs in chosen.items()}
    return tables(file, held, np.asarray([n for n, _ in found], np.float64))


def _between(loss: Floats, at: np.ndarray[Any, np.dtype[np.intp]]) -> Floats:
    """Mean of the training losses since the validation before, NaN where there is none."""
    known = np.isfinite(loss)
    total, count = np.cumsum(np.where(known, loss, 0.0)), np.cumsum(known)
    sums, counts = np.diff(total[at], prepend=0.0), np.diff(count[at], prepend=0)
    means: Floats = np.divide(sums, counts, out=np.full(len(at), np.nan), where=counts > 0)
    return means


def _rows(path: Path) -> tuple[Rows, list[int], list[Evidence]]:
    """(rows, the line of each, what is damaged)."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}; give a log in JSON lines, CSV, or a trainer_state.json") from None
    if path.suffix.lower() == ".csv":
        return _csv(path, data)
    if path.suffix.lower() == ".json":
        return _trainer_state(path, data)
    return _json_lines(path, data)


def _json_lines(path: Path, data: bytes) -> tuple[Rows, list[int], list[Evidence]]:
    rows: list[Mapping[str, Any]] = []
    lines: list[int] = []
    bad: list[int] = []
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            rows.append(decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError):
            found = _lenient(line)  # NaN and Infinity, which JSON does not have and Python writes
            if found is None:
                bad.append(number)
                continue
            rows.append(found)
        lines.append(number)
    if bad and not rows:
        raise BadInput(
            f"{path} is not JSON lines: line {bad[0]} is no JSON object; name a CSV .csv, a trainer state .json"
        )
    damage = [Evidence(f"{len(bad)} lines are no JSON object and were left out", path.name, bad[0])] if bad else []
    return rows, lines, damage


def _lenient(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _csv(path: Path, data: bytes) -> tuple[Rows, list[int], list[Evidence]]:
    text = data.decode("utf-8", "replace").lstrip("\ufeff").splitlines()
    try:
        reader = csv.reader(text)
        header = next(reader, None)
        if not header or not any(name.strip() for name in header):
            raise BadInput(f"{path} has no header line with the names of its columns")
        header = [name.strip() for name in header]
        rows: list[Mapping[str, Any]] = []
        lines: list[int] = []
        bad: list[int] = []
        for row in reader:
            if len(row) == len(header):
                rows.append(dict(zip(header, row, strict=True)))
                lines.append(reader.line_num)
            elif row:
                bad.append(reader.line_num)
    except csv.Error as error:
        raise BadInput(f"{path} is not CSV: {error}") from None
    why = f"{len(bad)} lines do not have the {len(header)} columns of the header and were left out"
    return rows, lines, [Evidence(why, path.name, bad[0])] if bad else []


def _trainer_state(path: Path, data: bytes) -> tuple[Rows, list[int], list[Evidence]]:
    """log_history of a Hugging Face trainer; its lines are counted by the steps' own places in the file."""
    try:
        table = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path} is not whole JSON: {error}; name JSON lines .jsonl") from None
    history = table.get("log_history") if isinstance(table, dict) else table
    if not isinstance(history, list):
        raise BadInput(f"{path} has no log_history; it is no trainer_state.json")
    rows = [row for row in history if isinstance(row, dict)]
    return rows, _places(data, len(rows)), []


def _places(data: bytes, count: int) -> list[int]:
    """The line on which each entry of log_history begins, as json.dump with an indent writes it; 0 when that cannot be told."""
    start = data.find(b'"log_history"')
    found = [
        n
        for n, line in enumerate(data[start:].split(b"\n"), start=1 + data[:start].count(b"\n"))
        if line.strip() == b"{"
    ]
    return found[:count] if len(found) >= count else [0] * count


def _chosen(path: Path, rows: Rows, names: Mapping[str, str]) -> dict[str, str]:
    """Our names to the log's."""
    known = dict.fromkeys(name for row in rows for name in row)
    for ours, theirs in names.items():
        if theirs not in known:
            shown = ", ".join(list(known)[:20]) or "none"
            raise BadInput(f"{path} has no column {theirs!r} (--map {ours}={theirs}); it has: {shown}")
    found = {ours: hit for ours, all_ in ALIASES.items() if (hit := next((x for x in all_ if x in known), None))}
    return found | dict(names)


def _column(rows: Rows, name: str) -> Floats:
    """A column as numbers; NaN where there is none."""
    return np.fromiter((_number(row.get(name)) for row in rows), np.float64, len(rows))


def _number(value: Any) -> float:
    if type(value) is float or type(value) is int:
        return float(value)
    if isinstance(value, str) and value:
        try:
            return float(value)
        except ValueError:
            return math.nan
    return math.nan


def _nonfinite(
    file: str, rows: Rows, lines: list[int], chosen: Mapping[str, str], steps: Floats | None
) -> Iterable[Evidence]:
    """Losses and gradient norms that were logged and are not finite, the first of each."""
    words = {"loss": "loss", "val": "validation loss", "grad_norm": "gradient norm"}
    for ours, what in words.items():
        theirs = chosen.get(ours)
        for place, row in enumerate(rows if theirs else ()):
            value = row.get(theirs or "")
            if value is None or value == "" or math.isfinite(number := _number(value)):
                continue
            if math.isnan(number) and not (isinstance(value, float) or str(value).strip().lower() in ("nan", "-nan")):
                continue
            step = -1 if steps is None or not np.isfinite(steps[place]) else int(steps[place])
            yield Evidence(f"{what} is {number:g}", file, lines[place], step)
            break
