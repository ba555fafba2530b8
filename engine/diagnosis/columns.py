"""Events to columns: a run of any length is decoded in one pass, without an object of ours per step that lives on."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from engine.contract import events as e
from engine.contract.steps import Step, decoder
from engine.diagnosis.artifacts import EMPTY, Floats, Table

STEP = ("loss", "nll", "grad_norm", "lr", "update_ratio", "tokens", "tokens_per_second", "util", "kl", "kl_mean", "kl_rmse", "kl_p95",
        "kl_max", "kl_base", "tau", "lam", "barrier", "fired", "g_nll", "g_bar")  # fmt: skip
EPOCH = ("train_nll", "val_nll", "val_items", "fired", "operating_kl")
PROBED = ("mass", "prefill_nll", "valid_json", "tail_ppl")
PLACED = ("round", "step", "epoch")
_NAN = float("nan")


Numbered = tuple[int, Any]
"""An event and the line it stands on, from 1."""


def read(path: Path) -> tuple[list[Numbered], list[int]]:
    """The events that still hold, and the lines that are no event: torn, foreign or damaged. Raises OSError."""
    data = path.read_bytes()
    damaged: list[int] = []
    try:
        found: list[Numbered] = list(enumerate(decoder.decode_lines(data), start=1))
        if data.count(b"\n") + (not data.endswith(b"\n")) != len(found) + (not data):
            raise msgspec.DecodeError("blank lines move the count")
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = []
        for number, line in enumerate(data.split(b"\n"), start=1):
            try:
                found.append((number, decoder.decode(line)))
            except (msgspec.DecodeError, UnicodeDecodeError):
                if line.strip():
                    damaged.append(number)
    return _standing(found), damaged


def _standing(found: list[Numbered]) -> list[Numbered]:
    """Without what a later attempt did again."""
    resumed = [(place, event.holds) for place, (_, event) in enumerate(found) if isinstance(event, e.RunResumed)]
    for place, holds in reversed(resumed):
        said = (e.ControlApplied, e.Note)
        before = [(n, event) for n, event in found[:place] if n <= holds or isinstance(event, said)]
        found = before + found[place:]
    return found


def heal_steps(file: str, found: Sequence[Numbered]) -> Table:
    """The table of the loop's own steps."""
    return _table(file, [(n, s) for n, s in found if type(s) is Step], (*PLACED, *STEP))


def epochs(file: str, found: Sequence[Numbered]) -> Table:
    """One row an epoch; `step` is the last step before it."""
    rows = [(n, s) for n, s in found if isinstance(s, e.EpochFinished)]
    return _table(file, rows, ("round", "epoch", *EPOCH))


def probed(file: str, found: Sequence[Numbered]) -> Table:
    """Coherence probes within the rounds."""
    return _table(file, [(n, s) for n, s in found if isinstance(s, e.CoherenceProbed)], ("round", "step", *PROBED))


def _table(file: str, rows: list[Numbered], names: tuple[str, ...]) -> Table:
    if not rows:
        return EMPTY
    pick = attrgetter(*names)
    values = np.array([_plain(pick(event)) for _, event in rows], dtype=np.float64).reshape(len(rows), len(names))
    columns: dict[str, Floats] = {name: np.ascontiguousarray(values[:, i]) for i, name in enumerate(names)}
    columns["line"] = np.fromiter((n for n, _ in rows), np.float64, len(rows))
    for name in PLACED:
        columns.setdefault(name, np.full(len(rows), np.nan))
    return Table(file, columns)


def _plain(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Unset values as NaN."""
    if msgspec.UNSET not in values:
        return values
    return tuple(_NAN if value is msgspec.UNSET else value for value in values)
