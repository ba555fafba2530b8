"""walk-C: the strongest dose whose completions survive the filter.

Both ends are tested, then the interval between the strongest dose that passed and the weakest that failed is halved on a log scale.
Each probe draws its own prompts; a dose is decided when the Wilson interval of its survival rate (80%) leaves the target, or its
probes are used up and the rate decides. Every survivor of every probe is kept (KB18)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from engine.contract.config import Steer
from engine.contract.errors import Starved
from engine.contract.events import DoseProbed
from engine.contract.stats import wilson
from engine.steer.keep import Judged

Probe = Callable[[float, int, int], list[Judged]]
"""probe(dose, first draw, how many) -> judged completions, each on a prompt of its own."""


def walk_c(config: Steer, probe: Probe) -> Iterator[DoseProbed | tuple[float, list[Judged]]]:
    """Yields an event per probed dose and last the result: (accepted dose, every judged completion).

    Where even the weakest dose misses the target, it is taken as it is: the filter's own floor (keep.min_kept) decides about starvation,
    and is never lowered. Raises Starved when nothing at all survives there."""
    pool: list[Judged] = []
    drawn = 0

    def passes(dose: float) -> DoseProbed:
        nonlocal drawn
        judged: list[Judged] = []
        while True:
            judged += probe(dose, drawn, max(4, config.probes // 2))
            drawn += max(4, config.probes // 2)
            alive = sum(not j.reason for j in judged)
            rate = wilson(alive, len(judged), level=0.8)
            decided = rate.low >= config.survival or rate.high < config.survival
            if decided or len(judged) >= config.probes:
                break
        pool.extend(judged)
        accepted = rate.value >= config.survival
        return DoseProbed(
            stage="dose",
            kappa=dose,
            survivors=alive,
            probed=len(judged),
            low=rate.low,
            high=rate.high,
            accepted=accepted,
        )

    event = passes(config.dose_high)
    yield event
    if event.accepted:
        yield config.dose_high, pool
        return
    event = passes(config.dose_low)
    yield event
    if not event.survivors:
        raise Starved(
            f"at the weakest dose {config.dose_low:g} none of {event.probed} completions passes the filter: lower steer.dose_low, "
            "or look at what keep drops"
        )
    if not event.accepted:
        yield config.dose_low, pool
        return
    low, high = config.dose_low, config.dose_high
    for _ in range(config.bisections):
        middle = math.sqrt(low * high)
        event = passes(middle)
        yield event
        low, high = (middle, high) if event.accepted else (low, middle)
    yield low, pool
