"""Columns of numbers that grow at their end, with views that never change under whoever holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

Column = np.ndarray[tuple[int], np.dtype[np.floating]]
"""One-dimensional; NaN where a value was not measured."""


class Columns:
    """Named columns of one length: doubles hold counts and seconds, singles hold measured values, so that a long run stays small."""

    def __init__(self, doubles: Sequence[str], singles: Sequence[str]) -> None:
        self._held = {name: np.empty(64, np.float64) for name in doubles}
        self._held |= {name: np.empty(64, np.float32) for name in singles}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def extend(self, rows: Mapping[str, Sequence[float]]) -> None:
        """Append one or more values to every column. Raises ValueError when a column is missing or of another length."""
        counts = {len(rows[name]) for name in self._held if name in rows}
        if len(counts) != 1 or rows.keys() != self._held.keys():
            raise ValueError(f"columns {sorted(self._held)} need one value each a row")
        end = self._length + counts.pop()
        for name, held in self._held.items():
            if end > len(held):
                self._held[name] = np.concatenate([held, np.empty(max(end, 2 * len(held)) - len(held), held.dtype)])
            self._held[name][self._length : end] = rows[name]
        self._length = end

    def keep(self, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> None:
        """Only the chosen rows stay; views handed out before still hold what they held."""
        self._held = {name: held[: self._length][chosen].copy() for name, held in self._held.items()}
        self._length = int(chosen.sum())

    def view(self) -> Mapping[str, Column]:
        """Read-only views of every column as it is now; no copy."""
        shown = {}
        for name, held in self._held.items():
            shown[name] = held[: self._length]
            shown[name].flags.writeable = False
        return MappingProxyType(shown)
