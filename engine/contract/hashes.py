"""Identity of configs and code: what makes two runs the same run, the same family, or the product of the same sources."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from engine.contract.config import Config

SEED_AXIS = "run.seed"
FREE = (SEED_AXIS, "run.time_limit", "run.hang_limit", "run.checkpoint_every", "run.checkpoints_kept", "run.plugins")
"""Knobs that never make another family: the seed, when to give up, how often to save, and where a plugin's file lies (what it holds
does: run.plugins_hash)."""
_SOURCES = (".py", ".toml", ".tcss", ".json", ".jsonl", ".safetensors", ".jinja")


def sha256(data: bytes) -> str:
    """Hex sha256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Hex sha256 of a file, read in blocks."""
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def canonical(value: Any) -> bytes:
    """JSON with sorted keys, no spaces and no NaN: equal values give equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


Table = Mapping[str, Mapping[str, Any]]
"""A config as config.json holds it: sections of knobs, perhaps those of another version."""


def config_hash(config: Config | Table, trait_hash: str, model_hash: str) -> str:
    """Identity of one run: the resolved config with the trait's content and the model's hash."""
    return sha256(canonical([_table(config), trait_hash, model_hash]))


def family_hash(config: Config | Table, trait_hash: str, model_hash: str, axes: Iterable[str] = ()) -> str:
    """Identity of a family: config_hash without the seed, the time limits and the declared axes ('section.name')."""
    free = {*FREE, *axes}
    flat = {f"{s}.{k}": v for s, section in _table(config).items() for k, v in section.items()}
    return sha256(canonical([{k: v for k, v in flat.items() if k not in free}, trait_hash, model_hash]))


def _table(config: Config | Table) -> Table:
    return config.model_dump(mode="json") if isinstance(config, Config) else config


@cache
def code_hash() -> str:
    """sha256 over the installed sources and data of engine, cockpit and journal, in path order."""
    digest = hashlib.sha256()
    for package, path in package_files():
        digest.update(f"{package}/{path.name}".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def package_files() -> list[tuple[str, Path]]:
    """(package folder relative to its root, file) of every source and data file of the three packages, sorted."""
    found: list[tuple[str, Path]] = []
    for package in ("cockpit", "engine", "journal"):
        spec = find_spec(package)
        roots = list(spec.submodule_search_locations or ()) if spec else []
        for root in map(Path, roots):
            for path in root.rglob("*"):
                if path.suffix in _SOURCES and "__pycache__" not in path.parts:
                    found.append((f"{package}/{path.parent.relative_to(root)}", path))
    return sorted(found, key=lambda item: (item[0], item[1].name))
