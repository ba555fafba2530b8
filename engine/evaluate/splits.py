"""The splits of a trait's world by identity: which items val and test hold, so that a seal can name the exact data (requirement K5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.contract.config import Evaluate
from engine.contract.errors import Refused
from engine.contract.hashes import canonical, sha256
from engine.contract.prior import Split
from engine.contract.traits import TraitFile
from engine.contract.world import FirstPerson
from engine.contract.world import Split as Name
from engine.evaluate.worlds import load_world


def splits(trait: TraitFile, evaluate: Evaluate | None = None) -> dict[str, Split]:
    """Val and test of the trait's world. Which of their items a run draws follows from the config alone. Raises BadInput."""
    world = load_world(trait, evaluate)
    named = [evaluate.vignettes_hash] if evaluate is not None and evaluate.vignettes_file else []
    found = {}
    names: tuple[Name, ...] = ("val", "test")
    for name in names:
        own = world.dilemmas(name) if isinstance(world, FirstPerson) else []
        parts = (world.prompts(name), world.vignettes(name), world.facts(name), *([own] if own else []))
        ids = [[item.id for item in part] for part in parts]
        found[name] = Split(
            id=f"{world.name} {world.version}/{name}", items=sum(map(len, ids)), hash=sha256(canonical([*ids, *named]))
        )
    return found


def check_splits(record: Mapping[str, Any], trait: TraitFile, evaluate: Evaluate | None = None) -> None:
    """Raises Refused when val or test of the trait's world are not the items that were sealed, so that no number is read on others."""
    sealed, found = record["evidence"].get("splits", {}), splits(trait, evaluate)
    for name, split in sealed.items():
        now = found[name]
        if split["hash"] != now.hash:
            raise Refused(
                f"the {name} split changed since the seal: {split['id']} with {split['items']:,} items (ids {split['hash'][:8]}), "
                f"now {now.id} with {now.items:,} (ids {now.hash[:8]}); launch again to seal it as it is"
            )
