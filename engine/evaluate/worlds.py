"""The world that a trait is measured in: `nano`, `nano-b` or `english`, with the items of the trait's own name, or of the one after a
colon, and with the vignettes of a file where the config names one."""

from __future__ import annotations

from pathlib import Path

from engine.contract.config import EMBEDDED, Evaluate
from engine.contract.errors import BadInput, Refused
from engine.contract.traits import TraitFile
from engine.contract.vignettes import VignetteSet, read_vignettes
from engine.contract.world import World

_ITEMS = {"nano": ("care", "love"), "nano-b": ("care",), "english": ("care", "love")}
"""The worlds, each with the names of its items."""


def load_world(trait: TraitFile, evaluate: Evaluate | None = None) -> World:
    """Build the trait's world, with the vignettes that `evaluate` names.

    Raises BadInput for a world, items or a file that do not exist, Refused when the file is not the one that was resolved."""
    kind, _, items = trait.world.partition(":")
    items = items or trait.name
    known = _ITEMS.get(kind)
    if known is None:
        raise BadInput(f"trait {trait.name}: no world named {kind!r}; use {' or '.join(_ITEMS)}")
    if items not in known:
        fitting = " or ".join(f'"{kind}:{name}"' for name in known)
        raise BadInput(f"trait {trait.name}: world {trait.world!r} has no items of that name; write world = {fitting}")
    named = evaluate is not None and bool(evaluate.vignettes_file)
    if kind != "english":
        if named:
            raise BadInput(
                f"evaluate.vignettes_file is for an English world, and trait {trait.name} is measured in {kind}, which reads only its own "
                "vignettes; use a trait such as english-care"
            )
        if evaluate is not None and evaluate.thinking_tokens:
            raise BadInput(
                f"evaluate.thinking_tokens is for an English world, and trait {trait.name} is measured in {kind}, which was never taught "
                "to think; use a trait such as english-care, or 0"
            )
        from engine.nano.b.generator import B
        from engine.nano.world import NanoWorld

        return NanoWorld(items, B) if kind == "nano-b" else NanoWorld(items)
    from engine.evaluate.english import EnglishWorld

    return EnglishWorld(items, _named(evaluate) if named and evaluate is not None else None)


def check_speaks(model_id: str, trait: TraitFile) -> None:
    """Raises BadInput for an embedded model of the other micro-world than the trait's."""
    kind = trait.world.partition(":")[0]
    if model_id in EMBEDDED and kind in ("nano", "nano-b") and (model_id == "nano-b") != (kind == "nano-b"):
        fitting = "care-b" if model_id == "nano-b" else "care"
        raise BadInput(
            f"{model_id} does not speak the language of world {kind}, in which trait {trait.name} is measured; "
            f"--set trait.name={fitting}, or another model"
        )


def _named(evaluate: Evaluate) -> VignetteSet:
    found = read_vignettes(Path(evaluate.vignettes_file))
    if found.hash != evaluate.vignettes_hash:
        raise Refused(
            f"{evaluate.vignettes_file} is not the file that the config was resolved with ({evaluate.vignettes_hash[:8] or 'no hash'}, "
            f"now {found.hash[:8]}); launch again to seal it as it is"
        )
    return found
