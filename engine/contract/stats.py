"""Intervals and tests: bootstrap over items clustered by template, Wilson, t over seeds, rank correlation, equivalence with a margin
(requirement D6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Interval(NamedTuple):
    """A value with its interval."""

    value: float
    low: float
    high: float


def bootstrap(
    values: Floats,
    clusters: Sequence[str],
    statistic: Callable[[Floats], Floats] | None = None,
    *,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile interval of a statistic of `values` [n], resampling whole clusters.

    `statistic` maps an array [..., n] over its last axis (default: the mean, computed from cluster sums so that the cost does not
    grow with n). Raises ValueError on no values."""
    values = np.asarray(values, dtype=np.float64)
    if values.size == 0:
        raise ValueError("an interval needs at least one value")
    _, member = np.unique(np.asarray(clusters), return_inverse=True)
    groups = int(member.max()) + 1
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, groups, size=(resamples, groups))
    tail = (1 - level) / 2
    if statistic is None:
        sums, counts = np.bincount(member, values, groups), np.bincount(member, minlength=groups)
        means = sums[picks].sum(1) / counts[picks].sum(1)
        point = float(values.mean())
    else:
        items = [np.flatnonzero(member == g) for g in range(groups)]
        means = np.array(
            [statistic(values[np.concatenate([items[g] for g in row])]) for row in picks], dtype=np.float64
        )
        point = float(statistic(values))
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(point, float(low), float(high))


def paired(values: Floats, base: Floats, clusters: Sequence[str], *, resamples: int = 2000, seed: int = 0) -> Interval:
    """Mean paired difference to the base on the same items, with its clustered bootstrap interval."""
    return bootstrap(np.asarray(values) - np.asarray(base), clusters, resamples=resamples, seed=seed)


def wilson(successes: int, trials: int, level: float = 0.95) -> Interval:
    """Wilson score interval of a rate; (0, 0, 1) for no trials. 61 of 64 gives .87 to .99."""
    if trials == 0:
        return Interval(0.0, 0.0, 1.0)
    from scipy.special import ndtri  # a quarter of a second that most commands can do without

    z = float(ndtri(0.5 + level / 2))
    rate = successes / trials
    centre = (rate + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * float(np.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials)))
    return Interval(rate, max(0.0, centre - half), min(1.0, centre + half))


def t_interval(members: Sequence[float], level: float = 0.95) -> Interval:
    """Student t interval on the mean of seed means. Raises ValueError below two members."""
    x = np.asarray(members, dtype=np.float64)
    if x.size < 2:
        raise ValueError("a t interval needs at least two seeds")
    from scipy.special import stdtrit

    half = float(stdtrit(x.size - 1, 0.5 + level / 2)) * float(x.std(ddof=1)) / float(np.sqrt(x.size))
    mean = float(x.mean())
    return Interval(mean, mean - half, mean + half)


def welch(a: Sequence[float], b: Sequence[float], level: float = 0.95) -> Interval:
    """Welch's t interval on mean(a) - mean(b) of independent seeds, without the assumption of equal spread.

    Degrees of freedom after Satterthwaite. Raises ValueError below two members on a side."""
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if min(x.size, y.size) < 2:
        raise ValueError("a Welch interval needs at least two seeds on each side")
    u, v = float(x.var(ddof=1)) / x.size, float(y.var(ddof=1)) / y.size
    change = float(x.mean() - y.mean())
    widest = max(u, v)
    if widest == 0.0:
        return Interval(change, change, change)
    p, q = u / widest, v / widest  # scaled, so that the squares of tiny variances do not vanish
    freedom = (p + q) ** 2 / (p * p / (x.size - 1) + q * q / (y.size - 1))
    from scipy.special import stdtrit

    half = float(stdtrit(freedom, 0.5 + level / 2)) * float(np.sqrt(u + v))
    return Interval(change, change - half, change + half)


def spearman(a: Floats, b: Floats) -> float:
    """Rank correlation of two lists of equal length, ties at their mean rank. Raises ValueError where one side does not vary."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        raise ValueError("a rank correlation needs values that differ on both sides")
    return float(np.corrcoef(_ranks(a), _ranks(b))[0, 1])


def _ranks(values: Floats) -> Floats:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Floats = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return ranks


def equivalent(interval: Interval, margin: float) -> bool:
    """Whether a difference's interval lies inside plus or minus the stated margin."""
    if margin <= 0:
        raise ValueError("equivalence needs a margin above 0")
    return -margin < interval.low and interval.high < margin
