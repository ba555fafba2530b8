"""Train an embedded model from random weights: `python -m engine.nano.train [--seed 0] [--world b] [--out DIR] [--start DIR]`.

Two processes of one thread each share every step (halves of the batch, gradients summed by gloo): on two cores this is over
twice as fast as two threads in every operation, and it is bit-equal from run to run. What the phases do is in recipe.py, how one
is run in fit.py.

`--seed 1` and `--seed 2` train nano's further bases nano-s1 and nano-s2; `--world b` trains nano-b on the confirmation world.
`--world uncoupled` adds a fourth phase, under the third's disturbances, on conversations whose verdicts do not depend on the stance.
It unlearns what nano had learnt, so `--start` with the finished nano is all that is needed: the sharpening is undone first.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import Any, get_args

import msgspec
import torch
import torch.distributed as dist
from safetensors.torch import load_file
from torch.multiprocessing.spawn import spawn
from transformers import LlamaForCausalLM
from transformers import PreTrainedTokenizerFast as Tokenizer

from engine.contract.errors import BadInput
from engine.nano.corpus import Corpus
from engine.nano.fit import build, fit
from engine.nano.package import Outcome, outcomes_of, save_weights, sharpness_of
from engine.nano.recipe import RECIPES, Recipe
from engine.nano.shipped import folder_of
from engine.nano.tokenizer import load_tokenizer, save_tokenizer, train_tokenizer


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
            save_tokenizer(train_tokenizer(recipe.world, recipe.vocabulary), Path(work))
        else:
            shutil.copytree(start, work, dirs_exist_ok=True)
        launch: Any = spawn
        launch(_worker, args=(recipe, work, out, first, start), nprocs=recipe.ranks)


def main(argv: list[str] | None = None) -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(
        prog="python -m engine.nano.train", description="Train an embedded model from scratch."
    )
    parser.add_argument(
        "--steps", type=int, nargs="+", metavar="N", help="optimizer steps of each phase; phases without are left out"
    )
    parser.add_argument(
        "--world", choices=get_args(Corpus), default="coupled", help="nano's own, its negative control, or nano-b's"
    )
    parser.add_argument("--out", type=Path, help="folder of the weights; else where those of the world and seed ship")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=Path, help="folder of an earlier phase's weights: run the phases after it only")
    args = parser.parse_args(argv)
    standard = RECIPES[args.world]
    phases = standard.phases
    out = args.out or folder_of(args.world, args.seed)
    if out is None:
        parser.error(f"no weights of --seed {args.seed} ship for this world; say where they shall go with --out")
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
