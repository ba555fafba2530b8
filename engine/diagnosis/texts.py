"""Completions of the training prompts as columns of their scores, with the most repetitive kept text of each round to show."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from engine.diagnosis.artifacts import Floats, Table, Text, Texts

SCORES = ("tail_ppl", "worst_ppl", "repetition", "entropy")
LONGEST = 160
"""Characters of a text that is shown."""


class _Line(msgspec.Struct, frozen=True):
    """The part of a completion that is looked at; probe is train for what may be learnt from."""

    round: int
    probe: str
    dose: float
    text: str
    scores: dict[str, float]
    kept: bool


_decoder = msgspec.json.Decoder(_Line)


def read_texts(path: Path, missing: list[str]) -> Texts | None:
    """The training completions of a run; None, and named in `missing`, when there are none that can be read."""
    rows: list[tuple[float, ...]] = []
    worst: dict[int, tuple[float, Text]] = {}
    try:
        with path.open("rb") as f:
            for line, data in enumerate(f, start=1):
                try:
                    found = _decoder.decode(data)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    continue
                if found.probe != "train":
                    continue
                scores = [found.scores.get(name, np.nan) for name in SCORES]
                rows.append((line, found.round, found.dose, found.kept, *scores))
                repeated = found.scores.get("repetition", 0.0)
                if found.kept and repeated >= worst.get(found.round, (-1.0, None))[0]:
                    worst[found.round] = (repeated, Text(line, found.round, found.dose, found.text[:LONGEST]))
    except OSError:
        pass
    if not rows:
        missing.append("completions.jsonl, the texts that the heal set was made of")
        return None
    values = np.array(rows, dtype=np.float64)
    names = ("line", "round", "dose", "kept", *SCORES)
    columns: dict[str, Floats] = {name: values[:, i] for i, name in enumerate(names)}
    columns |= {"step": np.full(len(values), np.nan), "epoch": np.full(len(values), np.nan)}
    return Texts(Table(path.name, columns), tuple(text for _, text in worst.values()))
