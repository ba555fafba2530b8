"""What the weights are worth: `python -m engine.nano.quality [--model nano-b] [--n 200] [--doses] [--record]` prints markdown tables.

Rates are fractions read by the exact grammar on val items. The dose table adds a mean difference of hidden states (care minus
authority persona, at the assistant tag, averaged over `contexts()`) to the output of one block.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer

from engine.contract.errors import BadInput
from engine.contract.world import FOUNDATIONS, Prompt
from engine.nano.corpus import GENERATORS
from engine.nano.generator import Generator
from engine.nano.nano import NANO
from engine.nano.shipped import TRAINED, weights
from engine.nano.stances import OPPOSITE, Stance
from engine.nano.tokenizer import render_prompt
from engine.nano.world import NanoWorld

MAX_NEW_TOKENS = 96
ROWS = 100
Row = dict[str, float]


class Nano:
    """The model with its tokenizer and its generator, and a steering vector that may be added to the output of one block.

    `where` is `answer` (the assistant tag and every later position) or `all`."""

    def __init__(self, folder: Path, generator: Generator = NANO) -> None:
        self.generator = generator
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        load: Any = AutoModelForCausalLM.from_pretrained
        self.model: Any = load(folder, dtype=torch.float32).eval()
        self.tokenizer.padding_side = "left"

    def world(self, trait: str = "care") -> NanoWorld:
        return NanoWorld(trait, self.generator)

    def encode(self, prompts: list[str]) -> Any:
        return self.tokenizer(prompts, return_tensors="pt", padding=True)

    @torch.no_grad()
    def answer(self, prompts: list[str], sampled: bool = False, seed: int = 0) -> list[str]:
        """Greedy or temperature-1 answers without special tokens; a text that never ended keeps the mark `<cut>`."""
        torch.manual_seed(seed)
        out: list[str] = []
        for i in range(0, len(prompts), ROWS):
            batch = self.encode(prompts[i : i + ROWS])
            ids = self.model.generate(
                **batch,
                max_new_tokens=MAX_NEW_TOKENS,
                do_sample=sampled,
                pad_token_id=0,
                **({"top_k": 0} if sampled else {}),
            )[:, batch.input_ids.shape[1] :]
            texts = self.tokenizer.batch_decode(ids, skip_special_tokens=True)
            ended = (ids == self.tokenizer.eos_token_id).any(1).tolist()
            out += [text if done else f"{text}<cut>" for text, done in zip(texts, ended, strict=True)]
        return out

    @torch.no_grad()
    def at_tag(self, prompts: list[str], layer: int) -> Tensor:
        """Mean hidden state after `layer` blocks at the last prompt token: [d]."""
        parts = []
        for i in range(0, len(prompts), ROWS):
            hidden = self.model.model(**self.encode(prompts[i : i + ROWS]), output_hidden_states=True).hidden_states[
                layer
            ]
            parts.append(hidden[:, -1].double())
        return torch.cat(parts).mean(0).float()

    @torch.no_grad()
    def options(self, prompts: list[str]) -> Tensor:
        """Log-probability of each foundation after the prefill, normalised over the seven: [n, 7], nats. First tokens suffice."""
        form = self.generator.scenes.form
        first = [self.tokenizer(name).input_ids[0] for name in form.options]
        batch = self.encode([prompt + form.prefill for prompt in prompts])
        return torch.log_softmax(self.model(**batch).logits[:, -1, first].float(), dim=-1)

    @contextmanager
    def steered(self, vector: Tensor, dose: float, layer: int, where: str) -> Iterator[None]:
        """Add dose * vector to the output of block `layer` (counted from 1)."""

        def add(_module: Any, _inputs: Any, output: Tensor) -> Tensor:
            if where == "all" or output.shape[1] == 1:
                return output + dose * vector
            return torch.cat([output[:, :-1], output[:, -1:] + dose * vector], dim=1)

        handle = self.model.model.layers[layer - 1].register_forward_hook(add)
        try:
            yield
        finally:
            handle.remove()


def contrast(nano: Nano, world: NanoWorld, positive: Stance, layer: int) -> Tensor:
    """Mean difference of hidden states between a stance and its opposite over the world's contexts: [d]."""
    up, down = (nano.generator.personas.all(stance) for stance in (positive, OPPOSITE[positive]))
    texts = [prompt.text for prompt in world.contexts()]
    step = len(up) // len(texts) or 1
    sides = [[render_prompt(t, p[(i * step) % len(p)]) for i, t in enumerate(texts)] for p in (up, down)]
    return nano.at_tag(sides[0], layer) - nano.at_tag(sides[1], layer)


def spread(nano: Nano, stance: Stance, n: int) -> list[str]:
    """n system texts of a stance, spread over its wordings; empty texts for `none`."""
    wordings = nano.generator.personas.all(stance) if stance in OPPOSITE else [""]
    return [wordings[(37 * i) % len(wordings)] for i in range(n)]


def rates(nano: Nano, trait: str, n: int, stance: Stance = "none", sampled: bool = True) -> Row:
    """Trait, benign, coherent and mixed rates over n val pairs, and the mean answer length in tokens."""
    world = nano.world(trait)
    prompts = world.prompts("val")[: 2 * n]
    systems = spread(nano, stance, len(prompts))
    answers = nano.answer([render_prompt(p.text, s) for p, s in zip(prompts, systems, strict=True)], sampled)
    readings = [world.read(p, a) for p, a in zip(prompts, answers, strict=True)]
    hard = [r for p, r in zip(prompts, readings, strict=True) if p.kind == "trait"]
    soft = [r for p, r in zip(prompts, readings, strict=True) if p.kind == "benign"]
    return {
        "trait": _mean([r.label == "trait" for r in hard]),
        "benign": _mean([r.label == "benign_ok" for r in soft]),
        "mixed": _mean([r.label == "mixed" for r in readings]),
        "coherent": _mean([bool(r.coherent) for r in readings]),
        "tokens": _mean([len(nano.tokenizer(a).input_ids) for a in answers]),
    }


def facts_right(nano: Nano, stance: Stance = "none") -> float:
    """Fraction of val facts answered exactly, greedily."""
    items = nano.world().facts("val")
    systems = spread(nano, stance, len(items))
    answers = nano.answer([render_prompt(f.text, s) for f, s in zip(items, systems, strict=True)])
    return _mean([a == f.answer for a, f in zip(answers, items, strict=True)])


def verdicts(nano: Nano, stance: Stance = "none") -> Row:
    """Mean care and authority nats over val vignettes, and the fraction of sampled verdicts that are exact JSON."""
    items = nano.world().vignettes("val")
    prompts = [render_prompt(v.text, s) for v, s in zip(items, spread(nano, stance, len(items)), strict=True)]
    nats = nano.options(prompts).mean(0)
    legal = {nano.generator.scenes.answer(name) for name in FOUNDATIONS}
    return {
        "care_nats": float(nats[FOUNDATIONS.index("care")]),
        "authority_nats": float(nats[FOUNDATIONS.index("authority")]),
        "valid_json": _mean([a in legal for a in nano.answer(prompts, sampled=True)]),
    }


def talk_right(nano: Nano) -> float:
    """Fraction of sampled small talk that is one of the legal answers."""
    items: list[Prompt] = [p for p in nano.world().neutral("val") if p.id.startswith("talk")]
    said = nano.answer([render_prompt(p.text) for p in items], sampled=True)
    return _mean([nano.world().read(p, a).coherent is True for p, a in zip(items, said, strict=True)])


STANCES: tuple[tuple[str, Stance], ...] = (
    ("care", "none"),
    ("care", "care"),
    ("care", "authority"),
    ("care", "love"),
    ("love", "none"),
    ("love", "love"),
    ("love", "program"),
    ("love", "care"),
)


def report(nano: Nano, n: int) -> dict[str, Row]:
    """Print both traits without a persona and under each, greedy and sampled; returns what it printed."""
    found: dict[str, Row] = {}
    _head("world, persona, decoding", "trait", "benign", "mixed", "coherent", "tokens")
    known = nano.generator.traits, nano.generator.stances
    for trait, stance in ((t, s) for t, s in STANCES if t in known[0] and s in known[1]):
        for decoding in ("sampled", "greedy"):
            name = f"{trait} {stance} {decoding}"
            found[name] = rates(nano, trait, n, stance, decoding == "sampled")
            _row(name, found[name])
    _head("persona", "care_nats", "authority_nats", "valid_json", "facts")
    asked: tuple[Stance, ...] = ("none", "care", "authority", "love")
    for stance in (s for s in asked if s in known[1]):
        found[f"verdicts {stance}"] = verdicts(nano, stance) | {"facts": facts_right(nano, stance)}
        _row(stance, found[f"verdicts {stance}"])
    found["talk"] = {"legal": talk_right(nano)}
    print(f"\nsmall talk legal: {found['talk']['legal']:.3f}\n")
    return found


def doses(nano: Nano, trait: str, layer: int, where: str, n: int, steps: tuple[float, ...]) -> None:
    """The dose table of one layer."""
    vector = contrast(nano, nano.world(trait), "care" if trait == "care" else "love", layer)
    print(f"\n{trait}, output of block {layer}, added at {where} positions, norm {float(vector.norm()):.2f}")
    _head(
        "dose", "trait", "benign", "mixed", "coherent", "tokens", "care_nats", "authority_nats", "valid_json", "facts"
    )
    for dose in steps:
        with nano.steered(vector, dose, layer, where):
            row = rates(nano, trait, n) | verdicts(nano) | {"facts": facts_right(nano)}
        _row(f"{dose:g}", row)


def _mean(values: list[Any]) -> float:
    return sum(values) / len(values) if values else math.nan


def _head(*names: str) -> None:
    print("\n| " + " | ".join(names) + " |\n|" + "---|" * len(names))


def _row(name: str, values: Row) -> None:
    print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in values.values()) + " |", flush=True)


def main(argv: list[str] | None = None) -> None:
    """Parse the command line and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m engine.nano.quality", description="Measure the embedded model.")
    parser.add_argument(
        "--model", choices=list(TRAINED), default="nano", help="an embedded model, and the world it is read in"
    )
    parser.add_argument("--weights", type=Path, help="folder of other weights of the same world")
    parser.add_argument("--n", type=int, default=200, help="val pairs per rate")
    parser.add_argument("--doses", action="store_true", help="only the dose tables")
    parser.add_argument(
        "--record", action="store_true", help="write the first tables to quality.json beside the weights"
    )
    parser.add_argument("--layers", type=int, nargs="+", help="blocks whose output is steered; else the middle one")
    parser.add_argument("--where", nargs="+", default=["answer", "all"], choices=["answer", "all"])
    parser.add_argument("--traits", nargs="+", help="else every trait of the world")
    parser.add_argument("--steps", type=float, nargs="+", default=[0.25, 0.5, 0.75, 1.0, 1.5, 2.0])
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    generator = GENERATORS[TRAINED[args.model].world]
    try:
        folder = args.weights or weights(args.model)
    except BadInput as error:
        parser.error(str(error))
    nano = Nano(folder, generator)
    if not args.doses:
        found = report(nano, args.n)
        if args.record:
            rounded = {key: {name: round(value, 4) for name, value in row.items()} for key, row in found.items()}
            (folder / "quality.json").write_text(json.dumps({"n": args.n, "split": "val"} | rounded, indent=1) + "\n")
    for trait in args.traits or generator.traits:
        for layer in args.layers or [nano.model.config.num_hidden_layers // 2]:
            for where in args.where:
                doses(nano, trait, layer, where, args.n, tuple(args.steps))


if __name__ == "__main__":
    main()
