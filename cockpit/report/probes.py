"""Probe records as tables: each with its value, where a healthy one lies and its verdict; and the blocks of the model side by side."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from msgspec import UNSET
from rich.table import Table
from rich.text import Text

from engine.contract.probed import ProbeRecord
from journal.text import MISSING, plain

_SIGNS = {True: "✓", False: "✗", None: "–"}
_COLUMNS = {"gradient_norm": "gradient norm", "update_ratio": "update ratio", "dead_units": "dead units"}


def label(record: ProbeRecord) -> str:
    """A probe's name as a person reads it."""
    return record.probe.replace("_", " ")


def probe_table(records: Sequence[ProbeRecord]) -> Table:
    """One row a probe."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("probe", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("unit", no_wrap=True)
    table.add_column("healthy", no_wrap=True)
    table.add_column("verdict")
    for record in records:
        value = MISSING if record.value is UNSET else figure(record.value)
        band = MISSING if record.healthy is UNSET else f"{figure(record.healthy[0])} to {figure(record.healthy[1])}"
        name = Text(f"{_SIGNS[record.sound]} {label(record)}", style="bold" if record.sound is False else "")
        table.add_row(
            name, Text(value), Text(record.unit, style="dim"), Text(band, style="dim"), Text(plain(record.verdict, 600))
        )
    return table


def layer_table(records: Sequence[ProbeRecord]) -> Table | None:
    """The blocks of the model down, what was measured of each across; None where nothing was. Matrices of a block show as their median."""
    found = {r.probe: r.per_layer for r in records if r.probe in _COLUMNS and r.per_layer}
    blocks = list(dict.fromkeys(b for probe in ("gradient_norm", "dead_units") for b in found.get(probe, {})))
    if not blocks:
        return None
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("block", no_wrap=True)
    for probe in found:
        table.add_column(_COLUMNS[probe], justify="right", no_wrap=True)
    for block in sorted(blocks, key=_order):
        cells = [[v for path, v in layers.items() if f"{path}.".startswith(f"{block}.")] for layers in found.values()]
        table.add_row(Text(plain(block, 80)), *(Text(figure(median(c)) if c else MISSING) for c in cells))
    return table


def figure(value: float) -> str:
    """Three significant digits: 0.0442, 1.17, 1.1e-03, 512."""
    if value == 0 or 1e-2 <= abs(value) < 1e4:
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:.1e}"


def _order(block: str) -> tuple[str, int]:
    """By the number that ends a block's path."""
    head, _, number = block.rpartition(".")
    return (head, int(number)) if number.isdecimal() else (block, 0)
