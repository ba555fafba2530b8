"""How a fault gets into a real run: by standing between the loop and one of its own parts, from outside, for as long as a block lasts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

Wrapper = Callable[..., Any]


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the laboratory. `fault` is '' for a healthy run, `strength` tuned or held_out, `sets` what its config has beside the
    base. Its `name` is unique and tells all of it."""

    fault: str = ""
    strength: str = "tuned"
    seed: int = 42
    variant: str = ""
    preset: str = "nano-care"
    sets: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.fault or f'healthy-{self.variant}'}-{self.strength}-{self.seed}".replace("_", "-")

    @property
    def run(self) -> str:
        """The id of its run, always the same one, so that a laboratory that was interrupted goes on."""
        return f"20260101T000000-{self.name}-flab"


@dataclass(frozen=True)
class Fault:
    """What is wrong, in which numbered fault of the list (0: a signature only), and the root causes that name it.

    `tuned` and `held_out` are the two strengths, in the fault's own unit. `inject(strength, bite)` is the context in which the run takes
    place, and calls `bite` once the fault has touched the run; `sets` are settings that the fault consists of, or needs. `after` does
    to the finished folder what nobody does while it runs."""

    name: str
    number: int
    what: str
    expected: tuple[str, ...]
    tuned: Any
    held_out: Any
    sets: Callable[[Any], tuple[str, ...]] = lambda strength: ()
    inject: Callable[[Any, Callable[[], None]], Any] | None = None
    after: Callable[[Any, Path, Callable[[], None]], None] | None = None
    preset: str = "nano-care"

    def strength(self, which: str) -> Any:
        return self.held_out if which == "held_out" else self.tuned


@contextmanager
def swapped(owner: Any, name: str, value: Any) -> Iterator[None]:
    """`owner.name` is `value` inside the block. Raises AttributeError where the loop has no such part."""
    original = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, original)


def wrapped(owner: Any, name: str, around: Wrapper) -> AbstractContextManager[None]:
    """`owner.name(...)` becomes `around(original, ...)` inside the block."""
    original = getattr(owner, name)
    return swapped(owner, name, lambda *args, **kwargs: around(original, *args, **kwargs))


def counted() -> Callable[[], int]:
    """A counter of calls, from 1."""
    numbers = count(1)
    return lambda: next(numbers)
