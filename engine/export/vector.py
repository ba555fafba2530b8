"""A round's vector as safetensors, with what one needs to know to apply it beside it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from engine.contract.files import write_json
from engine.contract.traits import load_trait
from engine.export.source import VECTOR, Source
from engine.steer.vector import load_vector
from engine.talk import accepted_dose

FORMULAS = {
    True: "h <- h + dose * v at every position of the output of decoder block i (from 0), for every layer.<i>",
    False: "h <- h - dose * ((h - m) . u) u with u = v / |v| at every position of the output of decoder block i (from 0), "
    "for every v = layer.<i> and m = centre.<i>",
}
"""How an additive vector is applied, and how an ablation is."""


def export_vector(source: Source, out: Path) -> dict[str, Any]:
    """Write vector.safetensors (`layer.<i>`, fp32, [d]; `centre.<i>` of an ablation) and config.json. Returns what is known of it."""
    known = about(source)
    trait = load_trait(source.run.config.trait.name)
    shutil.copyfile(source.vector, out / VECTOR)
    write_json(
        out / "config.json",
        {
            "steer": source.run.config.steer.model_dump(mode="json"),
            "trait": {"name": trait.name, "personas": [p.model_dump() for p in trait.personas]},
            "formula": FORMULAS[load_vector(source.vector).additive],
            "extracted_from": student_before(source.round),
            **known,
        },
    )
    return known


def about(source: Source) -> dict[str, Any]:
    """Method, norms by layer (from 0), and the dose that walk-C accepted for it."""
    vector = load_vector(source.vector)
    dose = accepted_dose(source.out, source.round)
    return {
        "dtype": "float32",
        "method": vector.method,
        "norms": vector.norms,
        **({"dose": dose} if dose else {}),
    }


def student_before(round_number: int) -> str:
    """What a round's vector was extracted from, and is to be applied to."""
    return "the base" if round_number == 1 else f"the student after round {round_number - 1}"
