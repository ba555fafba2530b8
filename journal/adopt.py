"""Taking runs of other tools and older journals into ours: what they say is kept, what they do not say is "not recorded".

Read are JSON lines and CSV (one run a line), a Hugging Face trainer_state.json, and Markdown with `## ` headings over `key: value` lines
or two-column tables. The key of an adopted entry is the hash of its source, so that adopting a file again changes nothing.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from engine.contract.errors import BadInput
from engine.contract.hashes import sha256
from engine.contract.redact import redact
from journal.blocks import Text, parse
from journal.book import Book
from journal.card import embed
from journal.fields import FIELDS
from journal.text import cell, plain, quoted

NOT_RECORDED = "not recorded"
LARGEST = 200_000_000
"""Bytes of a source that are read."""
_THEIRS = {
    "Model name": "model model_name model_id base_model",
    "Architecture": "architecture arch model_class",
    "Dimensions": "dimensions dims",
    "Key config": "config key_config hyperparameters",
    "Params EXACT": "params parameters params_exact num_parameters n_params parameter_count",
    "Data + count": "data dataset data_count train_data",
    "Steps/Epochs": "steps epochs steps_epochs global_step",
    "Batch/Seq": "batch batch_size batch_seq",
    "Seed": "seed",
    "Metric": "metric",
    "Best": "best best_metric result",
    "Time": "time duration runtime",
    "Hardware": "hardware gpu device",
    "Status": "status state",
    "Cost actual": "cost cost_actual",
    "Notes": "notes note summary",
    "date": "date created_at started_at start_time timestamp at",
    "name": "id name run run_id run_name title",
    "hypothesis": "hypothesis question",
}
_OURS = {their: ours for ours, names in _THEIRS.items() for their in names.split()}
_PAIR = re.compile(r"^\s*(?:[-*] )?(?:\*\*)?([A-Za-z][\w /+.-]{0,40}?)(?:\*\*)?\s*[:=](?:\*\*)?\s+(.+?)\s*$")
_CELLS = re.compile(r"^\s*\|\s*([^|]+?)\s*\|\s*([^|]*?)\s*\|\s*$")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_DONE = {"finished": "success", "completed": "success", "done": "success", "crashed": "failed", "error": "failed"}


class Taken(NamedTuple):
    """One run as it would be adopted: key, what it says by our names, its numbers, and what of it found no place."""

    key: str
    name: str
    date: str  # '' when the source gives none
    values: dict[str, str]
    metrics: dict[str, float]
    unmapped: list[str]
    known: bool = False  # in the journal already


def read(path: Path, mapping: Mapping[str, str] | None = None) -> list[Taken]:
    """The runs of a file. `mapping` says which of our names (a field of the sixteen, date, name, hypothesis, metrics) each of theirs is.

    Raises BadInput for a file that cannot be read, has no runs, or a mapping to a name that is not ours."""
    ours = {_key(field): field for field in (*FIELDS, "date", "name", "hypothesis", "metrics")}
    chosen = {}
    for theirs, name in (mapping or {}).items():
        if _key(name) not in ours:
            raise BadInput(f"--map {theirs}={name}: there is no {name!r}; use one of {', '.join(ours.values())}")
        chosen[_key(theirs)] = ours[_key(name)]
    try:
        if path.stat().st_size > LARGEST:
            raise BadInput(f"{path} has over {LARGEST // 1_000_000} MB; split it")
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from None
    found: dict[str, Taken] = {}
    for source in _sources(path, data):
        taken = _take(source, chosen)
        found.setdefault(taken.key, taken)
    if not found:
        raise BadInput(
            f"{path} has no runs in it: JSON lines, CSV, trainer_state.json or Markdown with ## headings are read"
        )
    return list(found.values())


def adopt(project: Path, path: Path, mapping: Mapping[str, str] | None = None, *, write: bool = False) -> list[Taken]:
    """What a file has to give, each marked with whether the journal knew it already; appended as `adopted` blocks with `write`.

    Raises BadInput."""
    book = Book(project)
    there = {block.key for block in parse(book.read())}
    found = [taken._replace(known=taken.key in there) for taken in read(path, mapping)]
    if write:
        with book.locked():
            for taken in found:
                if not taken.known:
                    day = taken.date or f"{datetime.now(UTC):%Y-%m-%d}"
                    book.append(taken.key, _text(taken, day, book.letter(day), path.name))
    return found


def _sources(path: Path, data: bytes) -> Iterator[dict[str, Any]]:
    if path.suffix.lower() in (".md", ".markdown"):
        yield from _markdown(data)
        return
    text = data.decode("utf-8-sig", "replace")
    if path.suffix.lower() in (".csv", ".tsv"):
        rows = csv.DictReader(io.StringIO(text), delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
        yield from ({str(k): v for k, v in row.items() if k and v} for row in rows)
        return
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        whole = None
    if isinstance(whole, dict) and isinstance(whole.get("log_history"), list):
        yield _trainer(whole, path)
        return
    if whole is not None:
        yield from (row for row in (whole if isinstance(whole, list) else [whole]) if isinstance(row, dict))
        return
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            raise BadInput(f"{path} line {number} is no JSON; mend or delete it, nothing was taken") from None
        if not isinstance(row, dict):
            raise BadInput(f"{path} line {number} is no JSON object; one run a line is read")
        yield row


def _trainer(state: dict[str, Any], path: Path) -> dict[str, Any]:
    """The last value of everything that a Hugging Face trainer logged."""
    last: dict[str, Any] = {}
    for row in state["log_history"]:
        if isinstance(row, dict):
            last |= {k: v for k, v in row.items() if k not in ("step", "epoch")}
    found = {"name": path.resolve().parent.name, "metrics": last}
    if state.get("global_step") is not None:
        found["steps"] = f"{state['global_step']} steps, {state.get('epoch', NOT_RECORDED)} epochs"
    if state.get("best_metric") is not None:
        found["best"] = str(state["best_metric"])
    return found


def _markdown(data: bytes) -> Iterator[dict[str, Any]]:
    """A section under each `## ` heading that has at least one pair; our own blocks are not taken again."""
    position, outside = 0, b""
    for block in parse(data):
        outside += data[position : block.start] + b"\n"
        position = block.end
    text = (outside + data[position:]).decode("utf-8", "replace")
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        heading, *lines = section.splitlines()
        pairs: dict[str, Any] = {}
        for line in lines:
            match = _CELLS.match(line) or _PAIR.match(line)
            if match and not set(match[2]) <= set("-: ") and _key(match[1]) not in ("field", "key", "metric_name"):
                pairs.setdefault(match[1], match[2])
        if pairs:
            day = _DAY.search(heading)
            pairs.setdefault("name", heading.strip())
            yield pairs | ({"date": day[0]} if day else {})


def _take(source: dict[str, Any], chosen: Mapping[str, str]) -> Taken:
    values: dict[str, str] = {}
    metrics: dict[str, float] = {}
    unmapped: list[str] = []
    for theirs, value in source.items():
        ours = (
            chosen.get(_key(theirs))
            or _OURS.get(_key(theirs))
            or next((f for f in FIELDS if _key(f) == _key(theirs)), "")
        )
        if ours == "metrics" or (
            not ours and _key(theirs) in ("metrics", "metric_values", "scores") and isinstance(value, dict)
        ):
            nested = value if isinstance(value, dict) else {theirs: value}
            for name, inner in nested.items():
                if (at := _number(inner)) is None:
                    unmapped.append(str(name))
                else:
                    metrics[_key(name)] = at
        elif ours and ours not in values and value not in (None, ""):
            values[ours] = _words(value)
        elif ours or value in (None, ""):
            if value not in (None, ""):
                unmapped.append(str(theirs))
        elif (at := _number(value)) is not None:
            metrics[_key(theirs)] = at
        else:
            unmapped.append(str(theirs))
    said = values.get("Params EXACT", "")
    if said and not re.fullmatch(r"\d+", said.replace(",", "").replace("_", "")):
        values["Notes"] = f"{values.get('Notes', '')} the source gives {said} parameters, which is not exact".strip()
        del values["Params EXACT"]
    day = _day(values.get("date", ""))
    if not day and "date" in values:
        unmapped.append("date")
    name = plain(values.get("name", ""), 100) or "a run without a name"
    key = f"adopted-{sha256(json.dumps(source, sort_keys=True, default=str).encode())[:20]}"
    return Taken(key, name, day, values, metrics, [plain(u, 60) for u in unmapped])


def _text(taken: Taken, date: str, letter: str, file: str) -> Text:
    source = plain(file, 80)
    status = taken.values.get("Status", "")
    level = f"adopted, seed {quoted(taken.values.get('Seed', NOT_RECORDED), 20)}"
    heading = f"## {date} ({letter}) · {quoted(taken.name, 120)} · [{level}]"
    dated = "" if taken.date else " Its own date is not recorded; this is the day it was adopted."
    lines = [f"**Adopted** from {quoted(source)}; nothing here was measured or checked by the cockpit.{dated}"]
    if "hypothesis" in taken.values:
        lines.append(f"**Asked.** {quoted(taken.values['hypothesis'], 600)}")
    if taken.unmapped:
        lines.append(f"**Left behind** ({len(taken.unmapped)}). {quoted(', '.join(taken.unmapped), 400)}")
    if taken.metrics:
        lines += ["", "| metric | value |", "|---|---:|"]
        lines += [f"| {cell(name, 60)} | {value:.6g} |" for name, value in taken.metrics.items()]
    lines += ["", "<details><summary>sixteen fields</summary>", "", "| field | value |", "|---|---|"]
    lines += [f"| {name} | {cell(taken.values.get(name, '') or NOT_RECORDED, 500)} |" for name in FIELDS]
    lines += ["", "</details>"]
    values: dict[str, Any] = {"adopted": taken.key, "source": source, "name": taken.name}
    values["status"] = _DONE.get(status.lower(), plain(status.lower(), 40)) or NOT_RECORDED
    values |= {"seed": int(taken.values["Seed"])} if taken.values.get("Seed", "").isdecimal() else {}
    values |= {"hypothesis": plain(taken.values["hypothesis"], 600)} if "hypothesis" in taken.values else {}
    values |= {f"model.{plain(name, 60)}": value for name, value in taken.metrics.items()}
    return Text(heading, "\n".join(lines) + "\n" + embed(values), "adopted")


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", str(name).lower()).strip("_")


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _words(value: Any) -> str:
    if isinstance(value, dict):
        value = ", ".join(f"{k} {v}" for k, v in value.items())
    return redact(plain(str(value), 600))


def _day(text: str) -> str:
    """The day of a date or of Unix seconds; '' when it is neither."""
    if match := _DAY.search(text):
        try:
            return f"{datetime.strptime(match[0], '%Y-%m-%d'):%Y-%m-%d}"
        except ValueError:
            return ""
    seconds = _number(text)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}" if seconds and 1e9 < seconds < 4e9 else ""
