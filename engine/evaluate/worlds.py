"""The world that a trait is measured in: `nano` or `english`, with the items of the trait's own name, or of the one after a colon, and
with the vignettes of a file where the config names one."""

from __future__ import annotations

from pathlib import Path

from engine.contract.config import Evaluate
from engine.contract.errors import BadInput, Refused
from engine.contract.traits import TraitFile
from engine.contract.vignettes import VignetteSet, read_vignettes
from engine.contract.world import World


def load_world(trait: TraitFile, evaluate: Evaluate | None = None) -> World:
    """Build the trait's world, with the vignettes that `evaluate` names.

    Raises BadInput for a world, items or a file that do not exist, Refused when the file is not the one that was resolved."""
    kind, _, items = trait.world.partition(":")
    items = items or trait.name
    if items not in ("care", "love"):
        raise BadInput(
            f'trait {trait.name}: world {trait.world!r} has no items of that name; write world = "{kind}:care" or "{kind}:love"'
        )
    named = evaluate is not None and bool(evaluate.vignettes_file)
    if kind == "nano":
        if named:
            raise BadInput(
                f"evaluate.vignettes_file is for an English world, and trait {trait.name} is measured in nano, which reads only its own "
                "vignettes; use a trait such as english-care"
            )
        from engine.nano.world import NanoWorld

        return NanoWorld(items)
    if kind == "english":
        from engine.evaluate.english import EnglishWorld

        return EnglishWorld(items, _named(evaluate) if named and evaluate is not None else None)
    raise BadInput(f"trait {trait.name}: no world named {kind!r}; use nano or english")


def _named(evaluate: Evaluate) -> VignetteSet:
    found = read_vignettes(Path(evaluate.vignettes_file))
    if found.hash != evaluate.vignettes_hash:
        raise Refused(
            f"{evaluate.vignettes_file} is not the file that the config was resolved with ({evaluate.vignettes_hash[:8] or 'no hash'}, "
            f"now {found.hash[:8]}); launch again to seal it as it is"
        )
    return found
