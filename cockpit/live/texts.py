"""The completions of a run as an index of small columns: what each one is, and where in completions.jsonl its text lies.

The texts themselves stay on disk and are read when somebody looks at them, so that a run with a million completions opens as quickly
as a small one.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from cockpit.live.columns import Column, Columns

LONGEST = 1 << 20
"""Bytes of one line that are read; a longer one is shown by its beginning."""


class _Row(msgspec.Struct, gc=False):
    """What the index needs of a line; the rest is skipped unread."""

    id: str = ""
    round: int = 0
    subject: str = ""
    probe: str = ""
    prompt: str = ""
    dose: float = 0.0
    scores: dict[str, float | None] | None = None
    label: str = ""
    kept: bool = False
    reason: str = ""


class Text(NamedTuple):
    """One completion, its foreign text as it was written: plain() is for who draws it."""

    id: str
    round: int
    subject: str
    probe: str
    dose: float
    label: str
    kept: bool
    reason: str
    tail_ppl: float | None
    prompt: str
    text: str
    worst_ppl: float | None = None

    @property
    def judged_ppl(self) -> float | None:
        """The perplexity that it was kept or dropped by: of its worst stretch where that was the reason, else of its tail."""
        return self.worst_ppl if self.reason == "worst_ppl" and self.worst_ppl is not None else self.tail_ppl


@dataclass(frozen=True, slots=True)
class Index:
    """`names` are the words that the columns subject, probe, reason, label and item count into; `edition` counts how often the file
    was read anew, so that two indexes of one edition differ only by what was appended."""

    path: Path
    columns: Mapping[str, Column]  # offset, size, round, dose, tail_ppl, kept, subject, probe, reason, label, item
    names: Mapping[str, tuple[str, ...]]
    edition: int = 0

    def __len__(self) -> int:
        return len(self.columns["offset"])

    def where(self, **wanted: Any) -> np.ndarray[Any, np.dtype[np.intp]]:
        """Row numbers for which every named column has the wanted word or number, in the order written; None asks nothing."""
        chosen = np.ones(len(self), bool)
        for name, value in wanted.items():
            if value is None:
                continue
            if name in self.names:
                if value not in self.names[name]:
                    return np.empty(0, np.intp)
                value = self.names[name].index(value)
            column = self.columns[name]
            chosen &= np.isclose(column, value) if name == "dose" else column == value
        return np.flatnonzero(chosen)

    def counts(self, name: str, rows: np.ndarray[Any, np.dtype[np.intp]]) -> Counter[str]:
        """How often each word of a column stands in these rows."""
        codes, times = np.unique(self.columns[name][rows].astype(int), return_counts=True)
        return Counter({self.names[name][code]: int(n) for code, n in zip(codes, times, strict=True)})

    def item(self, row: int) -> str:
        """Which prompt a completion answers: the same word for every subject, round and dose."""
        return self.names["item"][int(self.columns["item"][row])]

    def read(self, rows: Sequence[int]) -> list[Text]:
        """The completions of some rows. Raises OSError when the file is gone."""
        found = []
        with self.path.open("rb") as f:
            for row in rows:
                f.seek(int(self.columns["offset"][row]))
                found.append(_text(f.read(min(int(self.columns["size"][row]), LONGEST))))
        return found


_WORDS = ("subject", "probe", "reason", "label", "item")


class Texts:
    """Builds the index from the lines of completions.jsonl as they come."""

    def __init__(self, path: Path, edition: int = 0) -> None:
        self._path, self._edition = path, edition
        self._columns = Columns(
            ("offset", "size", "item"), ("round", "dose", "tail_ppl", "kept", "subject", "probe", "reason", "label")
        )
        self._names: dict[str, dict[str, int]] = {name: {} for name in _WORDS}
        self._decoder = msgspec.json.Decoder(_Row)

    def add(self, lines: bytes, offset: int) -> None:
        """Whole lines that begin at `offset` bytes; lines that are no completion are skipped."""
        rows: dict[str, list[float]] = {name: [] for name in self._columns.view()}
        for line in lines.splitlines(keepends=True):
            row = self._row(line)
            if row is None:
                offset += len(line)
                continue
            rows["offset"].append(offset)
            rows["size"].append(len(line))
            rows["round"].append(row.round)
            rows["dose"].append(row.dose)
            ppl = (row.scores or {}).get("tail_ppl")
            rows["tail_ppl"].append(float("nan") if ppl is None else ppl)
            rows["kept"].append(row.kept)
            for name in ("subject", "probe", "reason", "label"):
                rows[name].append(self._code(name, getattr(row, name)))
            rows["item"].append(self._code("item", _item(row)))
            offset += len(line)
        if rows["offset"]:
            self._columns.extend(rows)

    def _row(self, line: bytes) -> _Row | None:
        """None for what is no completion: torn, foreign, or without an id."""
        try:
            row = self._decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        return row if row.id else None

    def _code(self, column: str, word: str) -> int:
        names = self._names[column]
        return names.setdefault(word, len(names))

    def index(self) -> Index:
        """What was read so far, frozen."""
        names = {name: tuple(words) for name, words in self._names.items()}
        return Index(self._path, self._columns.view(), names, self._edition)

    def anew(self) -> Texts:
        """An empty index of the same file, for when it no longer holds what was read of it."""
        return Texts(self._path, self._edition + 1)


def _item(row: _Row) -> str:
    """'r2-healed-care-val-0001-trait' answers 'care-val-0001-trait'; what is trained on goes by its prompt, at every dose and draw."""
    if row.probe == "train":
        return blake2b(row.prompt.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    head, _, rest = row.id.partition("-")
    if not (head[:1] == "r" and head[1:].isdigit()):
        return row.id
    return rest.removeprefix(f"{row.subject}-")


def _text(line: bytes) -> Text:
    try:
        row = json.loads(line)
    except ValueError:
        row = {}
    if not isinstance(row, dict):
        row = {}
    scores = row.get("scores")
    scores = scores if isinstance(scores, dict) else {}
    ppl, worst = (
        float(v) if isinstance(v := scores.get(name), (int, float)) else None for name in ("tail_ppl", "worst_ppl")
    )
    return Text(
        id=str(row.get("id", "")), round=int(row.get("round", 0) or 0), subject=str(row.get("subject", "")),
        probe=str(row.get("probe", "")), dose=float(row.get("dose", 0.0) or 0.0), label=str(row.get("label", "")),
        kept=bool(row.get("kept")), reason=str(row.get("reason", "")), tail_ppl=ppl, worst_ppl=worst,
        prompt=str(row.get("prompt", "")), text=str(row.get("text", "")) if row else "this line cannot be read",
    )  # fmt: skip
