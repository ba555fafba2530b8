"""A steering vector: a small value object with arithmetic, applied with one coefficient per row, at every position of the chosen layers'
outputs:

    additive    h_l <- h_l + c_row v_l
    ablation    h_l <- h_l - c_row ((h_l - m_l) . u_l) u_l        u_l = v_l / |v_l|

The second moves nothing but the coordinate along u: a dose of 1 removes what tells the two sides of m apart, 2 reflects it (directional
ablation, Arditi et al. 2024, about a centre)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from engine.contract.errors import BadInput, CockpitError
from engine.model.load import Loaded

_Change = Callable[[Tensor, Tensor], Tensor]


class Applied:
    """A vector while it is applied, with the coefficient [b] of each row of the batch."""

    def __init__(self, coefficients: Float[Tensor, " b"]) -> None:
        self.coefficients = coefficients

    def keep(self, rows: Int[Tensor, " n"]) -> None:
        """The batch goes on with these rows only."""
        self.coefficients = self.coefficients[rows]


@dataclass(frozen=True)
class Vector:
    """Directions by layer index (fp32, CPU, [d]), with the method, the number of prompt pairs they came from and the knobs that it was
    made with. A vector with `centres` is an ablation about them; only one without is additive, with arithmetic."""

    directions: Mapping[int, Float[Tensor, " d"]]
    method: str
    pairs: int
    centres: Mapping[int, Float[Tensor, " d"]] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def additive(self) -> bool:
        """Whether it is added to the hidden states, so that doses and vectors add up."""
        return not self.centres

    @property
    def norms(self) -> dict[str, float]:
        """Euclidean norm of each layer's direction."""
        return {str(i): float(v.norm()) for i, v in self.directions.items()}

    def __add__(self, other: Vector) -> Vector:
        _need_additive(self, "added to another")
        _need_additive(other, "added to another")
        layers = sorted({*self.directions, *other.directions})
        return replace(self, directions={i: _get(self, i, other) + _get(other, i, self) for i in layers}, method="sum")

    def __mul__(self, c: float) -> Vector:
        _need_additive(self, "multiplied")
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
    def applied(self, loaded: Loaded, coefficients: Float[Tensor, " b"]) -> Iterator[Applied]:
        """Steer every forward pass inside the block; what it gives narrows the batch. A batch of k * b rows repeats each coefficient
        k times (rows that share a prefix cache). Raises CockpitError when a hook did not fire: a vector that is silently ignored looks
        like a result."""
        blocks = loaded.layers
        fired: set[int] = set()
        handles = []
        applied = Applied(coefficients.to(loaded.device))
        for index, direction in self.directions.items():
            change = self._change(index, direction.to(loaded.device))

            def hook(_m: Any, _i: Any, out: Any, *, change: _Change = change, index: int = index) -> Any:
                fired.add(index)
                h = out[0] if isinstance(out, tuple) else out
                c = applied.coefficients
                rows = c if len(h) == len(c) else c.repeat_interleave(len(h) // len(c))
                h = h + change(h, rows[:, None, None]).to(h.dtype)
                return (h, *out[1:]) if isinstance(out, tuple) else h

            handles.append(blocks[index].register_forward_hook(hook))
        clean = False
        try:
            yield applied
            clean = True
        finally:
            for handle in handles:
                handle.remove()
            if clean and fired != set(self.directions):
                missing = sorted(set(self.directions) - fired)
                raise CockpitError(
                    f"the steering hook of layers {missing} did not fire; this model cannot be steered there"
                )

    def _change(self, index: int, v: Tensor) -> _Change:
        """What is added to the hidden states [b, t, d] of a layer at coefficients [b, 1, 1], in fp32."""
        if self.additive:
            return lambda _h, c: c * v
        u, m = v / v.norm().clamp(min=1e-12), self.centres[index].to(v.device)
        return lambda h, c: -c * ((h.float() - m) * u).sum(-1, keepdim=True) * u

    def save(self, path: Path) -> None:
        """safetensors with `layer.<i>` tensors, `centre.<i>` of an ablation, and what it was made with in one metadata entry, since several
        come in no fixed order: equal vectors, equal bytes."""
        path.parent.mkdir(parents=True, exist_ok=True)
        about = {"method": self.method, "pairs": self.pairs, "config": dict(self.config)}
        tensors = {f"layer.{i}": v.contiguous() for i, v in self.directions.items()}
        tensors |= {f"centre.{i}": m.contiguous() for i, m in self.centres.items()}
        save_file(tensors, path, metadata={"vector": json.dumps(about)})


def load_vector(path: Path) -> Vector:
    """Read a saved vector. Raises BadInput when the file is missing or damaged."""
    try:
        with safe_open(path, "pt") as f:
            meta = json.loads(f.metadata()["vector"])
            found: dict[str, dict[int, Tensor]] = {"layer": {}, "centre": {}}
            for key in f.keys():  # noqa: SIM118
                kind, _, index = key.partition(".")
                found[kind][int(index)] = f.get_tensor(key)
        return Vector(found["layer"], meta["method"], meta["pairs"], found["centre"], meta.get("config", {}))
    except Exception as error:
        raise BadInput(f"{path} is not a saved vector: {error}") from None


def _need_additive(vector: Vector, done: str) -> None:
    if not vector.additive:
        raise BadInput(
            f"a vector of method {vector.method} is not additive and cannot be {done}; only additive ones can"
        )


def _get(vector: Vector, index: int, other: Vector) -> Tensor:
    return vector.directions[index] if index in vector.directions else torch.zeros_like(other.directions[index])
