"""A worker measures on the items that were sealed, or not at all (requirement K5)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine import queries
from engine.contract.errors import BadInput, Refused
from engine.contract.files import write_json
from engine.contract.preflight import seal_hash
from engine.contract.resolve import resolve
from engine.contract.rundir import RunDir
from engine.contract.runfile import RunFile
from engine.contract.traits import TraitFile, load_trait
from engine.evaluate.splits import check_splits, splits
from engine.evaluate.worlds import check_speaks
from engine.worker import run


def sealed(folder: Path, care: TraitFile, **moved: str) -> dict[str, Any]:
    """A run folder whose seal is whole; `moved` are hashes that its splits had when it was sealed."""
    runfile = RunFile(
        config=resolve("nano-care"), preset="nano-care", changes={}, axes=[], trait_hash=care.hash, model_hash="c" * 64
    )
    runfile.save(RunDir(folder).config)
    held = {name: msgspec.to_builtins(split) for name, split in splits(care).items()}
    for name, value in moved.items():
        held[name]["hash"] = value
    record: dict[str, Any] = {
        "axes": [],
        "config": runfile.config.flat(),
        "family_hash": runfile.family_hash,
        "trait_hash": care.hash,
        "model_hash": "c" * 64,
        "evidence": {"splits": held},
    }
    record["seal"] = seal_hash(record)
    write_json(RunDir(folder).preflight, record)
    return record


def test_k5_the_splits_that_were_sealed_are_accepted(tmp_path: Path, care: TraitFile) -> None:
    check_splits(sealed(tmp_path, care), care)


@pytest.mark.parametrize("name", ["val", "test"])
def test_k5_a_worker_refuses_other_splits_before_anything_is_loaded(name: str, tmp_path: Path, care: TraitFile) -> None:
    sealed(tmp_path, care, **{name: "0" * 64})
    with pytest.raises(Refused, match=f"the {name} split changed since the seal"):
        run([str(tmp_path)])
    assert not RunDir(tmp_path).events.exists()


@pytest.mark.parametrize(("model", "trait", "fits"), [("nano-b", "care", "care-b"), ("nano", "care-b", "care")])
def test_a_world_is_refused_to_a_model_that_was_never_taught_its_language(
    model: str, trait: str, fits: str, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=f"trait.name={fits}"):
        check_speaks(model, load_trait(trait))
    check_speaks(model, load_trait(fits))
    config = tmp_path / "config.json"
    named = resolve("nano-care", sets=[f"model.id={model}", f"trait.name={trait}"])
    write_json(config, {"config": named.model_dump(mode="json")})
    for query in (queries.splits, queries.ladder):
        with pytest.raises(BadInput, match=f"trait.name={fits}"):
            query([str(config)])
    check_speaks("random:llama", load_trait(trait))
