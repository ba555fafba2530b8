"""What was measured, as tables: the subjects beside each other, the controls whether run or not, every metric by round."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cockpit.report.page.parts import Cell, figure_cell, table, words
from cockpit.report.tables import SUBJECTS, metrics
from engine.contract.events import Evaluated, decode
from engine.contract.rundir import RunDir
from journal.controls import Control
from journal.record import Record
from journal.text import MAIN, MISSING, RATES, label

Lines = dict[tuple[str, str, int, float, str], int]
"""Where evaluations stand in events.jsonl: (subject, split, round, dose, moment) to line, from 1."""


def lines(folder: RunDir) -> Lines:
    """The line of every evaluation of a run."""
    found: Lines = {}
    if not folder.events.exists():
        return found
    with folder.events.open("rb") as f:
        for number, line in enumerate(f, start=1):
            if b'"evaluated"' not in line:
                continue
            try:
                event = decode(line)
            except msgspec.DecodeError:
                continue
            if isinstance(event, Evaluated):
                found[_key(event)] = number
    return found


def at(where: Lines, row: Evaluated, run: str = "") -> str:
    """'events.jsonl:34', of another run with its name before it."""
    line = where.get(_key(row))
    return f"{f'{run}/' if run else ''}events.jsonl" + (f":{line}" if line else "")


def unit(metric: str) -> str:
    """What a metric counts in."""
    if metric.endswith("_nats"):
        return "nats"
    return "rate" if metric in RATES else "perplexity" if metric.startswith("tail_ppl") else ""


def headline(record: Record, where: Lines) -> str:
    """Metrics down, subjects across on the split of the headline, each with its 95% interval; the healed one's paired change last."""
    split = record.table_split()
    rows = {s: row for s in SUBJECTS if (row := record.row(s, split) or record.row(s)) is not None}
    if not rows:
        return ""
    last = rows.get("healed")
    changed = last is not None and bool(last.change)
    headings = [
        f"on {split}",
        *(_heading(s, r, split) for s, r in rows.items()),
        *(["healed − base"] if changed else []),
    ]
    made = []
    for metric in metrics(list(rows.values())):
        cells = [_name(metric)]
        cells += [figure_cell(metric, r.metrics.get(metric), r.ci.get(metric), at(where, r)) for r in rows.values()]
        if changed and last is not None:
            change = figure_cell(
                metric, last.change.get(metric), last.change_ci.get(metric), at(where, last), sign=True
            )
            low, high = last.change_ci.get(metric, (0.0, 0.0))
            cells.append(change._replace(kind="n dim" if low <= 0 <= high else "n"))
        made.append(("", cells))
    return table(headings, made)


def controls(found: Sequence[Control], where: Lines, healed: Evaluated | None) -> str:
    """The healed student above its controls; one that was not run says so in its row."""
    if not found:
        return ""
    made = []
    if healed is not None:
        own = [figure_cell(m, healed.metrics.get(m), None, at(where, healed)) for m in MAIN]
        made.append(("strong", [Cell(f"this run, healed r{healed.round}"), *own]))
    for control in found:
        for row in control.rows:
            dose = f", dose {row.dose:.3g}" if row.subject == "steered" else ""
            mine = where if not control.run else {}
            cells = [figure_cell(m, row.metrics.get(m), None, at(mine, row, control.run)) for m in MAIN]
            note = f'<span class="ci">{words(control.said)}</span>' if control.said else ""
            made.append(("", [Cell(words(control.name + dose) + note), *cells]))
        if not control.rows:
            note = f'<span class="ci">{words(control.said)}</span>'
            made.append(("dim", [Cell(words(control.name) + note), *(Cell(MISSING, "n dim") for _ in MAIN)]))
    return table(["control", *map(label, MAIN)], made)


def by_round(record: Record, where: Lines) -> str:
    """Every evaluation of the run in the order of the rounds, with every metric and its interval."""
    rows = sorted(record.evaluated, key=lambda e: (e.split == "test", e.round, SUBJECTS.index(e.subject)))
    if not rows:
        return ""
    shown = metrics(rows, every=True)
    made = []
    for e in rows:
        name = f"{e.subject}{f' r{e.round}' if e.round else ''}" + (
            f", dose {e.dose:.3g}" if e.subject == "steered" else ""
        )
        dropped = f'<span class="ci">{e.dropped} unscored</span>' if e.dropped else ""
        cells = [figure_cell(m, e.metrics.get(m), e.ci.get(m), at(where, e)) for m in shown]
        kind = "strong" if e.subject == "healed" and e.round == record.best and e.split == "test" else ""
        made.append((kind, [Cell(words(name) + dropped), Cell(e.split, "dim"), *cells]))
    return table(["subject", "split", *map(label, shown)], made)


def _key(e: Evaluated) -> tuple[str, str, int, float, str]:
    return e.subject, e.split, e.round, e.dose, e.at


def _heading(subject: str, row: Evaluated, split: str) -> str:
    notes = [f"r{row.round}"] if subject in ("steered", "healed") and row.round else []
    notes += [row.split] if row.split != split else []
    return subject + (f" ({', '.join(notes)})" if notes else "")


def _name(metric: str) -> Cell:
    said = unit(metric)
    return Cell(words(label(metric)) + (f'<span class="ci">{said}</span>' if said else ""))
