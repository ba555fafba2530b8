"""What the user may be told of a run, and the settings that say how: off until they name a command or a webhook of their own.

Settings are in the user's own folder, not in the project. A message is the run's id, its status, the kind of event and one line of
text of ours: no environment, no arguments, no prompt and no text of a model. A webhook's address is a secret: it is in no message.
"""

from __future__ import annotations

import os
import re
import sys
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec
import platformdirs

from engine.contract.errors import BadInput
from engine.contract.redact import redact, secret_values
from journal.text import plain

Kind = Literal["alert", "guard", "end"]
KINDS: tuple[Kind, ...] = ("alert", "guard", "end")
LONGEST = 300
"""Characters of a title and of a text."""
PLACE = re.compile(r"\{([a-z_]+)\}")
"""Where a command's words are filled with a field of the message."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message, and all that leaves the machine. `status` is running until the run has ended."""

    run: str
    status: str
    event: Kind
    title: str
    text: str


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The [notify] table: a command, a webhook or both, and what they are told of."""

    command: tuple[str, ...] = ()
    webhook: str = ""
    on: tuple[Kind, ...] = KINDS


def settings_file() -> Path:
    """Where the user's settings are."""
    return platformdirs.user_config_path("cockpit") / "config.toml"


def load_settings() -> Settings | None:
    """The settings, None when nobody is to be told. Raises BadInput, in one line that repeats no value, when they cannot be used."""
    path = settings_file()
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        where = getattr(error, "strerror", None) or _where(error)
        raise BadInput(f"{path} is not readable as TOML{where and f': {where}'}") from None
    if unknown := [name for name in table if name != "notify"]:
        raise BadInput(f"{path}: there is no table {unknown[0]!r}; the one it may hold is [notify]")
    notify = table.get("notify")
    if notify is None:
        return None
    if not isinstance(notify, dict):
        raise BadInput(f"{path}: notify is a table, [notify], with command or webhook in it")
    return _checked(path, notify)


def _where(error: Exception) -> str:
    """The place that a TOML error names; the rest of its text may repeat what is written there."""
    found = re.search(r"\(at [^)]*\)", str(error))
    return found[0].strip("()") if found else ""


def _checked(path: Path, table: dict[str, Any]) -> Settings:
    names = Settings.__struct_fields__
    for name in table:
        if name not in names:
            near = get_close_matches(name, names, 1)
            raise BadInput(f"{path}: notify has no {name!r}{f', did you mean {near[0]}?' if near else ''}")
    try:
        settings = msgspec.convert(table, Settings)
    except msgspec.ValidationError:
        raise BadInput(
            f"{path}: notify.command is a list of words, notify.webhook an address, notify.on a list of {', '.join(KINDS)}"
        ) from None
    if not settings.command and not settings.webhook:
        raise BadInput(f"{path}: [notify] names neither a command nor a webhook; give one, or remove the table")
    if settings.webhook and not _is_web(settings.webhook):
        raise BadInput(f"{path}: notify.webhook is not an address that starts with https:// or http://")
    for word in settings.command:
        for place in PLACE.findall(word):
            if place not in Message.__struct_fields__:
                known = ", ".join(f"{{{name}}}" for name in Message.__struct_fields__)
                raise BadInput(f"{path}: notify.command has a place {{{place}}}; those that are filled are {known}")
    return settings


def _is_web(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("https", "http") and bool(parts.hostname)
    except ValueError:
        return False


def message(run: str, status: str, event: Kind, title: str, text: str) -> Message:
    """A message with every secret struck out and nothing in it that a terminal acts on."""
    secrets = secret_values(os.environ)
    return Message(
        run=run,
        status=status,
        event=event,
        title=plain(redact(title, secrets), LONGEST),
        text=plain(redact(text, secrets), LONGEST),
    )


def log(line: str) -> None:
    """One line in supervisor.log, which is what the supervisor's stderr goes to."""
    print(f"notify: {line}", file=sys.stderr, flush=True)
