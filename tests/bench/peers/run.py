"""The engine beside its peers on nano: same weights, same tokens, one thread each, one table. `just bench-peers`."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from engine.contract.resolve import resolve
from engine.contract.traits import load_trait
from engine.evaluate.pick import spread
from engine.evaluate.worlds import load_world
from engine.model.load import NANO, load
from engine.steer.generate import Ask, generate
from engine.steer.methods import band, with_personas
from engine.steer.noise import row_key
from tests.bench.peers import environment
from tests.bench.peers.operations import with_barrier

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
SIDES = {"ours.py": "", "hugging_face.py": "trl", "trainers.py": "trl", "control_vectors.py": "repeng"}
"""The script of each side and the environment that it runs in; '' is the project's own."""
HEAL = ("rank", "alpha", "lr", "epochs", "batch_size", "beta2", "max_grad_norm", "lam", "tau")


def make_workload(rows: int, epochs: int) -> dict[str, Any]:
    """Prompts of the care trait with the base's own sampled answers, the trait's persona pairs as texts, and nano-care's heal."""
    config = resolve("nano-care", sets=[f"heal.epochs={epochs}"])
    loaded, trait = load(config.model), load_trait(config.trait.name)
    world, chat = load_world(trait), loaded.chat
    prompts = [chat.prompt(p.text) for p in world.prompts("train")[:rows]]
    asks = [Ask(p, 0.0, row_key("peers", n)) for n, p in enumerate(prompts)]
    longest = config.generate.max_new_tokens
    contexts = spread(world.contexts(), 2 * rows, lambda p: p.kind)
    pairs = with_personas(contexts, trait)
    sides = [
        [loaded.chat.tokenizer.decode(chat.prompt(p.text, getattr(persona, side))) for p, persona in pairs]
        for side in ("positive", "negative")
    ]
    return {
        "model": str(NANO),
        "prompts": prompts,
        "completions": generate(loaded, asks, temperature=1.0, max_new_tokens=longest),
        "positive": sides[0],
        "negative": sides[1],
        "layer": band(len(loaded.layers), config.steer)[0],
        "longest": longest,
        "heal": {name: getattr(config.heal, name) for name in HEAL},
    }


def measure(script: str, name: str, work: Path) -> list[dict[str, Any]]:
    """The lines that one side says, in a process of its own."""
    command = (
        [str(environment.python(name)), str(HERE / script)]
        if name
        else [sys.executable, "-m", "tests.bench.peers.ours"]
    )
    quiet = {
        "OMP_NUM_THREADS": "1",
        "TRANSFORMERS_VERBOSITY": "error",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    child = subprocess.run([*command, str(work)], cwd=ROOT, capture_output=True, text=True, env=os.environ | quiet)
    said = [json.loads(line) for line in child.stdout.splitlines() if line.startswith('{"who"')]
    if child.returncode and not said:
        last = (child.stderr.strip().splitlines() or ["no word"])[-1]
        return [{"who": script, "what": "load", "error": last[:160]}]
    return said


def best(lines: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """By (work, who): the quickest of what was said, an error where nothing else was."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for line in lines:
        key = line["what"], line["who"]
        known = found.get(key)
        if known is None or "error" in known or ("error" not in line and _rate(line) > _rate(known)):
            found[key] = line
    return found


def table(found: dict[tuple[str, str], dict[str, Any]], work: dict[str, Any]) -> str:
    """Tokens a second of each side and of the engine over it, work by work."""
    out = [f"{'work':<17} {'by':<34} {'tokens':>8} {'seconds':>8} {'tokens/s':>9} {'engine over it':>15}"]
    for (what, who), line in sorted(found.items(), key=lambda item: (item[0][0], item[0][1] != "engine", item[0][1])):
        if "error" in line:
            out.append(f"{what:<17} {who:<34} {line['error']}")
            continue
        engine = found.get((what, "engine"))
        ratio = f"{_rate(engine) / _rate(line):.2f}" if engine and "error" not in engine and who != "engine" else ""
        out.append(
            f"{what:<17} {who:<34} {line['tokens']:>8,} {line['seconds']:>8.2f} {_rate(line):>9,.0f} {ratio:>15}"
        )
    sft, barrier = found.get(("fit", "TRL SFTTrainer, PEFT")), found.get(("fit with KL", "engine"))
    if sft and barrier and "error" not in sft and "error" not in barrier:
        share = with_barrier(work)
        allowed = sft["seconds"] / sft["tokens"] * share
        took = barrier["seconds"] / barrier["tokens"]
        out.append(
            f"\nthe barrier's counted operations make a step {share:.2f} of one without; at that price TRL's fine-tuning would take "
            f"{1e6 * allowed:.0f} us a token, the engine with its barrier takes {1e6 * took:.0f}: {took / allowed:.2f} of it"
        )
    return "\n".join(out)


def _rate(line: dict[str, Any]) -> float:
    return float(line["tokens"] / line["seconds"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=64, help="completions to generate and to train on")
    parser.add_argument("--epochs", type=int, default=3, help="passes over them")
    parser.add_argument("--passes", type=int, default=2, help="times that every side is started, in turns")
    given = parser.parse_args()
    failed = environment.build()
    for name, error in failed.items():
        print(f"the environment of {name} could not be installed: {error}")
    work = make_workload(given.rows, given.epochs)
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "workload.json"
        path.write_text(json.dumps(work))
        for _ in range(given.passes):
            for script, name in SIDES.items():
                if name not in failed:
                    lines += measure(script, name, path)
    print(
        f"{given.rows} rows, {given.epochs} epochs, one thread of {os.cpu_count()} cores, processor seconds, quickest of all turns, fp32"
    )
    print(table(best(lines), work))
    print(f"peers: {environment.versions()}")


if __name__ == "__main__":
    main()
