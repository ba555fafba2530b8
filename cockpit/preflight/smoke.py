"""The fast-dev-run: the real pipeline of a preset with only its scale reduced (requirement W2)."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from cockpit.preflight.plan import seal_smoke
from cockpit.runs import engine, evidence
from cockpit.runs.launch import Plan
from engine.contract.answers import Answers, parse_answers
from engine.contract.config import EMBEDDED, Config
from engine.contract.errors import BadInput
from engine.contract.facts import ModelFacts
from engine.contract.plugins import KINDS, read_plugin
from engine.contract.resolve import preset_table, read_toml, resolve

SCALE = {
    "steer.contexts": 32,
    "steer.probes": 6,
    "steer.bisections": 1,
    "generate.completions": 24,
    "generate.prompts": 12,
    "generate.max_new_tokens": 64,
    "keep.min_kept": 4,
    "keep.max_kept": 16,
    "heal.epochs": 2,
    "heal.batch_size": 8,
    "evaluate.prompts": 6,
    "evaluate.test_prompts": 8,
    "evaluate.max_new_tokens": 64,
    "evaluate.vignettes": 7,
    "evaluate.thinking_tokens": 16,
    "evaluate.facts": 8,
    "evaluate.bootstrap": 200,
    "evaluate.probes": 2,
    "run.rounds": 2,
    "run.hang_limit": 300.0,
    "run.smoke": True,
}
"""What is reduced, and to what; a preset that is smaller already keeps its own."""
PLUMBING: dict[str, Any] = {
    "model.revision": "",
    "model.device": "auto",
    "generate.max_new_tokens": 24,
    "evaluate.max_new_tokens": 24,
    "keep.enabled": False,
    "evaluate.coherence_floor": 0.0,
    "evaluate.tail_ppl_ceiling": 1e9,
}
"""On top, where a random-init model stands in for a real one: it says nothing, so nothing it says may stop the run."""
FAMILIES = ("gemma3", "qwen3", "llama", "mistral", "phi3", "olmo2")
SEEING = {"gemma3": r"gemma-?3-(4|12|27)b", "mistral3": r"mistral-?small-?3\.[1-9]|ministral"}
"""Names of models whose decoder lies inside one that also sees, by the family of their stand-in."""


def smoke_config(preset: str, plugins: Sequence[str] = ()) -> Config:
    """The reduced config of a preset. A real model is replaced by a random one of its family, with the same quantisation; what the
    plugins bring is used."""
    full = resolve(preset)
    flat, sets = full.flat(), {}
    for knob, value in SCALE.items():
        sets[knob] = min(flat[knob], value) if isinstance(value, int) and not isinstance(value, bool) else value
    if full.model.id not in EMBEDDED:
        sets |= PLUMBING | {
            "model.id": full.model.id if full.model.id.startswith("random:") else f"random:{family(full.model.id)}"
        }
    sets |= _used(plugins)
    return resolve(preset, sets=[f"{knob}={_toml(value)}" for knob, value in sets.items()])


def _used(plugins: Sequence[str]) -> dict[str, Any]:
    """The settings that use every filter and evaluator of some plugin files, and their first vector method and aggregate."""
    sets: dict[str, Any] = {"run.plugins": list(plugins)} if plugins else {}
    for kind, name in (function for path in plugins for function in read_plugin(path).functions):
        if kind in ("completion_filter", "evaluator"):
            sets[KINDS[kind]] = [*sets.get(KINDS[kind], []), name]
        else:
            sets.setdefault(KINDS[kind], name)
    return sets


def smoke_plan(preset: str, plugins: Sequence[str] = ()) -> Plan:
    """The sealed fast-dev-run of a preset, with the answers that ship with it. Raises BadInput or Refused."""
    config = smoke_config(preset, plugins)
    facts = engine.inspect(config)
    return seal_smoke(config, preset, shipped_answers(preset, config, facts), facts)


def shipped_answers(preset: str, config: Config, facts: ModelFacts) -> Answers:
    """The answers of the package, under those of the preset, with the structural facts of this very model filled in."""
    shared = read_toml_resource("fast-dev-run.toml")
    own = preset_table(preset)
    merged: dict[str, Any] = {**shared}
    for table in (evidence.prefill(config, facts), own.get("preflight", {})):
        for section, values in table.items():
            merged[section] = {**merged.get(section, {}), **values}
    stand_in = read_toml_resource("stand-in.toml")["waivers"] if config.model.id.startswith("random:") else []
    merged["waivers"] = [*stand_in, *own.get("waivers", [])]
    merged["preset"] = preset
    if config.run.plugins:
        files = ", ".join(Path(path).name for path in config.run.plugins)
        answer = f"{merged['architecture'].get('answer', '')} The code of {files} runs in the engine, as this run was asked to."
        merged["architecture"] = merged["architecture"] | {"answer": answer.strip()}
    return parse_answers(merged, f"the answers shipped with {preset}")


def family(model: str) -> str:
    """The random family that stands in for a model. Raises BadInput when its name tells none."""
    for known, pattern in SEEING.items():
        if re.search(pattern, model.lower()):
            return f"{known}_vision"
    name = model.lower().replace("-", "").replace("_", "").replace(".", "")
    for known in FAMILIES:
        if known in name or known.rstrip("0123456789") in name:
            return known
    raise BadInput(f"no random stand-in for {model!r}; fast-dev-run knows the families {', '.join(FAMILIES)}")


def read_toml_resource(name: str) -> dict[str, Any]:
    """A packaged answers file."""
    with resources.as_file(resources.files("engine") / "presets" / "preflight" / name) as path:
        return read_toml(path)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (str, list)) else repr(value)
