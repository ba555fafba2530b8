"""A steering vector: a small value object with arithmetic, applied with one coefficient per row.

h_l <- h_l + c_row * v_l        at every position of the chosen layers' outputs
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from engine.contract.errors import BadInput, CockpitError
from engine.model.load import Loaded


@dataclass(frozen=True)
class Vector:
    """Directions by layer index (fp32, CPU, [d]), with the method and the number of prompt pairs they came from."""

    directions: Mapping[int, Float[Tensor, " d"]]
    method: str
    pairs: int

    @property
    def norms(self) -> dict[str, float]:
        """Euclidean norm of each layer's direction."""
        return {str(i): float(v.norm()) for i, v in self.directions.items()}

    def __add__(self, other: Vector) -> Vector:
        layers = sorted({*self.directions, *other.directions})
        return replace(self, directions={i: _get(self, i, other) + _get(other, i, self) for i in layers}, method="sum")

    def __mul__(self, c: float) -> Vector:
        return replace(self, directions={i: v * c for i, v in self.directions.items()})

    __rmul__ = __mul__

    def __neg__(self) -> Vector:
        return self * -1.0

    def __sub__(self, other: Vector) -> Vector:
        return self + -other

    def cosine(self, other: Vector) -> float:
        """Cosine over the concatenated directions; 0 when either is zero."""
        layers = sorted({*self.directions, *other.directions})
        a = torch.cat([_get(self, i, other) for i in layers])
        b = torch.cat([_get(other, i, self) for i in layers])
        scale = float(a.norm() * b.norm())
        return float(a @ b) / scale if scale else 0.0

    @contextmanager
    def applied(self, loaded: Loaded, coefficients: Float[Tensor, " b"]) -> Iterator[None]:
        """Steer every forward pass inside the block. A batch of k * b rows repeats each coefficient k times (rows that share a prefix
        cache). Raises CockpitError when a hook did not fire: a vector that is silently ignored looks like a result."""
        blocks = loaded.layers
        fired: set[int] = set()
        handles = []
        c = coefficients.to(loaded.device)
        for index, direction in self.directions.items():
            v = direction.to(loaded.device)

            def hook(_m: Any, _i: Any, out: Any, *, v: Tensor = v, index: int = index) -> Any:
                fired.add(index)
                h = out[0] if isinstance(out, tuple) else out
                rows = c if len(h) == len(c) else c.repeat_interleave(len(h) // len(c))
                h = h + (rows[:, None, None] * v).to(h.dtype)
                return (h, *out[1:]) if isinstance(out, tuple) else h

            handles.append(blocks[index].register_forward_hook(hook))
        clean = False
        try:
            yield
            clean = True
        finally:
            for handle in handles:
                handle.remove()
            if clean and fired != set(self.directions):
                missing = sorted(set(self.directions) - fired)
                raise CockpitError(
                    f"the steering hook of layers {missing} did not fire; this model cannot be steered there"
                )

    def save(self, path: Path) -> None:
        """safetensors with `layer.<i>` tensors; one metadata entry, since several come in no fixed order: equal vectors, equal bytes."""
        path.parent.mkdir(parents=True, exist_ok=True)
        meta = {"vector": json.dumps({"method": self.method, "pairs": self.pairs})}
        save_file({f"layer.{i}": v.contiguous() for i, v in self.directions.items()}, path, metadata=meta)


def load_vector(path: Path) -> Vector:
    """Read a saved vector. Raises BadInput when the file is missing or damaged."""
    try:
        with safe_open(path, "pt") as f:
            meta = json.loads(f.metadata()["vector"])
            directions = {int(k.removeprefix("layer.")): f.get_tensor(k) for k in f.keys()}  # noqa: SIM118
        return Vector(directions, meta["method"], meta["pairs"])
    except Exception as error:
        raise BadInput(f"{path} is not a saved vector: {error}") from None


def _get(vector: Vector, index: int, other: Vector) -> Tensor:
    return vector.directions[index] if index in vector.directions else torch.zeros_like(other.directions[index])
