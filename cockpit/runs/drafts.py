"""Checklists on the way to a seal: a new one from evidence, an older one carried over, and the check of one item by item."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import tomlkit

from cockpit.runs import engine, evidence
from engine.contract import preflight
from engine.contract.answers import load_answers
from engine.contract.errors import BadInput
from engine.contract.estimate import Estimate, estimate
from engine.contract.preflight import Block
from engine.contract.resolve import preset_table, read_toml, resolve

ITEMS = (
    ("K0", "math: what is optimised, and what is unnecessary"),
    ("K1", "tokenization"),
    ("K2", "architecture"),
    ("K3", "init and matrices"),
    ("K4", "training direction"),
    ("K5", "metric, split, unit"),
    ("K6", "research question and prediction"),
    ("K7", "prior results"),
    ("K8", "known bugs and waivers"),
)


class Check(NamedTuple):
    """What stands against a checklist. `gate` is the fast-dev-run that opens it, '' when there is none."""

    blocks: list[Block]
    flags: list[Block]
    bugs: list[dict[str, Any]]
    gate: str
    estimate: Estimate


def new(preset: str, sets: Sequence[str], older: Path | None) -> str:
    """The text of a new checklist: the template, over it the answers of an older one, over these the facts. Raises BadInput."""
    carried = load_answers(older) if older else None
    if carried is not None and not preset:
        preset, sets = carried.preset, [*carried.set, *sets]
    if not preset:
        raise BadInput("name what it is for: --preset nano-care, or --answers OLD.toml")
    config = resolve(preset, sets=sets)
    facts = engine.inspect(config)
    template = (resources.files("engine") / "presets" / "preflight" / "template.toml").read_text("utf-8")
    document: Any = tomlkit.parse(template)
    if older is not None:
        for key, value in read_toml(older).items():
            if isinstance(value, dict):
                for name, answer in value.items():
                    document[key][name] = answer
            else:
                document[key] = value
    document["preset"], document["set"] = preset, list(sets)
    shipped = preset_table(preset).get("waivers")
    if shipped and "waivers" not in document:
        document["waivers"] = shipped
    for section, values in evidence.prefill(config, facts).items():
        for name, value in values.items():
            if section != "direction" and not (section == "metric" and document[section].get(name)):
                document[section][name] = value
    return tomlkit.dumps(document)


def check(project: Path, file: Path, sets: Sequence[str] = ()) -> Check:
    """Everything that stands against launching with this checklist. Raises BadInput when it cannot be read."""
    answers = load_answers(file)
    config = resolve(answers.preset or None, sets=[*answers.set, *sets])
    facts = engine.inspect(config)
    prior = evidence.gather(project, answers.prior.comparator)
    hits = preflight.bugs(answers, config, facts, prior)
    return Check(
        blocks=preflight.blocks(answers, config, facts, prior),
        flags=preflight.flags(answers, config, prior),
        bugs=[msgspec.to_builtins(hit) for hit in hits],
        gate=evidence.green_gate(project),
        estimate=estimate(config, facts),
    )
