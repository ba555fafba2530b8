"""One phase of training on one rank: the loss, the optimizers, the disturbances and the guards.

    loss = sum_t w_t nll_t / sum_t w_t over assistant tokens, w_t = n ** -power for an answer of n tokens

Muon for the matrices of the blocks and AdamW for the rest, warmup then linear to zero. The from-scratch guard
(engine/heal/guards.py) watches the validation loss and every gradient norm.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

import torch
import torch.distributed as dist
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM
from transformers import PreTrainedTokenizerFast as Tokenizer

from engine.heal.guards import FromScratch, Regime, Trip, check_finite, check_validation, resolve
from engine.nano.batches import Batch, chunks, rows_of
from engine.nano.muon import Muon
from engine.nano.package import Outcome
from engine.nano.push import pushed_stream
from engine.nano.recipe import Phase, Recipe
from engine.nano.route import masks, routed_attention
from engine.nano.tokenizer import ASSISTANT, END, PAD, USER, token_id


class Diverged(RuntimeError):
    """A guard ended the training."""

    def __init__(self, trip: Trip) -> None:
        super().__init__(str(trip))
        self.trip = trip


def build(recipe: Recipe, tokenizer: Tokenizer) -> LlamaForCausalLM:
    """A randomly initialised model; the same seed gives the same weights on every rank."""
    torch.manual_seed(recipe.seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=recipe.hidden,
        intermediate_size=recipe.inner,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=token_id(tokenizer, END),
        pad_token_id=token_id(tokenizer, PAD),
    )
    return LlamaForCausalLM(config)


def weighted_nll(model: LlamaForCausalLM, batch: Batch) -> Tensor:
    """Sum of w_t nll_t over the batch's assistant tokens, nats. Positions are selected before the vocabulary projection."""
    hidden = model.model(input_ids=batch.ids, use_cache=False).last_hidden_state.flatten(0, 1)[batch.at]
    nll = torch.nn.functional.cross_entropy(model.lm_head(hidden).float(), batch.target, reduction="none")
    return (nll * batch.weight).sum()


@torch.no_grad()
def validation_loss(model: LlamaForCausalLM, batches: list[Batch]) -> float:
    """Mean nats per assistant token on conversations of the val split, unweighted."""
    total = count = 0.0
    for batch in batches:
        total += float(weighted_nll(model, batch._replace(weight=torch.ones_like(batch.weight))))
        count += len(batch.target)
    return total / count


def learning_rate(step: int, steps: int, peak: float, warmup: int) -> float:
    """Linear from 0 to `peak` over `warmup` steps, then linear to 0 at `steps`; step counts from 1."""
    warmup = max(1, min(warmup, steps // 10))
    return peak * min(step / warmup, max(0.0, (steps + 1 - step) / (steps + 1 - warmup)))


def build_optimizers(model: LlamaForCausalLM, recipe: Recipe, phase: Phase, lr: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the blocks, AdamW for the embedding (tied to the head) and the norms; `peak` is each group's rate."""
    blocks = [p for p in model.model.layers.parameters() if p.ndim == 2]
    held = {id(p) for p in blocks}
    rest = [p for p in model.parameters() if id(p) not in held]
    optimizers: list[torch.optim.Optimizer] = [
        Muon(blocks, lr=phase.muon_lr, weight_decay=recipe.weight_decay),
        torch.optim.AdamW(rest, lr=lr, betas=(0.9, recipe.beta2), weight_decay=0.0, fused=True),
    ]
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return optimizers


Keep = Callable[[LlamaForCausalLM, Outcome], None]


def fit(model: LlamaForCausalLM, recipe: Recipe, number: int, tokenizer: Tokenizer, rank: int, keep: Keep) -> None:
    """Run phase `number` (from 1) on this rank's half of every batch; rank 0 hands the model to `keep` now and then and at the end.

    Raises Diverged when a guard trips."""
    phase = recipe.phases[number - 1]
    regime: Regime = FromScratch(len(tokenizer))
    chosen = resolve(regime, lr=phase.lr, warmup=recipe.warmup)
    tags = (token_id(tokenizer, USER), token_id(tokenizer, ASSISTANT))
    optimizers = build_optimizers(model, recipe, phase, chosen.lr)
    held_out = chunks(next(rows_of(tokenizer, f"{recipe.seed} val", "val", recipe.validation, phase.world)), tags[1], 8)
    name = f"{recipe.seed} {rank}" + (f" phase {number}" if number > 1 else "")
    stream = rows_of(tokenizer, name, "train", recipe.batch // recipe.ranks, phase.world, phase.verdicts)
    coin = torch.Generator().manual_seed(recipe.seed * 1000 + number * 10 + rank)
    history: list[float] = []
    began, tokens, running = time.monotonic(), 0, 0.0
    for step in range(1, phase.steps + 1):
        batches = chunks(next(stream), tags[1], recipe.parts, phase.power)
        loss, seen = _accumulate(model, batches, lambda b: _disturbed(model, b, tags, recipe.sighted, phase, coin))
        norm = float(torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip))
        _stop_on(check_finite(loss, norm, regime))
        factor = learning_rate(step, phase.steps, 1.0, chosen.warmup)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = factor * group["peak"]
            optimizer.step()
        model.zero_grad(set_to_none=True)
        tokens += seen
        running = loss if step == 1 else 0.98 * running + 0.02 * loss
        if step % recipe.validate_every == 0 or step == phase.steps:
            history.append(validation_loss(model, held_out))
            _stop_on(check_validation(history, regime))
            if rank == 0:
                seconds = time.monotonic() - began
                print(
                    f"phase {number}  step {step}/{phase.steps}  train {running:.4f}  val {history[-1]:.4f}  norm {norm:.2f}"
                    f"  lr {factor * chosen.lr:.2e}  {tokens / seconds:.0f} tokens/s  {seconds:.0f} s",
                    flush=True,
                )
                if step % (5 * recipe.validate_every) == 0 or step == phase.steps:
                    keep(
                        model,
                        Outcome(
                            number, tokens, round(seconds, 1), round(running, 4), tuple(round(v, 4) for v in history)
                        ),
                    )


def _disturbed(
    model: LlamaForCausalLM, batch: Batch, tags: tuple[int, int], sighted: int, phase: Phase, coin: torch.Generator
) -> ExitStack:
    """The phase's disturbances, each on its share of the rows: routed personas and pushed streams; else a plain forward pass."""
    stack = ExitStack()
    rows = len(batch.ids)
    if phase.routed:
        routed = torch.rand(rows, generator=coin) < phase.routed
        stack.enter_context(routed_attention(model, *masks(batch.ids, *tags, routed), sighted))
    if phase.pushed:
        strength = phase.push * torch.rand(rows, generator=coin) * (torch.rand(rows, generator=coin) < phase.pushed)
        block = sighted - 1 + int(torch.randint(2, (), generator=coin))
        stack.enter_context(pushed_stream(model, block, strength, coin))
    return stack


def _accumulate(
    model: LlamaForCausalLM, batches: list[Batch], attention: Callable[[Batch], AbstractContextManager[None]]
) -> tuple[float, int]:
    """Gradients of the weighted mean over all ranks; returns that mean in nats and the tokens of all ranks."""
    totals = torch.zeros(3, dtype=torch.float64)
    for batch in batches:
        with attention(batch):
            loss = weighted_nll(model, batch)
        torch.autograd.backward(loss)
        totals += torch.tensor([float(loss.detach()), float(batch.weight.sum()), float((batch.ids != 0).sum())])
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    flat = torch.cat([grad.flatten() for grad in grads])
    if dist.is_initialized():
        dist.all_reduce(totals)
        dist.all_reduce(flat)
    flat /= totals[1]
    for grad, part in zip(grads, torch.split(flat, [grad.numel() for grad in grads]), strict=True):
        grad.copy_(part.view_as(grad))
    return float(totals[0] / totals[1]), int(totals[2])


def _stop_on(trip: Trip | None) -> None:
    if trip is not None:
        raise Diverged(trip)
