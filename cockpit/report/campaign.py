"""Tables of campaigns for a terminal: the eight cells of an ablation, the arms over their seeds, and every member."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from engine.contract.events import Evaluated
from journal.ablation import VECTORS, changed, model
from journal.text import MAIN, label, number


def ablation_table(cells: Sequence[Evaluated]) -> Table:
    """Model by vector down, the main metrics across; under each value its paired change to the unsteered base."""
    table = _table("model", "vector")
    for metric in MAIN:
        table.add_column(label(metric), justify="right")
    for cell in cells:
        row = [Text(model(cell)), Text(VECTORS.get(cell.vector, cell.vector))]
        for metric in MAIN:
            text = Text(number(metric, cell.metrics.get(metric)))
            if cell.change:
                text.append(f"\n{changed(cell, metric)}", style="dim")
            row.append(text)
        table.add_row(*row)
    return table


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    return table
