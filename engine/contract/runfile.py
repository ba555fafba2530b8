"""config.json of a run folder: the resolved config with the identities that the seal and the journal refer to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from engine.contract.config import Config
from engine.contract.errors import BadInput
from engine.contract.files import read_json, write_json
from engine.contract.hashes import config_hash, family_hash
from engine.contract.resolve import KNOBS, from_table


class RunFile(msgspec.Struct, frozen=True, kw_only=True):
    """What config.json holds. `preset` is empty when the config came from a file alone; `changes` are the knobs set beside it.

    `stored` is the config as another version wrote it, {} when it is this version's: a run keeps the identity it started with."""

    config: Config
    preset: str
    changes: dict[str, Any]
    axes: list[str]
    trait_hash: str
    model_hash: str
    stored: dict[str, dict[str, Any]] = {}

    @property
    def config_hash(self) -> str:
        return config_hash(self.stored or self.config, self.trait_hash, self.model_hash)

    @property
    def family_hash(self) -> str:
        return family_hash(self.stored or self.config, self.trait_hash, self.model_hash, self.axes)

    @property
    def unknown(self) -> list[str]:
        """The stored knobs that this version does not have; `config` is without them."""
        return [f"{s}.{k}" for s, section in self.stored.items() for k in section if f"{s}.{k}" not in KNOBS]

    def save(self, path: Path) -> None:
        """Write config.json atomically."""
        table = {f: getattr(self, f) for f in self.__struct_fields__ if f not in ("config", "stored")}
        identities = {"config_hash": self.config_hash, "family_hash": self.family_hash}
        write_json(path, {"config": self.stored or self.config.model_dump(mode="json"), **table, **identities})


def load_runfile(path: Path) -> RunFile:
    """Read config.json. Raises BadInput when it is missing or damaged, or its hash does not fit its content.

    The config of another version is read as far as this one knows its knobs; the seal decides whether it may still run."""
    table = read_json(path)
    try:
        fields = {k: table[k] for k in ("preset", "changes", "axes", "trait_hash", "model_hash")}
        stored = {section: dict(values) for section, values in table["config"].items()}
        found = config_hash(stored, fields["trait_hash"], fields["model_hash"])
        claimed = str(table["config_hash"])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise BadInput(f"{path} is not a run's config: {error!r} is missing or of the wrong kind") from None
    if claimed != found:
        raise BadInput(f"{path} was edited after launch: its config hash is {found[:8]}, not {claimed[:8]}")
    known = {s: {k: v for k, v in values.items() if f"{s}.{k}" in KNOBS} for s, values in stored.items()}
    config = from_table({section: values for section, values in known.items() if values})
    ours = config.model_dump(mode="json") == stored
    return RunFile(config=config, stored={} if ours else stored, **fields)
