"""A round's completions as they were judged, one line for each chunk that was generated together: what an interrupted stage need not
generate again."""

from __future__ import annotations

import os
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
    """pool.jsonl of a round. From a line on that is torn or damaged it is as if nothing had been generated yet: order matters."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._chunks: list[tuple[str, list[Judged]]] = []
        self._whole = 0
        for line in path.read_bytes().splitlines(keepends=True) if path.exists() else []:
            try:
                chunk = msgspec.json.decode(line, type=_Chunk)
                rows = msgspec.json.decode(chunk.rows, type=list[Judged])
            except msgspec.DecodeError:
                break
            if sha256(bytes(chunk.rows)) != chunk.sha256 or not line.endswith(b"\n"):
                break
            self._chunks.append((chunk.unit, rows))
            self._whole += len(line)

    def get(self, unit: str, ids: Sequence[str]) -> list[Judged] | None:
        """The chunk of exactly these completions, if it was generated before."""
        return next(
            (rows for u, rows in self._chunks if u == unit and [j.candidate.id for j in rows] == list(ids)), None
        )

    def add(self, unit: str, rows: list[Judged]) -> None:
        """Append a chunk, in the place of what is damaged."""
        self._chunks.append((unit, rows))
        body = msgspec.json.encode(rows)
        line = msgspec.json.encode(_Chunk(unit, sha256(body), msgspec.Raw(body))) + b"\n"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._path.exists():
            os.truncate(self._path, self._whole)
        append_line(self._path, line, sync=True)
        self._whole += len(line)

    def of(self, unit: str) -> list[Judged]:
        """Every completion of a unit, in the order they were generated."""
        return [j for u, rows in self._chunks if u == unit for j in rows]
