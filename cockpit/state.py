"""What the app remembers between two starts: the theme and the signs. One small JSON file in the user's state folder, written whole."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.contract.files import write_atomic


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """What a person chose. `theme` is '' until one is chosen; `ascii` asks for plain ASCII signs."""

    theme: str = ""
    ascii: bool = False


def path() -> Path:
    """The file."""
    import platformdirs

    return platformdirs.user_state_path("cockpit") / "app.json"


def load() -> Remembered:
    """What was remembered; what a fresh start has when there is nothing, or nothing that can be read."""
    try:
        return msgspec.json.decode(path().read_bytes(), type=Remembered)
    except (OSError, ValueError):
        return Remembered()


def save(state: Remembered) -> str:
    """Remember; '' or why that did not work, which is no reason to stop anything."""
    try:
        path().parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path(), msgspec.json.encode(state) + b"\n")
    except OSError as error:
        return f"{path()} cannot be written: {error.strerror or error}"
    return ""
