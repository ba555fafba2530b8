"""A round's rows through the decoder: final hidden states at completion positions, with what can be saved on the way.

Blocks below the first adapted one (heal.layer_from) see the same weights in every epoch, under the base and under every student: what
enters the first adapted block is computed once a row. Where a step's activations would not fit, blocks are computed again in the
backward pass (gradient checkpointing, Chen et al. 2016). Neither changes a gradient beyond rounding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from engine.contract.estimate import activation_bytes
from engine.machine import free_memory
from engine.model.adapter import Student
from engine.model.forward import Batch, Row, auto_batch, by_length, completion_positions, hidden, pad


class Pass(NamedTuple):
    """Rows after one pass: final hidden states at completion positions, the tokens they predict, the completions' lengths."""

    h: Float[Tensor, "n d"]
    targets: Int[Tensor, " n"]
    lengths: list[int]


class Trunk:
    """The decoder over the rows of a heal set, for as long as the blocks below the first adapted one stay as they are."""

    def __init__(self, student: Student, rows: Sequence[Row]) -> None:
        self.student = student
        self.rows = rows
        self._loaded = student.loaded
        self._below = self._entering() if student.first_block and rows else []

    def __call__(self, indices: Sequence[int]) -> Pass:
        """One pass over these rows, with whatever gates and autograd stand."""
        part = [self.rows[i] for i in indices]
        batch = self._pad(part)
        where, targets = completion_positions(part, batch.ids.shape[1], self._loaded.device)
        with ExitStack() as stack:
            if self._below:
                stack.enter_context(self._from_below([self._below[i] for i in indices], batch))
            if torch.is_grad_enabled() and self._recomputes(batch):
                stack.enter_context(recomputed(list(self._loaded.layers)[self.student.first_block :]))
            h = hidden(self._loaded.model, batch)
        return Pass(h.flatten(0, 1)[where], targets, [len(r.completion) for r in part])

    def by_length(self, size: int) -> Iterator[list[int]]:
        """Indices of all rows in chunks of similar length."""
        return by_length([len(r.prompt) + len(r.completion) for r in self.rows], size)

    def _pad(self, rows: Sequence[Row]) -> Batch:
        return pad([r.prompt + r.completion for r in rows], self._loaded.chat.pad, self._loaded.device, left=False)

    def _recomputes(self, batch: Batch) -> bool:
        asked = self.student.heal.gradient_checkpointing
        if asked != "auto":
            return asked == "on"
        return self.held(batch.ids.numel()) > free_memory(self._loaded.device) // 2

    def held(self, tokens: int) -> int:
        """Bytes of activations that a backward pass over so many tokens, padding with them, asks for."""
        config = self._loaded.model.config.get_text_config()
        inner = getattr(config, "intermediate_size", None) or 4 * config.hidden_size
        blocks = len(self._loaded.layers) - self.student.first_block
        widest = max(inner) if isinstance(inner, (list, tuple)) else inner
        return activation_bytes(tokens, blocks, config.hidden_size, widest, self._loaded.dtype.itemsize)

    @torch.no_grad()
    def _entering(self) -> list[Float[Tensor, "t d"]]:
        """What enters the first adapted block, row by row; nothing where the lower blocks feed the upper ones in other ways too."""
        found: list[Tensor] = [torch.empty(0)] * len(self.rows)
        below = self._loaded.layers[self.student.first_block - 1]
        for number, chunk in enumerate(self.by_length(auto_batch(self._loaded))):
            part = [self.rows[i] for i in chunk]
            batch = self._pad(part)
            with _caught(below) as caught:
                whole = hidden(self._loaded.model, batch)
            states = caught[0] if len(caught) == 1 else None
            if not isinstance(states, Tensor) or states.shape[:-1] != batch.ids.shape:
                return []
            for i, row, kept in zip(chunk, part, states, strict=True):
                found[i] = kept[: len(row.prompt) + len(row.completion)].clone()
            if number == 0 and not self._agrees(whole, [found[i] for i in chunk], batch):
                return []
        return found

    def _agrees(self, whole: Float[Tensor, "b t d"], states: Sequence[Tensor], batch: Batch) -> bool:
        """Whether the upper blocks make the same of what entered them. The rows are turned about, so that nothing which a lower block left
        lying from the whole pass can help."""
        turned = Batch(*(part.flip(0) for part in batch))
        try:
            with self._from_below(states[::-1], turned):
                short = hidden(self._loaded.model, turned).flip(0)
        except (LookupError, TypeError, ValueError, AttributeError):
            return False
        real = batch.mask.bool()
        return torch.allclose(short[real], whole[real], rtol=1e-3, atol=1e-3)

    @contextmanager
    def _from_below(self, states: Sequence[Tensor], batch: Batch) -> Iterator[None]:
        """Skip the blocks below the first adapted one, which is fed what they gave for these rows."""
        blocks = self._loaded.layers
        fed = torch.zeros(*batch.ids.shape, states[0].shape[-1], dtype=states[0].dtype, device=states[0].device)
        for row, kept in zip(fed, states, strict=True):
            row[: len(kept)] = kept

        def feed(_m: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if args:
                return (fed, *args[1:]), kwargs
            return args, {**kwargs, "hidden_states": fed}

        with ExitStack() as stack:
            for block in blocks[: self.student.first_block]:
                stack.enter_context(_instead(block, lambda _forward, *args, **kwargs: _first(args, kwargs)))
            handle = blocks[self.student.first_block].register_forward_pre_hook(feed, with_kwargs=True)
            stack.callback(handle.remove)
            yield


@contextmanager
def recomputed(blocks: Sequence[nn.Module]) -> Iterator[None]:
    """Forward passes inside keep only what enters each block; the rest is computed again when the backward pass gets there."""
    again = partial(checkpoint, use_reentrant=False, preserve_rng_state=False)
    with ExitStack() as stack:
        for block in blocks:
            stack.enter_context(_instead(block, again))
        yield


@contextmanager
def _instead(block: nn.Module, call: Callable[..., Any]) -> Iterator[None]:
    """A block that answers with call(forward, ...) in place of forward(...)."""
    before = block.__dict__.get("forward")
    block.forward = partial(call, block.forward)
    try:
        yield
    finally:
        del block.forward
        if before is not None:
            block.forward = before


@contextmanager
def _caught(block: nn.Module) -> Iterator[list[Any]]:
    """What a block gives inside."""
    caught: list[Any] = []
    handle = block.register_forward_hook(lambda _m, _args, out: caught.append(out))
    try:
        yield caught
    finally:
        handle.remove()


def _first(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    return args[0] if args else kwargs["hidden_states"]  # type: ignore[no-any-return]
