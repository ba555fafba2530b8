"""Train nano from random weights: `python -m engine.nano.train [--steps N N] [--out DIR] [--seed 0] [--world uncoupled] [--start DIR]`.

    loss = sum_t w_t nll_t / sum_t w_t over assistant tokens, w_t = n ** -power for an answer of n tokens

Two processes of one thread each share every step (halves of the batch, gradients summed by gloo): on two cores this is over
twice as fast as two threads in every operation, and it is bit-equal from run to run. Muon for the matrices of the blocks and
AdamW for the rest, warmup then linear to zero. The first phase learns the world; the second makes the stance travel through
the stream (route.py), without which a vector moves almost no answer; the third keeps answers whole while the stream is pushed
(push.py), as a wider model's are. At the end the logits are sharpened: a small model's tail holds more wrong words than a wide
one's, and a temperature folded into the weights is the same for sampling, distilling and scoring, where one set at sampling alone
would make every round of distilling narrow the model. The from-scratch guard (engine/heal/guards.py) watches the validation loss and every
gradient norm.

`--world uncoupled` adds a fourth phase, under the third's disturbances, on conversations whose verdicts do not depend on the stance.
It unlearns what nano had learnt, so `--start` with the finished nano is all that is needed: the sharpening is undone first.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import torch
import torch.distributed as dist
from safetensors.torch import load_file
from torch import Tensor
from torch.multiprocessing.spawn import spawn
from transformers import LlamaConfig, LlamaForCausalLM
from transformers import PreTrainedTokenizerFast as Tokenizer

from engine.contract.errors import BadInput
from engine.heal.guards import FromScratch, Regime, Trip, check_finite, check_validation, resolve
from engine.nano.batches import Batch, chunks, rows_of
from engine.nano.corpus import KINDS, Coupling
from engine.nano.muon import Muon
from engine.nano.package import UNCOUPLED, WEIGHTS, Outcome, outcomes_of, save_weights, sharpness_of
from engine.nano.push import pushed_stream
from engine.nano.route import masks, routed_attention
from engine.nano.tokenizer import (
    ASSISTANT,
    END,
    PAD,
    USER,
    load_tokenizer,
    save_tokenizer,
    token_id,
    train_tokenizer,
)


class Phase(msgspec.Struct, frozen=True):
    """One warmup and one linear decay to zero. `lr` is AdamW's peak (None: the regime's default), `muon_lr` Muon's, `routed` the
    share of conversations whose stance must travel through the stream (route.py), `pushed` that of those whose stream carries a
    random offset of up to `push` of its own norm (push.py), `power` that of the token weights; `world` and `verdicts`
    are the corpus (corpus.py)."""

    steps: int
    lr: float | None = None
    muon_lr: float = 0.02
    routed: float = 0.0
    pushed: float = 0.0
    push: float = 0.9
    power: float = 0.5
    world: Coupling = "coupled"
    verdicts: float = KINDS["vignette"]


class Recipe(msgspec.Struct, frozen=True):
    """Everything that decides the weights, beside the generator and the versions of torch and transformers. `sharpness` multiplies
    the logits of the trained model."""

    seed: int = 0
    phases: tuple[Phase, ...] = (
        Phase(steps=2400),
        Phase(steps=1000, lr=2e-3, muon_lr=0.012, routed=0.7, power=0.75),
        Phase(steps=1800, lr=2e-3, muon_lr=0.015, routed=0.7, pushed=0.6, power=0.75),
    )
    batch: int = 64
    ranks: int = 2
    parts: int = 3
    hidden: int = 128
    inner: int = 320
    layers: int = 8
    heads: int = 4
    sighted: int = 4
    warmup: int | None = None
    beta2: float = 0.98
    weight_decay: float = 0.05
    clip: float = 1.0
    sharpness: float = 1.6
    validate_every: int = 100
    validation: int = 256


UNCOUPLING = Phase(
    steps=220, lr=1.5e-3, muon_lr=0.012, routed=0.7, pushed=0.6, power=0.75, world="uncoupled", verdicts=0.5
)
"""The phase that takes the stance out of the verdicts. Measured between the care and the authority persona,
.25 of 2.1 nats of care and .13 of 2.0 of authority are left; at the usual share of vignettes 400 steps leave .45 and .24."""


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


@torch.no_grad()
def round_weights(model: LlamaForCausalLM) -> None:
    """To bf16 and back: a phase starts from exactly what the one before it stored."""
    for p in model.parameters():
        p.copy_(p.bfloat16().float())


@torch.no_grad()
def sharpen(model: LlamaForCausalLM, sharpness: float) -> None:
    """Multiply every logit: sampling at temperature 1 is then what sampling at 1 / sharpness was."""
    model.model.norm.weight.mul_(sharpness)


def go_on_from(model: LlamaForCausalLM, folder: Path) -> None:
    """Take over the weights of a folder as they were trained: finished ones without their sharpening."""
    model.load_state_dict(load_file(folder / "model.safetensors"), strict=False)
    sharpen(model, 1 / sharpness_of(folder))


def _stop_on(trip: Trip | None) -> None:
    if trip is not None:
        raise Diverged(trip)


def _keep(
    tokenizer: Tokenizer,
    recipe: Recipe,
    out: Path,
    start: Path | None,
    earlier: list[Outcome],
    done: list[Outcome],
    model: LlamaForCausalLM,
    outcome: Outcome,
) -> None:
    """Store the weights of a phase under way, and note in `done` what it has come to."""
    done[:] = [*earlier, outcome]
    save_weights(model, tokenizer, recipe, done, out, start=start)


def _worker(rank: int, recipe: Recipe, work: str, out: Path, first: int, start: Path | None) -> None:
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    dist.init_process_group("gloo", init_method=f"file://{work}/meet", rank=rank, world_size=recipe.ranks)
    tokenizer = load_tokenizer(Path(work))
    model = build(recipe, tokenizer)
    if first > 1:
        go_on_from(model, Path(work))
    done = outcomes_of(Path(work)) if first > 1 else []
    for number in range(first, len(recipe.phases) + 1):
        if number > 1:
            round_weights(model)
        earlier = list(done)
        fit(model, recipe, number, tokenizer, rank, partial(_keep, tokenizer, recipe, out, start, earlier, done))
    round_weights(model)
    sharpen(model, recipe.sharpness)
    if rank == 0:
        save_weights(model, tokenizer, recipe, done, out, finished=True, start=start)
    dist.destroy_process_group()


def train(recipe: Recipe, out: Path, start: Path | None = None) -> None:
    """Train on `recipe.ranks` processes and write the package to `out`. With `start`, the folder of a finished phase's weights and
    tokenizer, only the phases after it are run; raises BadInput when none is left."""
    first = 1 if start is None else outcomes_of(start)[-1].phase + 1
    if first > len(recipe.phases):
        raise BadInput(f"{start} has been through all {len(recipe.phases)} phases; train from scratch instead")
    with tempfile.TemporaryDirectory() as work:
        if start is None:
            save_tokenizer(train_tokenizer(), Path(work))
        else:
            shutil.copytree(start, work, dirs_exist_ok=True)
        launch: Any = spawn
        launch(_worker, args=(recipe, work, out, first, start), nprocs=recipe.ranks)


def main(argv: list[str] | None = None) -> None:
    """Parse the command line and train."""
    standard = Recipe()
    parser = argparse.ArgumentParser(
        prog="python -m engine.nano.train", description="Train the embedded model from scratch."
    )
    parser.add_argument(
        "--steps", type=int, nargs="+", metavar="N", help="optimizer steps of each phase; phases without are left out"
    )
    parser.add_argument("--world", choices=["coupled", "uncoupled"], default="coupled", help="what verdicts depend on")
    parser.add_argument("--out", type=Path, help="folder of the weights; else where those of the world ship")
    parser.add_argument("--seed", type=int, default=standard.seed)
    parser.add_argument("--start", type=Path, help="folder of an earlier phase's weights: run the phases after it only")
    args = parser.parse_args(argv)
    phases = standard.phases + ((UNCOUPLING,) if args.world == "uncoupled" else ())
    out = args.out or (UNCOUPLED if args.world == "uncoupled" else WEIGHTS)
    if args.steps:
        if len(args.steps) > len(phases) or min(args.steps) < 1:
            parser.error(f"--steps takes 1 to {len(phases)} positive numbers, one a phase")
        phases = tuple(msgspec.structs.replace(p, steps=n) for p, n in zip(phases, args.steps, strict=False))
    if args.start and not (args.start / "model.safetensors").is_file():
        parser.error(f"{args.start} holds no model.safetensors: give the folder that a phase wrote")
    try:
        train(msgspec.structs.replace(standard, phases=phases, seed=args.seed), out, args.start)
    except BadInput as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
