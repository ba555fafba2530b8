"""Runs by the short name that every table shows, -k3f9, on the command line too: a word that would else be taken for an option."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from typer import Typer
from typer.core import TyperCommand

_SHORT = re.compile(r"-(?:[a-z0-9]{4}|[0-9a-f]{20})(#\d+)?")
"""Of a run, and of one that was adopted. No option looks like this: those of one dash have one letter, and none of them go together."""


def take_short_names(app: Typer) -> None:
    """Let every command take short names, but those that have a way of their own to read words (`run`, `journal search`)."""
    for command in app.registered_commands:
        if not command.context_settings:
            command.cls = TakesShortNames
    for group in app.registered_groups:
        if group.typer_instance is not None:
            take_short_names(group.typer_instance)


class TakesShortNames(TyperCommand):
    """A command whose arguments may be short names of runs."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse `args`, with short names read as arguments."""
        takes = {name: param.nargs for param in self.get_params(ctx) if not _flag(param) for name in param.opts}
        return super().parse_args(ctx, arguments_last(args, takes))


def arguments_last(words: Sequence[str], takes: Mapping[str, int]) -> list[str]:
    """The words with all arguments behind '--' where a short name is one of them; else as they are. What an option takes stays with it.

    `takes` holds, of every option that has a value, how many words that is."""
    options: list[str] = []
    arguments: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            arguments, rest = arguments + rest, []
        elif word.startswith("-") and word != "-" and not _SHORT.fullmatch(word):
            count = takes.get(word, 0)
            options += [word, *rest[:count]]
            if count > len(rest):
                return list(words)  # a value is missing, in whose place nothing may be put
            rest = rest[count:]
        else:
            arguments.append(word)
    return [*options, "--", *arguments] if any(_SHORT.fullmatch(word) for word in arguments) else list(words)


def _flag(param: object) -> bool:
    return bool(getattr(param, "is_flag", True) or getattr(param, "count", False))
