"""A round's vector as a GGUF control vector, which llama.cpp adds with --control-vector-scaled FILE SCALE.

Tensors are `direction.<i>` (fp32, [d]), added to the output of block i. llama.cpp numbers its blocks from 0 like the layers here and has
no direction for block 0 (llama-adapter.cpp), so the numbers are the same, and a vector on block 0 cannot be written."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from engine.contract.errors import BadInput, CockpitError
from engine.export.source import Source
from engine.export.vector import about
from engine.model.load import load_config
from engine.steer.vector import Vector, load_vector

FILE = "vector.gguf"
ARCHITECTURE = "controlvector"


def need_gguf() -> None:
    """Raises BadInput, naming the extra, when the gguf package is not there."""
    if find_spec("gguf") is None:
        raise BadInput("--format gguf needs the gguf package, which is not installed: pip install -e '.[gguf]'")


def export_gguf(source: Source, out: Path) -> dict[str, Any]:
    """Write vector.gguf and read it back. Raises BadInput for a vector on block 0 or one that is not additive, CockpitError when it does
    not read back as written."""
    vector = load_vector(source.vector)
    if not vector.additive:
        raise BadInput(
            f"a vector of method {vector.method} is not additive, and a GGUF control vector is added; "
            "export it with --format vector"
        )
    if 0 in vector.directions:
        raise BadInput(
            "this vector steers block 0, for which llama.cpp has no direction; export it with --format vector"
        )
    hint = load_config(source.run.config.model, 0).get_text_config().model_type.removesuffix("_text")
    name = f"{source.run.config.trait.name}, round {source.round} of {source.out.id}"
    write(vector, out / FILE, hint, name)
    found = read(out / FILE)
    expected = {i: v.numpy() for i, v in vector.directions.items()}
    if set(found) != set(expected) or any(not np.array_equal(found[i], v) for i, v in expected.items()):
        raise CockpitError(f"{FILE} does not read back as it was written; it is not exported")
    return about(source)


def write(vector: Vector, path: Path, model: str, name: str) -> None:
    """Write a control vector for models of the architecture `model`."""
    import gguf

    writer = gguf.GGUFWriter(path, ARCHITECTURE)
    writer.add_name(name)
    writer.add_string(f"{ARCHITECTURE}.model_hint", model)
    writer.add_uint32(f"{ARCHITECTURE}.layer_count", len(vector.directions))
    for index, direction in sorted(vector.directions.items()):
        writer.add_tensor(f"direction.{index}", direction.numpy().astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def read(path: Path) -> dict[int, np.ndarray]:
    """Directions by layer of a control vector file, by the package's own reader."""
    import gguf

    tensors = gguf.GGUFReader(path).tensors
    return {int(t.name.removeprefix("direction.")): np.array(t.data) for t in tensors}
