"""The seeds of a claim, in the one order everybody takes them: five that are known by heart, then a fixed continuation (K12)."""

from __future__ import annotations

import hashlib

DEFAULT = (42, 137, 256, 314, 512)
"""Taken first, in this order."""
SMOKE, PUBLISHABLE = 3, 5
"""Seeds that a smoke claim and a publishable claim need."""


def seeds(count: int) -> tuple[int, ...]:
    """The first `count` seeds. From the sixth on, the k-th is 1000 + (sha256 of 'seed k', first 8 bytes) mod 9000, and one that is taken
    already is passed over: nobody can choose the seeds that suit them. Raises ValueError beyond 1000 of them."""
    if not 0 <= count <= 1000:
        raise ValueError(f"{count} seeds: between 0 and 1000 can be had")
    found, k = list(DEFAULT[:count]), len(DEFAULT)
    while len(found) < count:
        k += 1
        seed = 1000 + int.from_bytes(hashlib.sha256(f"seed {k}".encode()).digest()[:8], "big") % 9000
        if seed not in found:
            found.append(seed)
    return tuple(found)


def next_seeds(taken: set[int], count: int) -> tuple[int, ...]:
    """The next `count` seeds in order that are not taken."""
    return tuple(s for s in seeds(min(1000, len(taken) + count)) if s not in taken)[:count]
