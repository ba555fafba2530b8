"""What a round learnt, layer by layer, from its adapter on disk: norms of the update's B factors, which begin at exactly 0.

A layer whose B is still 0 was never trained. Read as plain bytes by safetensors; nothing is unpickled and no torch is loaded."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from engine.diagnosis.artifacts import Floats

_LEARNT = re.compile(r"lora_B\b|lora_embedding_B\b")
_KINDS = {"F64": np.float64, "F32": np.float32, "F16": np.float16}
HEADER = 100 << 20
"""Longest header that is believed, bytes (the format's own limit)."""


def learnt(path: Path) -> dict[str, float]:
    """Frobenius norm of every B factor of an adapter, by parameter path, in the order of depth.

    Raises ValueError when the file is not whole, OSError when it cannot be read."""
    header, data = _open(path)
    found = {}
    for name, told in header.items():
        if name != "__metadata__" and _LEARNT.search(name):
            values = _values(told, data)
            found[_plain(name)] = float(np.sqrt(np.square(values).sum()))
    return dict(sorted(found.items(), key=lambda item: _depth(item[0])))


def _open(path: Path) -> tuple[dict[str, Any], np.ndarray[Any, np.dtype[np.uint8]]]:
    size = path.stat().st_size
    with path.open("rb") as f:
        length = int.from_bytes(f.read(8), "little")
        if not 0 < length <= min(HEADER, size - 8):
            raise ValueError("its header is damaged or cut off")
        header = json.loads(f.read(length))
    ends = [told["data_offsets"][1] for name, told in header.items() if name != "__metadata__"]
    if 8 + length + max(ends, default=0) != size:
        raise ValueError(f"it has {size} bytes where its header promises {8 + length + max(ends, default=0)}")
    return header, np.memmap(path, np.uint8, "r", 8 + length) if ends and max(ends) else np.empty(0, np.uint8)


def _values(told: dict[str, Any], data: np.ndarray[Any, np.dtype[np.uint8]]) -> Floats:
    start, end = told["data_offsets"]
    raw = np.asarray(data[start:end])
    if told["dtype"] == "BF16":
        return (raw.view(np.uint16).astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    if told["dtype"] not in _KINDS:
        raise ValueError(f"a factor of kind {told['dtype']} is no adapter's")
    return raw.view(_KINDS[told["dtype"]]).astype(np.float64)


def _plain(name: str) -> str:
    return name.removeprefix("base_model.model.").replace(".lora_B.weight", "")


def _depth(name: str) -> tuple[Any, ...]:
    """Numbers in a path compare as numbers: layers.2 before layers.10."""
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in name.split("."))
