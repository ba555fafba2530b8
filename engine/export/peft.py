"""The student as a plain PEFT folder: loaded by PEFT alone, without this project, it gives the student's logits to the bit."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from peft import PeftModel

from engine.contract.errors import CockpitError
from engine.contract.files import read_json, write_json
from engine.export.logits import reference
from engine.export.source import Source
from engine.model.load import embedded, family_of, load

WEIGHTS = "adapter_model.safetensors"


def export_peft(source: Source, out: Path, commit: str) -> dict[str, Any]:
    """Write the adapter and check it in plain PEFT. Returns what was measured. Raises CockpitError when any logit differs."""
    held = reference(source)
    config = read_json(source.student / "adapter_config.json")
    model = source.run.config.model
    base = (
        model.id
        if family_of(model.id) == "hub"
        else str((embedded(model.id) or Path(model.id)).expanduser().absolute())
    )
    revision = commit if family_of(model.id) == "hub" else None
    write_json(
        out / "adapter_config.json",
        config
        | {"base_model_name_or_path": base, "revision": revision, "task_type": "CAUSAL_LM", "auto_mapping": None},
    )
    shutil.copyfile(source.student / WEIGHTS, out / WEIGHTS)
    plain = PeftModel.from_pretrained(load(model).model, str(out))
    difference = held.difference(plain.eval())
    if difference != 0.0:
        raise CockpitError(
            f"loaded by plain PEFT the adapter differs from the student by up to {difference:.3g} in a logit; it is not exported"
        )
    return {
        "dtype": "float32",
        "base_dtype": held.dtype,
        "quantization": model.quantization,
        "rank": int(config["r"]),
        "prompts": len(held.prompts),
        "logit_difference": difference,
        "logit_effect": held.effect,
    }
