"""A probed round on a tiny model of a real architecture, fresh for every test: faults are put into its real modules."""

from __future__ import annotations

import pytest

from engine.contract.config import Config
from engine.contract.resolve import resolve
from engine.probe.specimen import Specimen, of_config

TINY = ("model.id=random:llama", "generate.max_new_tokens=8", "heal.batch_size=8", "heal.rank=4")


def tiny(*sets: str) -> Config:
    return resolve("nano-care", sets=[*TINY, *sets])


@pytest.fixture
def specimen() -> Specimen:
    return of_config(tiny())
