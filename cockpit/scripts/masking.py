"""Secrets of a command line, told by the names of its options, so that none of them reaches a file (FAULTS 27)."""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from engine.contract.files import windows, write_atomic
from engine.contract.redact import MASK, SHORTEST, in_urls, names_secret, redact, secret_values

_OPTION = re.compile(r"--?([\w.-]+)(?:=(.*))?", re.DOTALL)
_ASSIGNED = re.compile(r"([\w.-]+)=(.*)", re.DOTALL)

WINDOW = 1 << 20
"""Bytes of a log that are looked at together."""


def masked(arguments: Sequence[str]) -> list[str]:
    """The arguments with the values of secret options, passwords in URLs and known token shapes struck out."""
    return [shown for shown, _ in _split(arguments)]


def secrets(arguments: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """The values to strike out of anything written, longest first; of a value of several lines also each line."""
    found = {value for _, values in _split(arguments) for value in values}
    found |= set(secret_values(environment)) | {part for value in environment.values() for part in in_urls(value)}
    found |= {line.strip() for value in found for line in value.splitlines()}
    return sorted((value for value in found if len(value) >= SHORTEST), key=len, reverse=True)


def strike_file(path: Path, values: Sequence[str]) -> bool:
    """Rewrite a log that nobody writes to any more without these values, whatever its size; whether it had to be. What is no plain file
    is left as it is."""

    changed = False

    def struck(part: bytes) -> bytes:
        nonlocal changed
        after = redact(part.decode("utf-8", "surrogateescape"), values).encode("utf-8", "surrogateescape")
        changed = changed or after != part
        return after

    try:
        plain = stat.S_ISREG(path.lstat().st_mode)
        if plain:
            path.open("rb").close()
    except OSError:
        return False
    return plain and write_atomic(path, map(struck, windows(path, WINDOW)), still=lambda: changed)


def _split(arguments: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Each argument as it may be shown, and the secret values in it."""
    found: list[tuple[str, list[str]]] = []
    after = False
    for argument in arguments:
        option = _OPTION.fullmatch(argument)
        assigned = option if option and option[2] is not None else _ASSIGNED.fullmatch(argument)
        if after and not option:
            found.append((MASK, [argument]))
        elif assigned and assigned[2] and names_secret(assigned[1]):
            found.append((argument[: len(argument) - len(assigned[2])] + MASK, [assigned[2]]))
        else:
            found.append((redact(argument), in_urls(argument)))
        after = bool(option and option[2] is None and names_secret(option[1]))
    return found
