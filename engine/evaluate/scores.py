"""Per-item scores become metrics with intervals and paired changes against the base on the same items."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.contract.errors import BadInput
from engine.contract.files import write_atomic
from engine.contract.stats import bootstrap, paired

Floats = NDArray[np.float64]


@dataclass
class Scores:
    """`items` holds one value per item with the item's template; `ppl` the tail perplexities; `whole` metrics of the set as one."""

    items: dict[str, tuple[Floats, list[str]]] = field(default_factory=dict)
    ppl: tuple[Floats, list[str]] | None = None
    whole: dict[str, float] = field(default_factory=dict)
    dropped: int = 0

    def add(self, name: str, values: list[float], clusters: list[str]) -> None:
        """Per-item values of a metric that is their mean."""
        self.items[name] = (np.asarray(values, dtype=np.float64), clusters)


Table = tuple[dict[str, float], dict[str, tuple[float, float]], dict[str, int]]


def table(scores: Scores, resamples: int, seed: int) -> Table:
    """(metrics, 95% intervals, items behind each) of a subject; metrics of the set as one have no interval."""
    metrics, ci, n = dict(scores.whole), {}, {}
    for name, (values, clusters) in scores.items.items():
        found = bootstrap(values, clusters, resamples=resamples, seed=seed)
        metrics[name], ci[name], n[name] = found.value, (found.low, found.high), len(values)
    if scores.ppl is not None:
        values, clusters = scores.ppl
        for name, q in (("tail_ppl", 0.5), ("tail_ppl_p90", 0.9)):
            found = bootstrap(
                values, clusters, lambda x, q=q: np.quantile(x, q), resamples=min(resamples, 500), seed=seed
            )  # type: ignore[misc]
            metrics[name], ci[name], n[name] = found.value, (found.low, found.high), len(values)
    return metrics, ci, n


def changes(
    scores: Scores, base: Scores, resamples: int, seed: int
) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """Paired differences to the base with their 95% intervals, for every metric measured on the same items of both."""
    change, ci = {}, {}
    for name, (values, clusters) in scores.items.items():
        if name in base.items and len(base.items[name][0]) == len(values):
            found = paired(values, base.items[name][0], clusters, resamples=resamples, seed=seed)
            change[name], ci[name] = found.value, (found.low, found.high)
    return change, ci


def save_scores(path: Path, scores: Scores) -> None:
    """Per-item scores as JSON, floats to the bit."""
    table = {
        "items": {name: [values.tolist(), clusters] for name, (values, clusters) in scores.items.items()},
        "ppl": None if scores.ppl is None else [scores.ppl[0].tolist(), scores.ppl[1]],
        "whole": scores.whole,
        "dropped": scores.dropped,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, msgspec.json.encode(table))


def load_scores(path: Path) -> Scores:
    """The inverse of save_scores. Raises BadInput."""
    try:
        table = msgspec.json.decode(path.read_bytes())
        found = Scores(whole=table["whole"], dropped=table["dropped"])
        for name, (values, clusters) in table["items"].items():
            found.add(name, values, clusters)
        if table["ppl"] is not None:
            found.ppl = (np.asarray(table["ppl"][0], dtype=np.float64), table["ppl"][1])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path} does not hold the base's scores: {error}") from None
    return found
