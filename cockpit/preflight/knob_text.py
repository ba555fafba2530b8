"""A setting's value in words: as a person types it, and as TOML has it."""

from __future__ import annotations

from typing import Any

from journal.text import plain


def as_text(value: Any) -> str:
    """'true', '0.5', '[0.6, 0.9]', 'rmse'; – when there is none. Foreign words are cut at 60 characters."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(as_text, value))}]"
    return plain(str(value), 60)
