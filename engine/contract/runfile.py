"""config.json of a run folder: the resolved config with the identities that the seal and the journal refer to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from engine.contract.config import Config
from engine.contract.errors import BadInput
from engine.contract.files import read_json, write_json
from engine.contract.hashes import config_hash, family_hash
from engine.contract.resolve import from_table


class RunFile(msgspec.Struct, frozen=True, kw_only=True):
    """What config.json holds. `preset` is empty when the config came from a file alone; `changes` are the knobs set beside it."""

    config: Config
    preset: str
    changes: dict[str, Any]
    axes: list[str]
    trait_hash: str
    model_hash: str

    @property
    def config_hash(self) -> str:
        return config_hash(self.config, self.trait_hash, self.model_hash)

    @property
    def family_hash(self) -> str:
        return family_hash(self.config, self.trait_hash, self.model_hash, self.axes)

    def save(self, path: Path) -> None:
        """Write config.json atomically."""
        table = {f: getattr(self, f) for f in self.__struct_fields__ if f != "config"}
        identities = {"config_hash": self.config_hash, "family_hash": self.family_hash}
        write_json(path, {"config": self.config.model_dump(mode="json"), **table, **identities})


def load_runfile(path: Path) -> RunFile:
    """Read config.json. Raises BadInput when it is missing or damaged, or its hash does not fit its content."""
    table = read_json(path)
    try:
        fields = {k: table[k] for k in ("preset", "changes", "axes", "trait_hash", "model_hash")}
        run = RunFile(config=from_table(table["config"]), **fields)
        claimed = table["config_hash"]
    except (KeyError, TypeError) as error:
        raise BadInput(f"{path} is not a run's config: {error!r} is missing or of the wrong kind") from None
    if claimed != run.config_hash:
        raise BadInput(f"{path} was edited after launch: its config hash is {run.config_hash[:8]}, not {claimed[:8]}")
    return run
