"""Real models for the engine's tests: nano, and tiny random-init models of real architectures."""

from __future__ import annotations

import pytest

from engine.contract.config import Heal, Model
from engine.contract.traits import TraitFile, load_trait
from engine.contract.world import World
from engine.evaluate.worlds import load_world
from engine.model.adapter import Student
from engine.model.load import Loaded, load

BASES = {
    "fp32": Model(id="random:llama"),
    "bf16": Model(id="random:llama", dtype="bf16"),
    "nf4": Model(id="random:llama", dtype="bf16", quantization="nf4"),
}


@pytest.fixture(scope="session")
def nano() -> Loaded:
    return load(Model())


@pytest.fixture(scope="session")
def care() -> TraitFile:
    return load_trait("care")


@pytest.fixture(scope="session")
def world(care: TraitFile) -> World:
    return load_world(care)


@pytest.fixture(params=list(BASES))
def base(request: pytest.FixtureRequest) -> Loaded:
    """A fresh tiny model at each precision: adapters are injected into it."""
    return load(BASES[request.param])


@pytest.fixture
def student(base: Loaded) -> Student:
    return Student(base, Heal(rank=4, alpha=8.0))
