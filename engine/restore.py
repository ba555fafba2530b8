"""The results of finished units, put back into a fresh lab: what comes after them cannot tell that the run was interrupted."""

from __future__ import annotations

from typing import Any

from engine.contract.errors import CockpitError
from engine.evaluate.scores import load_scores
from engine.heal.data import read_healset
from engine.lab import Lab
from engine.resume import Past, asked
from engine.steer.vector import load_vector


def restore(lab: Lab, past: Past) -> None:
    """Vectors, doses, metrics, the folded history, counts and the knobs that a person set."""
    lab.past = past
    baked = 0
    for unit in past.units:
        match unit.name:
            case "baseline":
                lab.base_val = load_scores(lab.out.round(0) / "base.json")
            case "extract":
                lab.vectors[unit.round] = load_vector(lab.out.round(unit.round) / "vector.safetensors")
            case "dose":
                lab.doses[unit.round] = unit.values["dose"]
            case "bake":
                baked = unit.round
            case "healed":
                lab.val_metrics[unit.round] = unit.values
            case "reveal":
                lab.tally.reveals = 1
    if baked:
        lab.student.load_history(lab.out.round(baked) / "student", baked)
    lab.replayed, lab.tally.tokens = past.extent.replayed, past.extent.tokens
    lab.tally.best = lab.best_round()
    if past.resumed:
        knobs, lab.controls.stop_after_round = asked(lab.out)
        for name, value in knobs.items():
            setattr(lab.controls.live, name, value)
            lab.controls.pinned.add(name)


def result(lab: Lab, name: str, r: int) -> Any:
    """What a finished unit gave to the ones after it; empty where those are finished too."""
    folder = lab.out.round(r)
    if name == "extract":
        return lab.vectors[r]
    if name == "dose":
        return lab.doses[r], ([] if lab.past.has("generate", r) else lab.pool(r).of("dose"))
    if name == "generate":
        return [] if lab.past.has("keep", r) else lab.pool(r).of("generate") + lab.pool(r).of("dose")
    if name == "keep":
        return read_healset(folder / "healset.jsonl")
    if name in ("baseline", "steered", "heal", "bake", "healed", "reveal"):
        return None
    raise CockpitError(f"no unit is named {name}")
