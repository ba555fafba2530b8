"""The world that a trait is measured in: `nano` or `english`, with the items of the trait's own name, or of the one after a colon."""

from __future__ import annotations

from engine.contract.errors import BadInput
from engine.contract.traits import TraitFile
from engine.contract.world import World


def load_world(trait: TraitFile) -> World:
    """Build the trait's world. Raises BadInput for a world or items that do not exist."""
    kind, _, items = trait.world.partition(":")
    items = items or trait.name
    if items not in ("care", "love"):
        raise BadInput(
            f'trait {trait.name}: world {trait.world!r} has no items of that name; write world = "{kind}:care" or "{kind}:love"'
        )
    if kind == "nano":
        from engine.nano.world import NanoWorld

        return NanoWorld(items)
    if kind == "english":
        from engine.evaluate.english import EnglishWorld

        return EnglishWorld(items)
    raise BadInput(f"trait {trait.name}: no world named {kind!r}; use nano or english")
