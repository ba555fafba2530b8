"""The typed config as a form sees it: every knob with its description, unit, bounds and choices, found by a few letters."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache
from typing import Literal, NamedTuple, get_args, get_origin

from engine.contract.config import Config
from engine.contract.distance import weight

_BOUNDS = (("ge", "at least"), ("gt", "above"), ("le", "at most"), ("lt", "below"), ("min_length", "not empty"))


class Knob(NamedTuple):
    """One setting. `kind` is its type in a word; `bounds` are words."""

    name: str
    description: str
    unit: str
    bounds: str
    choices: tuple[str, ...]
    kind: str

    def about(self) -> str:
        """'nats; at least 0, at most 100': what may stand here."""
        choices = f"one of {', '.join(self.choices)}" if self.choices else ""
        return "; ".join(part for part in (self.unit, choices, self.bounds) if part)


@cache
def knobs() -> tuple[Knob, ...]:
    """Every knob, in the config's own order."""
    found = []
    for section, field in Config.model_fields.items():
        for name, info in field.annotation.model_fields.items():  # type: ignore[union-attr]
            if (section, name) == ("run", "smoke"):
                continue  # a launch is never a smoke run
            extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
            bounds = []
            for rule in info.metadata:
                for key, word in _BOUNDS:
                    limit = getattr(rule, key, None)
                    if limit is not None:
                        bounds.append(
                            word
                            if key == "min_length"
                            else f"{word} {limit if isinstance(limit, int) else f'{limit:g}'}"
                        )
            if any(b.startswith("above") for b in bounds):
                bounds = [b for b in bounds if not b.startswith("at least")]
            if any(b.startswith("below") for b in bounds):
                bounds = [b for b in bounds if not b.startswith("at most")]
            kind, choices = getattr(info.annotation, "__name__", "text"), get_args(info.annotation)
            if kind == "bool":
                choices = ("true", "false")
            if "choices" in extra:
                choices, kind = tuple(extra["choices"]), "Literal"  # type: ignore[arg-type]
            literal = get_origin(info.annotation) is Literal or kind in ("bool", "Literal")
            found.append(
                Knob(
                    f"{section}.{name}",
                    info.description or "",
                    str(extra.get("unit", "")),
                    ", ".join(dict.fromkeys(bounds)),
                    choices if literal else (),
                    kind,
                )
            )
    return tuple(found)


def knob_of(name: str) -> Knob | None:
    """A knob by its name; None when this version has none."""
    return next((k for k in knobs() if k.name == name), None)


def matching(letters: str, changed: Collection[str] = ()) -> list[Knob]:
    """The knobs that letters may mean: those whose own name begins so before those that contain them, then what matters most.

    Without letters: those changed from the preset, then all in the config's own order."""
    wanted = letters.strip().lower()
    if not wanted:
        return sorted(knobs(), key=lambda k: k.name not in changed)
    found = []
    for knob in knobs():
        own = knob.name.partition(".")[2]
        if wanted in knob.name:
            rank = (
                0
                if knob.name == wanted or own == wanted
                else 1
                if own.startswith(wanted) or knob.name.startswith(wanted)
                else 2
            )
        elif all(word in f"{knob.name} {knob.description}".lower() for word in wanted.split()):
            rank = 3
        else:
            continue
        found.append((rank, knob.name not in changed, -weight(knob.name), knob))
    return [k for *_, k in sorted(found, key=lambda f: f[:3])]


def as_toml(knob: Knob, text: str) -> str:
    """What a person typed as TOML: .96 is 0.96, a true minus is a minus, and a word stays a word."""
    text = text.strip()
    if knob.kind in ("str", "Literal"):
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    text = text.replace("\N{MINUS SIGN}", "-")
    if knob.kind == "tuple" and not text.startswith("["):
        text = f"[{text}]"
    return re.sub(r"(?<![\d.])\.(?=\d)", "0.", text)
