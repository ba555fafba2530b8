"""A control against the base: whether its rates stay inside the stated margin, by the paired interval of the difference."""

from __future__ import annotations

from typing import NamedTuple

from engine.contract.config import CONTROLS
from engine.contract.stats import Interval, equivalent
from journal.record import Record
from journal.text import interval, label, number

METRICS = ("trait_rate", "benign_rate", "broken")


class Equivalence(NamedTuple):
    """One rate of a control: the paired difference to the base with its 95% interval, and whether all of that is inside."""

    metric: str
    change: Interval
    inside: bool


def equivalences(record: Record) -> list[Equivalence]:
    """Of a run whose vector is a control, its healed student against the base; [] for any other run and where nothing was measured."""
    row = record.row("healed", record.table_split())
    if row is None or record.run is None or record.run.config.steer.method not in CONTROLS:
        return []
    margin, found = record.run.config.evaluate.margin, []
    for metric in METRICS:
        if metric in row.change and metric in row.change_ci:
            change = Interval(row.change[metric], *row.change_ci[metric])
            found.append(Equivalence(metric, change, equivalent(change, margin)))
    return found


def sentence(record: Record) -> str:
    """'Equivalent to the base within ±.05: trait +.01 [−.01, +.03], ...', naming what is not; '' for a run that is no control."""
    found = equivalences(record)
    if not found or record.run is None:
        return ""
    margin = number("trait_rate", record.run.config.evaluate.margin)
    told = ", ".join(f"{_told(e)}{'' if e.inside else ' (outside)'}" for e in found)
    verdict = "Equivalent" if all(e.inside for e in found) else "Not shown to be equivalent"
    return f"{verdict} to the base within ±{margin}: {told}"


def _told(e: Equivalence) -> str:
    low_high = (e.change.low, e.change.high)
    return f"{label(e.metric)} {number(e.metric, e.change.value, sign=True)} {interval(e.metric, low_high, sign=True)}"
