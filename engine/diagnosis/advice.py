"""What is done first about each failure, and what it will show: read from advice.toml, which holds nothing but words."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

import msgspec


class Advice(msgspec.Struct, frozen=True):
    """`action` is done first; `if_true` is what it shows when the diagnosis is right, `if_false` when it is not."""

    action: str
    if_true: str
    if_false: str


@cache
def advice() -> dict[str, Advice]:
    """By the name of the signature."""
    text = resources.files(__package__).joinpath("advice.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, Advice])
