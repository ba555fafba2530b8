"""Forward passes over rows of ids: padding, hidden states at chosen positions, and the head applied to those positions only (KB29)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F
from transformers import PreTrainedModel

from engine.model.anatomy import final_logits
from engine.model.load import Loaded


class Row(NamedTuple):
    """A prompt and the completion that follows it, tokenised apart."""

    prompt: list[int]
    completion: list[int]


class Batch(NamedTuple):
    """Rows padded on one side. `mask` is 1 on real tokens."""

    ids: Int[Tensor, "b t"]
    mask: Int[Tensor, "b t"]
    positions: Int[Tensor, "b t"]


def pad(rows: Sequence[Sequence[int]], pad_id: int, device: torch.device, *, left: bool) -> Batch:
    """Pad id lists to one length; positions count real tokens from 0."""
    longest = max(len(r) for r in rows)
    ids = torch.full((len(rows), longest), pad_id, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for i, row in enumerate(rows):
        span = slice(longest - len(row), longest) if left else slice(0, len(row))
        ids[i, span] = torch.tensor(row, dtype=torch.long)
        mask[i, span] = 1
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    return Batch(ids.to(device), mask.to(device), positions.to(device))


def hidden(model: PreTrainedModel, batch: Batch) -> Float[Tensor, "b t d"]:
    """Final hidden states (after the last norm), before the vocabulary."""
    out = model.get_decoder()(
        input_ids=batch.ids, attention_mask=batch.mask, position_ids=batch.positions, use_cache=False
    )
    return out.last_hidden_state  # type: ignore[no-any-return]


def logits(model: PreTrainedModel, h: Float[Tensor, "*n d"]) -> Float[Tensor, "*n v"]:
    """Logits in fp32 of chosen hidden states, with the architecture's final softcap where it has one."""
    return final_logits(model, h)


def completion_positions(rows: Sequence[Row], width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """(flat index into [b*t] of the position that predicts each completion token, the token), in row order, right padding."""
    where, target = [], []
    for i, row in enumerate(rows):
        start = i * width + len(row.prompt) - 1
        where.append(torch.arange(start, start + len(row.completion)))
        target.append(torch.tensor(row.completion, dtype=torch.long))
    return torch.cat(where).to(device), torch.cat(target).to(device)


@torch.no_grad()
def score(loaded: Loaded, rows: Sequence[Row], *, batch_size: int = 0) -> list[Float[Tensor, " n"]]:
    """Log-probability (nats, fp32, on the CPU) of every completion token, row by row, in the order given.

    Rows are batched by length, so that padding stays small. A row without a completion raises ValueError."""
    if any(not r.completion for r in rows):
        raise ValueError("a row to score has no completion token")
    found: list[Tensor | None] = [None] * len(rows)
    for chunk in by_length([len(r.prompt) + len(r.completion) for r in rows], batch_size or auto_batch(loaded)):
        part = [rows[i] for i in chunk]
        batch = pad([r.prompt + r.completion for r in part], loaded.chat.pad, loaded.device, left=False)
        where, target = completion_positions(part, batch.ids.shape[1], loaded.device)
        h = hidden(loaded.model, batch).flatten(0, 1)[where]
        lengths = [len(r.completion) for r in part]
        picked = []
        at_once = positions_at_once(loaded.model.config.get_text_config().vocab_size)
        for h_part, t_part in zip(h.split(at_once), target.split(at_once), strict=True):
            picked.append(-F.cross_entropy(logits(loaded.model, h_part), t_part, reduction="none"))
        for i, lp in zip(chunk, torch.cat(picked).cpu().split(lengths), strict=True):
            found[i] = lp
    return [lp for lp in found if lp is not None]


def by_length(lengths: Sequence[int], size: int) -> Iterator[list[int]]:
    """Indices in chunks of similar length, longest first (so that running out of memory shows at once)."""
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    for start in range(0, len(order), size):
        yield order[start : start + size]


def positions_at_once(vocabulary: int) -> int:
    """Positions whose logits are held at once: 268 MB of them in fp32, 4,096 positions at most."""
    return min(4096, max(64, 2**26 // vocabulary))


def auto_batch(loaded: Loaded) -> int:
    """Rows in one pass: what two cores digest well, or what a GPU needs to be busy."""
    return 64 if loaded.device.type == "cpu" else 128
