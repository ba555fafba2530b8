"""A trait is one TOML file: personas, axis and the world it is measured in (requirement W16)."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.contract.errors import BadInput
from engine.contract.hashes import sha256
from engine.contract.world import FOUNDATIONS


class Persona(BaseModel):
    """Two opposite system prompts; the vector is the difference between what they do to the hidden states."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    positive: str = Field(min_length=3)
    negative: str = Field(min_length=3)


class Axis(BaseModel):
    """The foundations that should rise and fall on the third-person forced choice; `down` may be empty."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    up: str
    down: str = ""


class TraitFile(BaseModel):
    """The content of a trait file, with the hash of its bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    description: str
    world: str = "nano"
    personas: tuple[Persona, ...] = Field(min_length=1)
    axis: Axis
    labels: dict[str, str] = {}
    hash: str = ""


def trait_names() -> list[str]:
    """The shipped traits."""
    folder = resources.files("engine") / "traits"
    return sorted(p.name.removesuffix(".toml") for p in folder.iterdir() if p.name.endswith(".toml"))


def load_trait(name: str) -> TraitFile:
    """A shipped trait by name, or a trait file by path. Raises BadInput naming what is wrong."""
    if name.endswith(".toml"):
        path = Path(name)
        if not path.is_file():
            raise BadInput(f"trait file {name} does not exist")
        data = path.read_bytes()
    elif name in trait_names():
        data = (resources.files("engine") / "traits" / f"{name}.toml").read_bytes()
    else:
        raise BadInput(
            f"no trait named {name!r}; use one of {', '.join(trait_names())}, or the path of a trait TOML file"
        )
    try:
        trait = TraitFile.model_validate(tomllib.loads(data.decode()) | {"hash": sha256(data)})
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"trait {name}: not readable as TOML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise BadInput(f"trait {name}: {'.'.join(map(str, first['loc']))}: {first['msg'].lower()}") from None
    for side in (trait.axis.up, trait.axis.down):
        if side and side not in FOUNDATIONS:
            raise BadInput(f"trait {name}: axis {side!r} is not a foundation; use one of {', '.join(FOUNDATIONS)}")
    return trait
