"""The ablation of a run in the journal (K14): one note on its entry that holds the eight cells, base and student by four vectors."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.contract.config import CONTROLS
from engine.contract.events import Evaluated, VectorExtracted, now
from journal.blocks import Text
from journal.book import Book, entry_key
from journal.card import embed
from journal.index import rows
from journal.record import Record
from journal.text import MAIN, MISSING, label, number, plain, quoted, short

LEGEND = "Below each value its paired change to the unsteered base; in parentheses where the 95% interval of the change holds 0."


def vector(method: str) -> str:
    """What a method is called in the table: a control by its name, the run's own vector full."""
    return method if method in ("none", *CONTROLS) else "full"


def model(cell: Evaluated) -> str:
    """The model of a cell: 'base', or 'student r4'."""
    return f"student r{cell.round}" if cell.subject == "healed" else "base"


def changed(cell: Evaluated, metric: str) -> str:
    """The paired change to the unsteered base, in parentheses where its interval holds 0; – where there is none."""
    value = cell.change.get(metric)
    if value is None:
        return MISSING
    low, high = cell.change_ci.get(metric, (value, value))
    text = number(metric, value, sign=True)
    return f"({text})" if low <= 0 <= high else text


def summary(cells: Sequence[Evaluated]) -> str:
    """What each vector does to the trait: 'base full +.44, zero (.00), random (+.03), shuffled (.00); student r4 full +.70, ...'."""
    parts = []
    for who in dict.fromkeys(model(c) for c in cells):
        mine = [c for c in cells if model(c) == who and c.change]
        parts.append(f"{who} " + ", ".join(f"{vector(c.vector)} {changed(c, 'trait_rate')}" for c in mine))
    return "; ".join(parts)


def cosines(vectors: Mapping[str, VectorExtracted]) -> str:
    """How far each control points along the full vector: shuffled signs leave much of a direction that the pairs share."""
    told = [
        f"{vector(method)} {number('cos', v.cos_first, sign=True)}"
        for method, v in vectors.items()
        if method in ("random", "shuffled") and isinstance(v.cos_first, float)
    ]
    return f"Cosine with the full vector: {', '.join(told)}."


def table(cells: Sequence[Evaluated]) -> list[dict[str, Any]]:
    """The cells as JSON-ready values: model, vector, dose, the main metrics, their changes and the intervals of these."""
    return [
        {
            "model": model(c),
            "vector": vector(c.vector),
            "dose": c.dose,
            "metrics": {m: round(c.metrics[m], 6) for m in MAIN if m in c.metrics},
            "change": {m: round(c.change[m], 6) for m in MAIN if m in c.change},
            "change_ci": {m: [round(x, 6) for x in c.change_ci[m]] for m in MAIN if m in c.change_ci},
        }
        for c in cells
    ]


def write(
    project: Path, record: Record, cells: Sequence[Evaluated], vectors: Mapping[str, VectorExtracted], by: str
) -> str:
    """Append the ablation as a note on the run's entry and return its key; '' when the newest one says the same already.

    Raises BadInput when the journal cannot be written."""
    book, of = Book(project), entry_key(record.id, record.attempt)
    norms = {vector(method): v.norm for method, v in vectors.items()}
    found = {"cells": table(cells), "norms": norms, "split": cells[0].split, "cosines": cosines(vectors)}
    at, stamp = now(), datetime.now(UTC)
    with book.locked():
        mine = (row.data for row in rows(project) if row.kind == "note" and row.intact and row.data.get("of") == of)
        if next((data["ablation"] for data in mine if "ablation" in data), None) == found:
            return ""
        key, date = f"{stamp:%Y%m%dT%H%M%S}-note-{secrets.token_hex(3)}", f"{stamp:%Y-%m-%d}"
        level = quoted(f"exploratory, seed {record.config.run.seed}, {record.preset}", 80)
        said = quoted(f"ablation of {short(record.id)}, trait against the base: {summary(cells)}", 180)
        heading = f"## {date} ({book.letter(date)}) · {said} · [{level}]"
        dose = max(c.dose for c in cells)
        text = f"ablation on {cells[0].split} at dose {dose:.2g}, trait against the unsteered base: {summary(cells)}"
        hidden = {"note": key, "of": of, "text": text, "ablation": found, "by": plain(by, 80), "at": at}
        parts = [f"{quoted(text, 400)}.", _markdown(cells), f"{LEGEND} {cosines(vectors)}", quoted(by, 80)]
        body = "\n\n".join(parts) + "\n"
        book.append(key, Text(heading, body + embed(hidden), "note"))
    return key


def _markdown(cells: Sequence[Evaluated]) -> str:
    columns = [m for m in MAIN if any(m in c.metrics for c in cells)]
    lines = ["| model | vector | " + " | ".join(label(m) for m in columns) + " |", "|---|---|" + "---:|" * len(columns)]
    for c in cells:
        values = (number(m, c.metrics.get(m)) + (f"<br>{changed(c, m)}" if c.change else "") for m in columns)
        lines.append(f"| {model(c)} | {vector(c.vector)} | " + " | ".join(values) + " |")
    return "\n".join(lines)
