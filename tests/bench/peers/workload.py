"""What every side of the comparison is given, as one JSON file, and how each says what it took. Read by other environments too, so it
stands on the standard library and torch alone."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

TURNS = 2


def read() -> Any:
    """The workload named on the command line: model (folder), prompts and completions (token ids), positive and negative (texts of
    paired prompts), layer, and the knobs of the heal."""
    return SimpleNamespace(**json.loads(Path(sys.argv[1]).read_text()))


def say(who: str, what: str, **found: Any) -> None:
    """One line of the table, as JSON on stdout."""
    print(json.dumps({"who": who, "what": what} | found), flush=True)


def attempt(who: str, what: str, do: Callable[[], tuple[int, float]]) -> None:
    """Measure a piece of work, which returns (tokens, seconds), in several turns; say the quickest, or the error that kept it from
    running."""
    try:
        say(
            who,
            what,
            **min((_as_table(do()) for _ in range(TURNS)), key=lambda found: found["seconds"] / found["tokens"]),
        )
    except Exception as error:  # whatever a peer raises is its line in the table
        say(
            who, what, error=f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"[:160]
        )


def now() -> float:
    """Processor seconds: every side runs on one thread, and a busy machine counts against none."""
    return time.process_time()


def timed(do: Callable[[], Any]) -> tuple[Any, float]:
    """What it returned, and the seconds it took."""
    began = now()
    value = do()
    return value, now() - began


def _as_table(found: tuple[int, float]) -> dict[str, float]:
    return {"tokens": found[0], "seconds": found[1]}
