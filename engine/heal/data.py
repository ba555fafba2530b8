"""The heal set of a round: kept completions and neutral replay, split once, ordered by key."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from engine.contract.errors import BadInput, Starved
from engine.contract.files import write_atomic
from engine.model.forward import Row
from engine.steer.noise import row_key


@dataclass(frozen=True)
class HealSet:
    """Rows to train on and kept rows held out from them; `replayed` of the training rows are neutral base answers."""

    train: tuple[Row, ...]
    val: tuple[Row, ...]
    replayed: int


def build(
    kept: Sequence[tuple[str, Row]], replay: Sequence[Row], val_fraction: float, seed: int, round_number: int
) -> HealSet:
    """Hold out whole prompts of the kept rows (prompt id, row) until val holds its fraction, at least one row, and mix the replay in.

    Raises Starved when holding out would leave nothing to train on, ValueError on a row without completion tokens (KB28)."""
    if any(not row.completion for _, row in kept):
        raise ValueError("a kept completion has no token to train on; every label would be masked")
    prompts = sorted({p for p, _ in kept})
    if len(prompts) < 2:
        raise Starved(
            f"{len(kept)} kept completions of {len(prompts)} prompt leave none for validation; keep more prompts"
        )
    order = np.random.default_rng(row_key(seed, round_number, "val")).permutation(len(prompts))
    held: set[str] = set()
    want = math.ceil(val_fraction * len(kept))
    for n in order[:-1]:
        if sum(p in held for p, _ in kept) >= want:
            break
        held.add(prompts[n])
    train = [row for p, row in kept if p not in held]
    return HealSet(tuple(train) + tuple(replay), tuple(row for p, row in kept if p in held), len(replay))


def write_healset(path: Path, healset: HealSet) -> None:
    """One JSON object a row: its split, its prompt and completion ids; the replay rows are the last of train."""
    rows = [("train", row) for row in healset.train] + [("val", row) for row in healset.val]
    first_replay = len(healset.train) - healset.replayed
    lines = [
        {
            "split": split,
            "replay": split == "train" and n >= first_replay,
            "prompt": row.prompt,
            "completion": row.completion,
        }
        for n, (split, row) in enumerate(rows)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, b"".join(msgspec.json.encode(line) + b"\n" for line in lines))


def read_healset(path: Path) -> HealSet:
    """The inverse of write_healset. Raises BadInput."""
    try:
        rows = [msgspec.json.decode(line, type=_SavedRow) for line in path.read_bytes().splitlines()]
    except (OSError, msgspec.DecodeError) as error:
        raise BadInput(f"{path} does not hold a round's heal set: {error}") from None
    split = {name: tuple(Row(r.prompt, r.completion) for r in rows if r.split == name) for name in ("train", "val")}
    return HealSet(split["train"], split["val"], sum(r.replay for r in rows))


class _SavedRow(msgspec.Struct):
    split: str
    replay: bool
    prompt: list[int]
    completion: list[int]


def replay_size(kept: int, share: float) -> int:
    """How many replay rows make `share` of kept + replay."""
    return round(kept * share / (1.0 - share))


def batches(rows: int, size: int, seed: int, round_number: int, epoch: int) -> Iterator[list[int]]:
    """Shuffled index batches of one epoch, the order keyed by (seed, round, epoch) (KB33); the last one may be short."""
    order = np.random.default_rng(row_key(seed, round_number, "order", epoch)).permutation(rows)
    for start in range(0, rows, size):
        yield [int(i) for i in order[start : start + size]]
