"""Selectivity: how far the trait's own foundations moved beyond any other, and only as far as the subject is still coherent.

    d_X = mean over vignettes of X_nats(subject) - X_nats(base), less its mean over the foundations off the axis
    selectivity = coherence^2 * (mean over the axis of s_X d_X - max over the rest of |d_X|)        s = +1 up, -1 down; in nats

Measured against the largest off-target foundation (KB38), as a difference and not as a ratio, which grows without bound where nothing
moves; coherence squared takes away what a collapse would earn (KB37). It is 0 for a subject that is the base."""

from __future__ import annotations

import numpy as np

from engine.contract.stats import Floats, Interval, bootstrap
from engine.contract.traits import Axis
from engine.contract.world import FOUNDATIONS
from engine.evaluate.scores import Scores


def selectivity(scores: Scores, base: Scores, axis: Axis, resamples: int, seed: int) -> Interval:
    """Selectivity in nats with its 95% interval, resampled over vignettes. Both must hold the same vignettes, else ValueError."""
    shift = np.stack([scores.items[f"{f}_nats"][0] - base.items[f"{f}_nats"][0] for f in FOUNDATIONS], axis=1)  # [n, 7]
    mass, clusters = scores.items["coherence"]
    signs = np.array([(f == axis.up) - (bool(axis.down) and f == axis.down) for f in FOUNDATIONS], dtype=np.float64)

    def of(rows: Floats) -> Floats:
        chosen = rows.astype(np.int64)
        mean = shift[chosen].mean(0)
        mean = mean - mean[signs == 0].mean()
        on = (signs * mean).sum() / np.abs(signs).sum()
        return np.asarray(mass[chosen].mean() ** 2 * (on - np.abs(mean[signs == 0]).max()))

    return bootstrap(np.arange(len(shift), dtype=np.float64), clusters, of, resamples=resamples, seed=seed)
