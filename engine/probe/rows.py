"""The texts that a probe trains on: the heal set of a round as it was, else the kept completions, else answers of the prompted base."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from engine.contract.config import Config
from engine.contract.errors import BadInput
from engine.contract.rundir import RunDir
from engine.contract.runfile import RunFile
from engine.contract.traits import load_trait
from engine.evaluate.pick import spread
from engine.evaluate.subject import Subject
from engine.evaluate.worlds import check_speaks, load_world
from engine.heal.data import read_healset
from engine.model.adapter import Student
from engine.model.chat import Chat
from engine.model.forward import Row

ANSWERS = 32
"""Answers of the prompted base where there is no run to take texts from."""


class Texts(NamedTuple):
    """Rows to train on, and where they come from, in few words."""

    rows: list[Row]
    source: str


def healset_file(out: RunDir, round_number: int) -> Path:
    """Where the keep stage leaves a round's heal set."""
    return out.round(round_number) / "healset.jsonl"


def newest_round(out: RunDir, run: RunFile) -> int:
    """The newest round that a heal set or kept completions exist of. Raises BadInput when no round came that far."""
    sets = [int(p.parent.name) for p in out.path.glob("rounds/*/healset.jsonl") if p.parent.name.isdecimal()]
    kept = [int(line["round"]) for line in _lines(out.completions) if _kept(line)]
    if not sets + kept:
        knobs = " ".join(f"--set {name}={_plain(value)}" for name, value in run.changes.items())
        raise BadInput(
            f"{out.id} has no kept completions to probe on; probe its settings alone: "
            f"cockpit probe --preset {run.preset or 'NAME'} {knobs}".rstrip()
        )
    return max(sets + kept)


def of_round(out: RunDir, run: RunFile, round_number: int, chat: Chat) -> Texts:
    """The rows that a round trains on. Raises BadInput when it kept none, or its heal set is damaged."""
    path = healset_file(out, round_number)
    if path.is_file():
        found = list(read_healset(path).train)
        source = f"rounds/{round_number}/healset.jsonl"
    else:
        lines = [line for line in _lines(out.completions) if _kept(line) and line["round"] == round_number]
        found = [Row(chat.prompt(line["prompt"]), chat.completion(line["text"])) for line in lines]
        source = "completions.jsonl, without replay"
    if not found:
        raise BadInput(
            f"round {round_number} of {out.id} kept no completions; its newest that did: {newest_round(out, run)}"
        )
    return Texts(found, source)


def prompted(student: Student, config: Config) -> Texts:
    """Answers that the base gives to training prompts with the trait's persona, to be learnt without it."""
    trait = load_trait(config.trait.name)
    check_speaks(config.model.id, trait)
    asked = spread(load_world(trait).prompts("train"), ANSWERS, lambda p: p.kind)
    subject = Subject("prompted", student, trait)
    knobs = config.generate
    with student.base():
        answers = subject.answer(
            [subject.prompt(p.text, p.pair) for p in asked], [p.id for p in asked], config.run.seed,
            temperature=knobs.temperature, max_new_tokens=knobs.max_new_tokens, batch_size=knobs.batch_size,
        )  # fmt: skip
    rows = subject.rows([student.loaded.chat.prompt(p.text) for p in asked], answers)
    return Texts(rows, f"{len(rows)} answers of the prompted base")


def _kept(line: dict[str, Any]) -> bool:
    return bool(line.get("kept")) and line.get("subject") == "steered" and line.get("probe") == "train"


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON-lines file; a torn last line is left out, a missing file has none."""
    if not path.exists():
        return
    with path.open("rb") as f:
        for line in f:
            try:
                table = msgspec.json.decode(line)
            except msgspec.DecodeError:
                continue
            if isinstance(table, dict):
                yield table


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
