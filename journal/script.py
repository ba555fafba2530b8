"""What is known of a foreign script's run: what it reported, and what stands in its config."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from engine.contract.errors import BadInput
from engine.contract.events import Event, ScriptReported, ScriptStarted, ScriptStep
from engine.contract.rundir import RunDir
from engine.contract.script import NO_FILE, ScriptFile, load_script
from journal.text import MISSING, plain

NOT_REPORTED = "not reported"
_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 40


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one attempt of a script. `losses` are those it reported, in order."""

    file: ScriptFile
    sealed_by: str  # the seal it started under, '' when it did not start
    facts: dict[str, Any]
    steps: int
    last_step: int
    epochs: float | None
    tokens: int
    losses: list[float]


def load(folder: RunDir, seen: Sequence[Event]) -> tuple[Script | None, str]:
    """(the script of a run folder, what is wrong with its config.json); (None, '') when the run is no script's."""
    try:
        file = load_script(folder.config)
    except BadInput as error:
        return None, "" if not any(isinstance(e, ScriptStarted) for e in seen) else str(error)
    if file is None:
        return None, ""
    facts: dict[str, Any] = {}
    for event in seen:
        if isinstance(event, ScriptReported):
            facts |= event.facts
    steps = [e for e in seen if isinstance(e, ScriptStep)]
    epochs = [e.epoch for e in steps if isinstance(e.epoch, float)]
    script = Script(
        file=file,
        sealed_by=next((e.preflight_hash for e in seen if isinstance(e, ScriptStarted)), ""),
        facts=facts,
        steps=len(steps),
        last_step=max((e.step for e in steps), default=0),
        epochs=max(epochs, default=None),
        tokens=sum(e.tokens for e in steps if isinstance(e.tokens, int)),
        losses=[e.loss for e in steps if isinstance(e.loss, float)],
    )
    return script, ""


def seed(script: Script) -> int | str:
    """The seed that the script reported, else that of its --seed option."""
    reported = script.facts.get("seed", script.file.seed)
    return reported if isinstance(reported, int) else NOT_REPORTED


def value(found: float | None) -> str:
    """A number of unknown unit: four significant digits."""
    if found is None:
        return MISSING
    return f"{found:,.0f}" if float(found).is_integer() and abs(found) >= 1000 else f"{found:.4g}"


def card(script: Script) -> dict[str, Any]:
    """What a hidden data line says of a script beyond what it says of every run."""
    reported = seed(script)
    found = {
        "kind": "script",
        "preset": script.file.name,
        "model": plain(fact(script.facts, "name", "model_name", "class"), 80),
        "seed": reported if isinstance(reported, int) else None,
        "config_hash": script.file.config_hash,
        "family_hash": script.file.family_hash,
        "script_sha256": script.file.script_sha256 if script.file.script_sha256 != NO_FILE else "",
        "loss": round(script.losses[-1], 6) if script.losses else None,
    }
    return {name: held for name, held in found.items() if held not in (None, "")}


def content(file: ScriptFile, where: str = "") -> str:
    """The script with the hash of what is in it; a command that runs no file of its own has none."""
    if file.script_sha256 == NO_FILE:
        return f"{file.program}, no script file"
    return f"{where or file.script or file.program}, sha256 {file.script_sha256[:12]}"


def sparkline(values: Sequence[float], width: int = _WIDTH) -> str:
    """Means of equal stretches as bars from the lowest to the highest."""
    count = min(width, len(values))
    edges = [round(i * len(values) / count) for i in range(count + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    low, high = min(means), max(means)
    top = len(_BARS) - 1
    return "".join(_BARS[round((m - low) / (high - low) * top) if high > low else 0] for m in means)


def fact(facts: Mapping[str, Any], *names: str) -> str:
    """The first of these names that the script reported, as text; '' when it reported none."""
    return next((str(facts[name]) for name in names if str(facts.get(name, "")).strip()), "")
