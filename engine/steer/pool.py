"""A round's completions as they were judged, one line for each chunk that was generated together: what an interrupted stage need not
generate again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from engine.contract.files import append_line
from engine.contract.hashes import sha256
from engine.steer.keep import Judged


class _Chunk(msgspec.Struct):
    unit: str
    sha256: str
    rows: msgspec.Raw


class Pool:
    """pool.jsonl of a round. A line that is torn or damaged is as if its chunk had not been generated yet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._chunks: list[tuple[str, list[Judged]]] = []
        if path.exists():
            for line in path.read_bytes().splitlines():
                try:
                    chunk = msgspec.json.decode(line, type=_Chunk)
                    if sha256(bytes(chunk.rows)) == chunk.sha256:
                        self._chunks.append((chunk.unit, msgspec.json.decode(chunk.rows, type=list[Judged])))
                except msgspec.DecodeError:
                    continue

    def get(self, unit: str, ids: Sequence[str]) -> list[Judged] | None:
        """The chunk of exactly these completions, if it was generated before."""
        return next(
            (rows for u, rows in self._chunks if u == unit and [j.candidate.id for j in rows] == list(ids)), None
        )

    def add(self, unit: str, rows: list[Judged]) -> None:
        """Append a chunk."""
        self._chunks.append((unit, rows))
        body = msgspec.json.encode(rows)
        line = msgspec.json.encode(_Chunk(unit, sha256(body), msgspec.Raw(body)))
        self._path.parent.mkdir(parents=True, exist_ok=True)
        append_line(self._path, line, sync=True)

    def of(self, unit: str) -> list[Judged]:
        """Every completion of a unit, in the order they were generated."""
        return [j for u, rows in self._chunks if u == unit for j in rows]
