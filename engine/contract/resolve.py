"""From preset, file and `--set` to one config: later wins, unknown keys are refused with the nearest known one."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from engine.contract.config import Config
from engine.contract.errors import BadInput
from engine.contract.plugins import check_names, with_plugins
from engine.contract.spelling import nearest as nearest
from engine.contract.vignettes import read_vignettes

KNOBS = tuple(Config().flat())
"""Every knob as 'section.name'."""


def preset_names() -> list[str]:
    """The shipped presets, by name."""
    folder = resources.files("engine") / "presets"
    return sorted(p.name.removesuffix(".toml") for p in folder.iterdir() if p.name.endswith(".toml"))


def preset_table(name: str) -> dict[str, Any]:
    """The preset's own TOML, with what it extends already underneath. `about` and `preflight` stay in.

    Raises BadInput when there is no such preset."""
    if name not in preset_names():
        raise BadInput(f"no preset named {name!r}{nearest(name, preset_names())}. Presets: {', '.join(preset_names())}")
    table = tomllib.loads((resources.files("engine") / "presets" / f"{name}.toml").read_text("utf-8"))
    parent = table.pop("extends", None)
    return _merge(preset_table(parent), table) if parent else table


def resolve(preset: str | None = None, *, file: Path | None = None, sets: Iterable[str] = ()) -> Config:
    """The config of a preset, overlaid by a TOML file, overlaid by `section.name=value` settings.

    Raises BadInput, in one line that names the key and the nearest known key, on anything that is not a valid config."""
    table: dict[str, Any] = preset_table(preset) if preset else {}
    table = {k: v for k, v in table.items() if k not in ("about", "preflight", "waivers")}
    if file is not None:
        table = _merge(table, read_toml(file))
    for setting in sets:
        table = _merge(table, parse_set(setting))
    return with_plugins(_with_vignettes(from_table(table)))


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as a dict. Raises BadInput when it is missing, unreadable or not TOML."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise BadInput(f"{path} does not exist") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"{path} is not readable as TOML: {error}") from None


def parse_set(setting: str) -> dict[str, Any]:
    """'heal.tau=2.0' as {'heal': {'tau': 2.0}}; a value that is not TOML is taken as text."""
    key, equals, raw = setting.partition("=")
    key = key.strip()
    if not equals or key.count(".") != 1:
        raise BadInput(f"--set {setting!r} is not section.name=value, for example --set heal.tau=2.0")
    if key not in KNOBS:
        raise BadInput(f"no setting named {key!r}{nearest(key, KNOBS)}")
    section, name = key.split(".")
    try:
        value = tomllib.loads(f"v = {raw.strip()}")["v"]
    except tomllib.TOMLDecodeError:
        value = raw.strip()
    return {section: {name: value}}


def from_table(table: Mapping[str, Any]) -> Config:
    """A nested dict as a Config. Raises BadInput naming the key, what is wrong with it, and the nearest known key."""
    sections = tuple(Config.model_fields)
    for section, values in table.items():
        if section not in sections:
            raise BadInput(f"no section named {section!r}{nearest(section, sections)}")
        if not isinstance(values, Mapping):
            raise BadInput(f"{section} must be a table of settings, not {values!r}")
        for name in values:
            if f"{section}.{name}" not in KNOBS:
                raise BadInput(f"no setting named {f'{section}.{name}'!r}{nearest(f'{section}.{name}', KNOBS)}")
    try:
        config = Config.model_validate(_loosen(table))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"][:2])
        raise BadInput(f"{key} = {first['input']!r}: {_lower(first['msg'])}") from None
    if not config.run.plugins:
        check_names(config, ())
    return config


def from_flat(flat: Mapping[str, Any]) -> Config:
    """The config of 'section.name': value pairs, as Config.flat() gives them. Raises BadInput as from_table does."""
    table: dict[str, dict[str, Any]] = {}
    for knob, value in flat.items():
        section, _, name = knob.partition(".")
        table.setdefault(section, {})[name] = value
    return from_table(table)


def _with_vignettes(config: Config) -> Config:
    """The config with the hash of the vignettes file that it names, which makes the file's content part of the run's identity."""
    name, told = config.evaluate.vignettes_file, config.evaluate.vignettes_hash
    if not name:
        if told:
            raise BadInput("evaluate.vignettes_hash is set and no evaluate.vignettes_file; leave the hash out")
        return config
    found = read_vignettes(Path(name)).hash
    if told not in ("", found):
        raise BadInput(
            f"{name} has another content (sha256 {found[:8]}) than evaluate.vignettes_hash says ({told[:8]})"
        )
    evaluate = config.evaluate.model_copy(update={"vignettes_hash": found})
    return config.model_copy(update={"evaluate": evaluate})


def _loosen(table: Mapping[str, Any]) -> dict[str, Any]:
    """TOML integers where a float is meant, arrays where a tuple is, words between commas where names are; all else stays strict."""
    defaults = Config().model_dump()
    loose: dict[str, Any] = {}
    for section, values in table.items():
        loose[section] = {}
        for name, value in values.items():
            default = defaults[section][name]
            if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
                value = float(value)
            if default == () and isinstance(value, str):
                value = [word.strip() for word in value.split(",") if word.strip()]
            if isinstance(default, tuple) and isinstance(value, list):
                value = tuple(float(v) if isinstance(v, int) else v for v in value)
            loose[section][name] = value
    return loose


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        merged[key] = _merge(under, value) if isinstance(under, Mapping) and isinstance(value, Mapping) else value
    return merged


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
