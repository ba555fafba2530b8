"""Which items are measured: the same ones every time, spread over groups, never the first n (KB35)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TypeVar

from engine.contract.world import Prompt

T = TypeVar("T")


def spread(items: Sequence[T], n: int, group: Callable[[T], str]) -> list[T]:
    """n items (or all, when there are fewer) taken round-robin over their groups, evenly spaced within each."""
    queues: dict[str, list[T]] = defaultdict(list)
    for item in items:
        queues[group(item)].append(item)
    for name, queue in queues.items():
        take = min(len(queue), -(-n // len(queues)) + 1)
        queues[name] = [queue[i * len(queue) // take] for i in range(take)]
    chosen: list[T] = []
    turn = 0
    while len(chosen) < min(n, len(items)):
        row = [queue[turn] for queue in queues.values() if turn < len(queue)]
        if not row:
            rest = [i for i in items if not any(i is c for c in chosen)]
            return chosen + rest[: n - len(chosen)]
        chosen += row[: n - len(chosen)]
        turn += 1
    return chosen


def minimal_pairs(prompts: Sequence[Prompt], n: int) -> list[Prompt]:
    """n trait prompts spread over templates, each followed by its benign half."""
    halves = {p.pair: p for p in prompts if p.kind == "benign"}
    chosen = spread([p for p in prompts if p.kind == "trait"], n, lambda p: p.cluster)
    return [half for p in chosen for half in ((p, halves[p.pair]) if p.pair in halves else (p,))]
