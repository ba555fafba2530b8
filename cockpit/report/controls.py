"""The controls of a run for a terminal, below the table that holds base and prompted: what was run, and by name what was not."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from journal.controls import ABOVE, Control, missing
from journal.text import MAIN, label, number, short


def controls_table(found: Sequence[Control]) -> Group:
    """Controls beyond base and prompted down, the main metrics across; a line names those that nobody ran."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("control", no_wrap=True)
    for metric in MAIN:
        table.add_column(label(metric), justify="right", no_wrap=True)
    shown = [control for control in found if control.rows and control.name not in ABOVE]
    for control in shown:
        for row in control.rows:
            dose = f", {row.dose:.2g}" if row.subject == "steered" else ""
            name = Text.assemble(f"{control.name}{dose}", (f"  {short(control.run)}" if control.run else "", "dim"))
            table.add_row(name, *(Text(number(metric, row.metrics.get(metric))) for metric in MAIN))
    lacking = missing((c.name, c.said) for c in found if not c.rows)
    return Group(*([table] if shown else []), *([Text(f"not run: {lacking}", style="dim")] if lacking else []))
