"""The rows a round was trained and validated on: how many, and whether the two sets share any, word for word (requirement D4)."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.diagnosis.artifacts import Split


class _Row(msgspec.Struct, frozen=True):
    split: str
    prompt: list[int]
    completion: list[int]


_decoder = msgspec.json.Decoder(_Row)


def split(number: int, path: Path, shown: str) -> Split:
    """The split of a heal set. Raises ValueError on a damaged file, OSError when it cannot be read."""
    train: set[tuple[tuple[int, ...], tuple[int, ...]]] = set()
    held: list[tuple[int, tuple[tuple[int, ...], tuple[int, ...]]]] = []
    rows = 0
    for line, data in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            row = _decoder.decode(data)
        except msgspec.DecodeError as error:
            raise ValueError(f"line {line} is no row of a heal set: {error}") from None
        pair = (tuple(row.prompt), tuple(row.completion))
        if row.split == "val":
            held.append((line, pair))
        else:
            train.add(pair)
            rows += 1
    shared = [line for line, pair in held if pair in train]
    return Split(number, shown, rows, len(held), len(shared), shared[0] if shared else 0)
