"""Which weights ship under which id, and the command that trains them. Torch-free."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from engine.contract.config import EMBEDDED
from engine.contract.errors import BadInput
from engine.nano.corpus import Corpus

HERE = Path(__file__).parent


class Trained(NamedTuple):
    """What an embedded model was trained on, from which seed."""

    world: Corpus
    seed: int
    start: str = ""


TRAINED = {
    "nano": Trained("coupled", 0),
    "nano-uncoupled": Trained("uncoupled", 0, "engine/nano/weights"),
    "nano-s1": Trained("coupled", 1),
    "nano-s2": Trained("coupled", 2),
    "nano-b": Trained("b", 0),
}


def folder(model: str) -> Path:
    """Where the weights of an embedded model are, or will be."""
    return HERE / EMBEDDED[model]


def folder_of(world: Corpus, seed: int) -> Path | None:
    """Where weights of a world and a seed ship; None where none do."""
    return next((folder(name) for name, t in TRAINED.items() if (t.world, t.seed) == (world, seed)), None)


def command(world: Corpus, seed: int, start: str = "", out: str = "") -> str:
    """The command line that trains weights."""
    parts = [f"python -m engine.nano.train --seed {seed}"]
    parts += [f"--world {world}"] if world != "coupled" else []
    parts += [f"--start {start}"] if start else []
    parts += [f"--out {out}"] if out else []
    return " ".join(parts)


def weights(model: str) -> Path:
    """The folder of an embedded model. Raises BadInput, with the command that trains it, where its weights are not there or not done."""
    found, how = folder(model), command(*TRAINED[model])
    if not (found / "model.safetensors").is_file():
        raise BadInput(f"{model} has no weights here yet: {how} trains them on two cores")
    if not json.loads((found / "provenance.json").read_text())["finished"]:
        raise BadInput(
            f"the weights of {model} are those of an unfinished training: let it end, or start again with {how}"
        )
    return found
