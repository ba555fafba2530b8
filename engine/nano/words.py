"""How the lexicons are written down: words in a row, phrases a line, verbs with their forms."""

from __future__ import annotations

from typing import NamedTuple


class Verb(NamedTuple):
    """A verb in the forms that the sentences need; the past is also the participle."""

    base: str
    gerund: str
    past: str


def words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.strip().splitlines())


def verbs(text: str) -> tuple[Verb, ...]:
    return tuple(Verb(*line.split()) for line in lines(text))
