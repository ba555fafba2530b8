"""`python -m engine export DIR --format peft|merged|gguf|vector --out FOLDER`: one round of a run in a form that others read."""

from __future__ import annotations

import argparse
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from engine.contract.errors import BadInput, OutOfMemory, Refused
from engine.contract.events import now
from engine.contract.exported import DTYPES, FORMATS, Exported, empty_folder
from engine.contract.hashes import code_hash, sha256_file
from engine.export.source import Source, find_source

_PACKAGES = ("torch", "transformers", "peft", "safetensors")


def export(argv: list[str]) -> int:
    """Export, write export.json last, and print it as one JSON line. What is refused is refused before torch is loaded."""
    parser = argparse.ArgumentParser(prog="python -m engine export")
    parser.add_argument("dir", type=Path)
    parser.add_argument("--format", choices=FORMATS, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--round", type=int, default=0)
    parser.add_argument("--dtype", choices=DTYPES, default="")
    args = parser.parse_args(argv)
    if args.dtype and args.format != "merged":
        raise BadInput("--dtype is for --format merged; adapters and vectors are fp32")
    source = find_source(args.dir, args.format, args.round)
    out = empty_folder(args.out)
    if args.format == "gguf":
        from engine.export.gguf import need_gguf

        need_gguf()
    exported = _export(source, args.format, out, args.dtype)
    sys.stdout.buffer.write(msgspec.json.encode(exported) + b"\n")
    sys.stdout.buffer.flush()
    return 0


def _export(source: Source, form: Any, out: Path, dtype: str) -> Exported:
    import torch

    from engine.model.facts import inspect

    facts = inspect(source.run.config)
    if facts.model_hash != source.run.model_hash:
        raise Refused(
            f"the base is not the one this run was sealed with ({source.run.model_hash[:8]}, now {facts.model_hash[:8]}): "
            "exported on it, the student would be another; put that base back"
        )
    out.mkdir(parents=True, exist_ok=True)
    try:
        measured = _write(source, form, out, facts.commit, dtype)
    except torch.OutOfMemoryError as error:
        raise OutOfMemory(
            f"out of memory ({str(error).splitlines()[0]}): export on the CPU with CUDA_VISIBLE_DEVICES= in front"
        ) from None
    run, started = source.run, source.started
    exported = Exported(
        format=form,
        run=source.out.id,
        round=source.round,
        rounds=source.rounds,
        seed=run.config.run.seed,
        files={str(p.relative_to(out)): sha256_file(p) for p in sorted(out.rglob("*")) if p.is_file()},
        base=run.config.model.id,
        base_hash=run.model_hash,
        base_commit=facts.commit,
        trait=run.config.trait.name,
        trait_hash=run.trait_hash,
        config_hash=run.config_hash,
        family_hash=run.family_hash,
        code_hash=started.code_hash if started else "",
        preflight_hash=started.preflight_hash if started else "",
        exporter=code_hash(),
        at=now(),
        versions={name: version(name) for name in (*_PACKAGES, *(["gguf"] if form == "gguf" else []))},
        **measured,
    )
    exported.save(out)
    return exported


def _write(source: Source, form: str, out: Path, commit: str, dtype: str) -> dict[str, Any]:
    if form == "peft":
        from engine.export.peft import export_peft

        return export_peft(source, out, commit)
    if form == "merged":
        from engine.export.merged import export_merged

        return export_merged(source, out, dtype)
    if form == "gguf":
        from engine.export.gguf import export_gguf

        return export_gguf(source, out)
    from engine.export.vector import export_vector

    return export_vector(source, out)
