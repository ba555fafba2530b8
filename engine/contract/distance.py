"""How far one config is from another, over the knobs that matter, and the table of what differs (requirement K7).

    distance = sum over knobs of weight * step,   step = 1 for a word or switch, min(1, |log2(a / b)| / 3) for a number

so that a factor of eight in a number counts as much as another word. Weights say what changes a result: the model and the trait most,
then what makes the vector, the loss and the filter, then sizes; how rows are batched, when to give up and the seed count nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from engine.contract.prior import PriorRun

_SECTION = {
    "model": 0.0,
    "trait": 8.0,
    "steer": 1.0,
    "generate": 1.0,
    "keep": 0.5,
    "heal": 1.0,
    "evaluate": 0.1,
    "run": 0.0,
}
_KNOB = {
    "model.id": 8.0, "model.revision": 2.0, "model.quantization": 2.0, "model.dtype": 1.0, "model.trust_remote_code": 0.5,
    "steer.method": 3.0, "steer.norm": 2.0, "steer.centre": 2.0, "steer.calibration": 2.0,
    "steer.contexts": 0.5, "steer.probes": 0.25, "steer.bisections": 0.25,
    "generate.doses": 2.0, "generate.verdicts": 3.0, "generate.completions": 0.5, "generate.prompts": 0.5, "generate.max_new_tokens": 0.5,
    "generate.batch_size": 0.0, "keep.enabled": 3.0,
    "heal.divergence": 3.0, "heal.aggregate": 3.0, "heal.reference": 3.0, "heal.tau": 2.0, "heal.lam": 2.0, "heal.lr": 2.0,
    "heal.replay": 2.0, "heal.val_fraction": 0.25, "heal.adapter_dtype": 0.5, "heal.head": 0.0, "heal.gradient_checkpointing": 0.0,
    "evaluate.temperature": 0.5, "evaluate.max_new_tokens": 0.5, "evaluate.thinking_tokens": 1.0, "evaluate.batch_size": 0.0,
    "evaluate.bootstrap": 0.0, "evaluate.probes": 0.0, "run.rounds": 1.0, "run.plugins_hash": 3.0,
}  # fmt: skip
FAR = 8.0
"""From here on a run is about something else."""


class Difference(NamedTuple):
    """One knob with the earlier run's value and this one's; None where a version does not have the knob."""

    knob: str
    theirs: Any
    ours: Any


class Near(NamedTuple):
    """An earlier run with its distance and what differs among the knobs that matter."""

    run: PriorRun
    distance: float
    differs: list[Difference]


def weight(knob: str) -> float:
    """What a difference in this knob counts."""
    return _KNOB.get(knob, _SECTION.get(knob.partition(".")[0], 0.0))


def matters(theirs: Mapping[str, Any], ours: Mapping[str, Any], *, free: Iterable[str] = ()) -> list[Difference]:
    """The knobs that differ and count something, `free` ones and those of only one version left out, in config order."""
    free = set(free)
    both = [d for d in differences(theirs, ours) if d.theirs is not None and d.ours is not None]
    return [d for d in both if weight(d.knob) > 0 and d.knob not in free]


def differences(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> list[Difference]:
    """Every knob that differs between two flat configs, in config order."""
    knobs = [*ours, *(k for k in theirs if k not in ours)]
    return [Difference(k, theirs.get(k), ours.get(k)) for k in knobs if theirs.get(k) != ours.get(k)]


def distance(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> float:
    """The weighted distance of two flat configs; 0 when they differ in nothing that counts."""
    return sum(weight(d.knob) * _step(d.theirs, d.ours) for d in matters(theirs, ours))


def near(runs: Iterable[PriorRun], config: Mapping[str, Any], model_hash: str, *, within: float = FAR) -> list[Near]:
    """The runs closer than `within`, nearest first, then newest; another model under the same name counts one more."""
    found = []
    for run in runs:
        away = distance(run.config, config) + (run.model_hash != model_hash)
        if away < within:
            found.append(Near(run, away, matters(run.config, config)))
    return sorted(found, key=lambda n: n.distance)


def _step(a: Any, b: Any) -> float:
    """How far two values of one knob are apart, from 0 to 1."""
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)) and len(a) == len(b):
        return max((_step(x, y) for x, y in zip(a, b, strict=True)), default=0.0)
    number = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in (a, b))
    if not number or a == b:
        return float(a != b)
    return min(1.0, abs(math.log2(a / b)) / 3) if a > 0 and b > 0 else 1.0
