"""Commands beside the loop: inspect a model, a ladder of doses, and talking to base, steered and healed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from engine.contract.config import Config
from engine.contract.errors import BadInput
from engine.contract.events import Evaluated, encode
from engine.contract.files import read_json
from engine.contract.resolve import from_table
from engine.contract.rundir import RunDir
from engine.contract.runfile import load_runfile
from engine.contract.traits import load_trait

DOSES = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0)


def inspect(argv: list[str]) -> int:
    """`inspect CONFIG.json`: ModelFacts as one JSON line."""
    from engine.model.facts import inspect as look

    _emit(msgspec.json.encode(look(read_config(argv[0] if argv else ""))) + b"\n")
    return 0


def splits(argv: list[str]) -> int:
    """`splits CONFIG.json`: the trait's val and test by identity as one JSON line; loads no model and no torch."""
    from engine.evaluate.splits import splits as look
    from engine.evaluate.worlds import check_speaks

    config = read_config(argv[0] if argv else "")
    trait = load_trait(config.trait.name)
    check_speaks(config.model.id, trait)
    _emit(msgspec.json.encode(look(trait, config.evaluate)) + b"\n")
    return 0


def ladder(argv: list[str]) -> int:
    """`ladder CONFIG.json [--doses 0.25,0.5]`: evaluated events on val, base first, then prompted, then raw steering dose by dose."""
    parser = argparse.ArgumentParser(prog="python -m engine ladder")
    parser.add_argument("config")
    parser.add_argument("--doses", default=",".join(map(str, DOSES)))
    args = parser.parse_args(argv)
    try:
        doses = [float(d) for d in args.doses.split(",")]
    except ValueError:
        raise BadInput(f"--doses {args.doses!r} is not a list of numbers such as 0.25,0.5,1") from None
    for event in _ladder(read_config(args.config), doses):
        _emit(encode(event))
    return 0


def _ladder(config: Config, doses: list[float]) -> Iterator[Evaluated]:
    from engine.evaluate.evaluation import evaluate, items
    from engine.evaluate.pick import spread
    from engine.evaluate.steps import whole
    from engine.evaluate.subject import Subject
    from engine.evaluate.worlds import check_speaks, load_world
    from engine.model.adapter import Student
    from engine.model.load import load
    from engine.plugins.active import activate
    from engine.steer.methods import extract

    activate(config)
    trait = load_trait(config.trait.name)
    check_speaks(config.model.id, trait)
    world = load_world(trait, config.evaluate)
    student = Student(load(config.model), config.heal)
    val = items(world, config, "val")
    event, base, _ = whole(evaluate(Subject("base", student, trait), world, val, config, 0, None))
    yield event
    event, _, _ = whole(evaluate(Subject("prompted", student, trait), world, val, config, 0, base))
    yield event
    contexts = spread(world.contexts(), config.steer.contexts, lambda p: p.kind)
    vector = extract(student.loaded, trait, contexts, config.steer, config.run.seed)
    for dose in doses:
        event, _, _ = whole(evaluate(Subject("steered", student, trait, vector, dose), world, val, config, 1, base))
        yield event


def talk(argv: list[str]) -> int:
    """`talk DIR [--round N] [--dose X]`: one question per line on stdin; per question one JSON line a subject, then {"done": true}.

    Steered is the base with round N's vector at dose X (default: the one that was accepted); healed is the student of round N."""
    parser = argparse.ArgumentParser(prog="python -m engine talk")
    parser.add_argument("dir", type=Path)
    parser.add_argument("--round", type=int, default=0)
    parser.add_argument("--dose", type=float, default=0.0)
    args = parser.parse_args(argv)
    from engine.talk import Talk

    out = RunDir(args.dir)
    conversation = Talk(out, load_runfile(out.config).config, args.round, args.dose)
    for number, line in enumerate(sys.stdin):
        if line.strip():
            for subject, text in conversation.ask(line.strip(), number):
                _emit(msgspec.json.encode({"subject": subject, "text": text}) + b"\n")
            _emit(b'{"done":true}\n')
    return 0


def read_config(path: str) -> Config:
    """The config of a {"config": {...}} file. Raises BadInput."""
    if not path:
        raise BadInput("name the config: python -m engine inspect CONFIG.json")
    table = read_json(Path(path))
    if not isinstance(table, dict) or not isinstance(table.get("config"), dict):
        raise BadInput(f'{path} is not {{"config": {{...}}}}')
    return from_table(table["config"])


def _emit(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()
