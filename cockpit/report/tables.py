"""Tables of a run for a terminal: metrics down, base, prompted, steered and healed across."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.contract.events import Evaluated
from journal.record import Record
from journal.text import LABELS, MAIN, PUBLISHED, interval, label, number

SUBJECTS = ("base", "prompted", "steered", "healed", "model")


def console(stderr: bool = False) -> Console:
    """A console that stays readable in a pipe."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, highlight=False, width=None if stream.isatty() else 110)


def metrics_table(record: Record, *, every: bool = False) -> Table | None:
    """The last row of each subject on the run's headline split, the healed one and its change with intervals; None without rows."""
    split = record.table_split()
    rows = {s: row for s in SUBJECTS if (row := record.row(s, split) or record.row(s)) is not None}
    if not rows:
        return None
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(split)
    for subject, row in rows.items():
        table.add_column(_heading(subject, row, split), justify="left" if subject == "healed" else "right")
    healed = rows.get("healed")
    changed = healed is not None and bool(healed.change)
    if changed:
        table.add_column("healed − base")
    for metric in metrics(list(rows.values()), every=every):
        cells: list[Text | str] = [Text(label(metric), style="dim")]
        cells += [_cell(metric, row, with_interval=subject == "healed") for subject, row in rows.items()]
        if changed and healed is not None:
            cells.append(_change(metric, healed))
        table.add_row(*cells)
    return table


def metrics(rows: Sequence[Evaluated], *, every: bool = False) -> list[str]:
    """The metrics that any row has, in house order; only the main ones unless `every`."""
    present = {name for row in rows for name in row.metrics}
    known = [m for m in (LABELS if every else (*MAIN, *PUBLISHED)) if m in present]
    foreign = every or not known  # a script's metrics have names of its own
    return known + (sorted(present - set(LABELS)) if foreign else [])


def ladder_row(table: Table, event: Evaluated) -> None:
    """Add one dose to a ladder table."""
    dose = f"{event.dose:g}" if event.subject == "steered" else event.subject
    cells = [Text(number(m, event.metrics.get(m))) for m in MAIN]
    table.add_row(Text(dose), *cells)


def ladder_table() -> Table:
    """Doses down, the main metrics across."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("dose")
    for metric in MAIN:
        table.add_column(label(metric), justify="right")
    return table


def _heading(subject: str, row: Evaluated, split: str) -> str:
    notes = [f"r{row.round}"] if subject in ("steered", "healed") and row.round else []
    notes += [row.split] if row.split != split else []
    return subject + (f" ({', '.join(notes)})" if notes else "")


def _cell(metric: str, row: Evaluated, *, with_interval: bool) -> Text:
    text = Text(number(metric, row.metrics.get(metric)))
    if with_interval and metric in row.ci:
        text.append(f" {interval(metric, row.ci[metric])}", style="dim")
    return text


def _change(metric: str, row: Evaluated) -> Text:
    text = Text(number(metric, row.change.get(metric), sign=True))
    if metric in row.change_ci:
        low, high = row.change_ci[metric]
        inside = low <= 0 <= high
        text.append(f" {interval(metric, (low, high), sign=True)}", style="dim")
        if inside:
            text.stylize("dim")
    return text
