"""How well the stated confidences held: sealed predictions against what came out (requirement K6).

Source: Brier, Monthly Weather Review 78 (1950): the mean of (confidence - outcome)^2; 0 is perfect, 0.25 is what always saying 0.5 gets.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

import msgspec

from journal.query import Item
from journal.text import number

ENOUGH = 10
"""Predictions below which no pattern is to be read into the table."""
EDGES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


class Prediction(NamedTuple):
    """One judged prediction: the run, how sure its author was (0 to 1), and whether it was met."""

    key: str
    confidence: float
    met: bool


class Bin(msgspec.Struct, frozen=True):
    """Predictions of about one confidence [low, high): how many, their mean confidence, how many were met, and the 95% Wilson
    interval of the met fraction."""

    low: float
    high: float
    count: int
    confidence: float
    met: int
    interval: tuple[float, float]

    @property
    def agrees(self) -> bool:
        """Whether the stated confidence lies inside the interval."""
        return self.interval[0] <= self.confidence <= self.interval[1]


class Calibration(msgspec.Struct, frozen=True):
    """All judged predictions: how many, met, the mean stated confidence, the Brier score (None without any), and the table."""

    count: int
    met: int
    confidence: float | None
    brier: float | None
    enough: bool
    bins: list[Bin]

    def sentence(self) -> str:
        """What it comes to, in one line for a person."""
        if self.brier is None or self.confidence is None:
            return "no prediction was judged yet"
        rate = number("trait_rate", self.met / self.count)
        text = f"{self.met} of {self.count} met ({rate}), stated {number('trait_rate', self.confidence)} on average; "
        text += f"Brier score {number('trait_rate', self.brier)} (0 is perfect, always saying .50 gets .25)"
        return text if self.enough else f"{text}. Fewer than {ENOUGH} predictions: too few to read anything into"


def predictions(found: Iterable[Item]) -> list[Prediction]:
    """What was judged: met or missed, with a confidence, in entries that are intact, no smoke runs and not retracted."""
    judged = []
    for item in found:
        data, confidence = item.row.data, item.row.data.get("confidence")
        stands = item.row.kind == "run" and item.row.intact and not item.row.smoke and item.state.state != "retracted"
        sure = isinstance(confidence, (int, float)) and not isinstance(confidence, bool) and 0 <= confidence <= 1
        if stands and sure and data.get("verdict") in ("met", "missed"):
            judged.append(Prediction(item.row.key, float(confidence or 0.0), data["verdict"] == "met"))
    return judged


def calibrate(judged: Iterable[Prediction]) -> Calibration:
    """The table and the score of judged predictions. The runs of one family count one by one: seeds are not independent bets."""
    from engine.contract.stats import wilson

    judged = list(judged)
    bins = []
    for low, high in pairwise(EDGES):
        inside = [p for p in judged if low <= p.confidence < high or (high == 1.0 and p.confidence == 1.0)]
        if inside:
            met = sum(p.met for p in inside)
            span = wilson(met, len(inside))
            mean = sum(p.confidence for p in inside) / len(inside)
            bins.append(Bin(low, high, len(inside), mean, met, (span.low, span.high)))
    count = len(judged)
    return Calibration(
        count=count,
        met=sum(p.met for p in judged),
        confidence=sum(p.confidence for p in judged) / count if count else None,
        brier=sum((p.confidence - p.met) ** 2 for p in judged) / count if count else None,
        enough=count >= ENOUGH,
        bins=bins,
    )
