"""What an export wrote and where it came from: export.json of the exported folder, and the line that `python -m engine export` ends with.

It is written last, so a folder without one is not whole."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

import msgspec
from msgspec import UNSET, UnsetType

from engine.contract.errors import BadInput
from engine.contract.files import write_atomic

Format = Literal["peft", "merged", "gguf", "vector"]
FORMATS: tuple[Format, ...] = get_args(Format)
ADAPTERS: tuple[Format, ...] = ("peft", "merged")
"""Formats of the healed student; the others hold a round's vector."""
DTYPES = ("fp32", "bf16", "fp16")
"""What a merged model may be saved in."""
RECORD = "export.json"
CARD = "README.md"


class Exported(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One export. `files` and every other hash are hex sha256; `code_hash` is that of the run, `exporter` that of the code that exported.

    `dtype` is what was written. Of a student: `logit_difference` is the largest absolute difference of any logit between what was written
    and the adapter on the run's own base, both computed in `base_dtype`, over all positions of `prompts` val prompts; `logit_effect` is
    what the adapter itself changes there, the measure to hold it against. `update_lost` is, by merged matrix,
    ||stored - W - BA|| / ||BA|| (Frobenius): the share of the update that rounding to `dtype` lost. Of a vector: its norms by layer
    (from 0), and the dose that walk-C accepted."""

    format: Format
    run: str
    round: int
    rounds: int
    seed: int
    files: dict[str, str]
    base: str
    base_hash: str
    base_commit: str
    dtype: str
    trait: str
    trait_hash: str
    config_hash: str
    family_hash: str
    code_hash: str
    preflight_hash: str
    exporter: str
    at: str
    versions: dict[str, str]
    base_dtype: str = ""
    quantization: str = "none"
    rank: int = 0
    prompts: int = 0
    logit_difference: float | UnsetType = UNSET
    logit_effect: float | UnsetType = UNSET
    update_lost: dict[str, float] = {}
    method: str = ""
    dose: float | UnsetType = UNSET
    norms: dict[str, float] = {}

    def save(self, folder: Path) -> None:
        """Write export.json atomically."""
        write_atomic(folder / RECORD, msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")


def empty_folder(path: Path) -> Path:
    """The folder an export may write into. Raises BadInput unless it is absent or empty: nothing is ever written over."""
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise BadInput(f"{path} is not a folder; name another with --out")
    if path.is_dir() and any(path.iterdir()):
        raise BadInput(f"{path} is not empty; name another folder with --out")
    return path
