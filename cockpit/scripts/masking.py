"""Secrets of a command line, told by the names of its options, so that none of them reaches a file (FAULTS 27)."""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from engine.contract.files import write_atomic
from engine.contract.redact import MASK, SHORTEST, in_urls, names_secret, redact, secret_values

_OPTION = re.compile(r"--?([\w.-]+)(?:=(.*))?", re.DOTALL)
_ASSIGNED = re.compile(r"([\w.-]+)=(.*)", re.DOTALL)


def masked(arguments: Sequence[str]) -> list[str]:
    """The arguments with the values of secret options, passwords in URLs and known token shapes struck out."""
    return [shown for shown, _ in _split(arguments)]


def secrets(arguments: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """The values to strike out of anything written, longest first."""
    found = {value for _, values in _split(arguments) for value in values}
    found |= set(secret_values(environment)) | {part for value in environment.values() for part in in_urls(value)}
    return sorted((value for value in found if len(value) >= SHORTEST), key=len, reverse=True)


def strike_file(path: Path, values: Sequence[str], largest: int = 50_000_000) -> bool:
    """Rewrite a log that nobody writes to any more without these values; whether it had to be. A larger one, and anything that is no
    plain file, is left as it is."""
    try:
        about = path.lstat()
        if not stat.S_ISREG(about.st_mode) or about.st_size > largest:
            return False
        before = path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError:
        return False
    after = redact(before, values)
    if after == before:
        return False
    write_atomic(path, after.encode("utf-8", "surrogateescape"))
    return True


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
