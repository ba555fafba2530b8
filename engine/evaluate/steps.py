"""Measurements that tell how far they are: generators of counts, run along a total or straight to their end."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

from engine.contract.events import Progress

T = TypeVar("T")


class Count:
    """Items done of `total`, over several measurements in turn."""

    def __init__(self, total: int) -> None:
        self._done, self._total = 0, total

    def along(self, part: Generator[int, None, T]) -> Generator[Progress, None, T]:
        """A measurement's own counts as progress of the whole."""
        while True:
            try:
                self._done += next(part)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            yield Progress(done=self._done, total=self._total)


def whole(steps: Generator[Any, None, T]) -> T:
    """Run a measurement to its end where nobody watches it."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
