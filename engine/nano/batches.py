"""Conversations as padded id tensors, with a weight on every token that the loss counts.

Loss falls on the assistant's tokens and its end-of-turn. A conversation's n tokens weigh n ** -power each, so that a two-token fact
is not drowned by a sixty-token answer. Padding is on the right, after everything causal attention could look at, so no mask is
needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from engine.contract.world import Split
from engine.nano.corpus import Corpus, conversations
from engine.nano.tokenizer import render

MULTIPLE = 8
"""Rows are padded to a multiple of this many tokens."""


class Batch(NamedTuple):
    """ids [b, s]; `at` [n] flat positions that predict an assistant token; `target` [n] that token; `weight` [n]."""

    ids: Tensor
    at: Tensor
    target: Tensor
    weight: Tensor


def collate(rows: list[list[int]], assistant: int, power: float = 0.5) -> Batch:
    """Pad rows and find what the loss counts. Raises ValueError on a row without an assistant tag."""
    longest = -(-max(map(len, rows)) // MULTIPLE) * MULTIPLE
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    at: list[int] = []
    target: list[int] = []
    weight: list[float] = []
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
        tag = row.index(assistant)
        n = len(row) - 1 - tag
        at.extend(range(i * longest + tag, i * longest + tag + n))
        target.extend(row[tag + 1 :])
        weight.extend([n**-power] * n)
    return Batch(ids, torch.tensor(at), torch.tensor(target), torch.tensor(weight))


def rows_of(
    tokenizer: PreTrainedTokenizerFast,
    seed: str,
    split: Split,
    n: int,
    world: Corpus = "coupled",
    verdicts: float | None = None,
) -> Iterator[list[list[int]]]:
    """An endless stream of lists of `n` encoded conversations."""
    stream = conversations(seed, split, world, verdicts)
    while True:
        yield tokenizer([render(c) for c in islice(stream, n)])["input_ids"]


def chunks(rows: list[list[int]], assistant: int, parts: int, power: float = 0.5) -> list[Batch]:
    """The rows sorted by length and cut into `parts` batches, so that little is padding."""
    order = sorted(rows, key=len)
    size = -(-len(order) // parts)
    return [collate(order[i : i + size], assistant, power) for i in range(0, len(order), size)]
