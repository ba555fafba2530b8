"""The embedded model and its world, for tests of vectors and doses."""

from __future__ import annotations

import pytest

from engine.contract.config import Model, Steer
from engine.contract.traits import TraitFile, load_trait
from engine.contract.world import Prompt, World
from engine.evaluate.pick import spread
from engine.evaluate.worlds import load_world
from engine.model.load import Loaded, load
from engine.steer.methods import extract
from engine.steer.vector import Vector


@pytest.fixture(scope="session")
def nano() -> Loaded:
    return load(Model())


@pytest.fixture(scope="session")
def care() -> TraitFile:
    return load_trait("care")


@pytest.fixture(scope="session")
def world(care: TraitFile) -> World:
    return load_world(care)


@pytest.fixture(scope="session")
def contexts(world: World) -> list[Prompt]:
    return spread(world.contexts(), 16, lambda p: p.kind)


@pytest.fixture(scope="session")
def vectors(nano: Loaded, care: TraitFile, contexts: list[Prompt]) -> dict[str, Vector]:
    """A vector of every method, from the same few contexts."""
    methods = ("mean_diff", "pca_diff", "ablation", "random", "shuffled", "zero")
    return {m: extract(nano, care, contexts, Steer(method=m), seed=1) for m in methods}
