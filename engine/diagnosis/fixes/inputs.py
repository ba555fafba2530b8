"""Fixes of what a run is given: its data, its tokenizer, and its machine."""

from __future__ import annotations

from collections.abc import Sequence

from engine.diagnosis.artifacts import Artifacts
from engine.diagnosis.diagnosis import Fix
from engine.diagnosis.findings import Finding
from engine.diagnosis.fixes.making import Fixes, fix, fork, probe


def _tokens(a: Artifacts, f: Finding) -> Sequence[Fix]:
    return (
        fix(
            "load the tokenizer from the checkpoint's own folder and compare both hashes",
            "the base answers in sentences",
            0.9,
            0.7,
        ),
    )


def _initial(a: Artifacts, f: Finding) -> Sequence[Fix]:
    return (fix("print one training row as text with its mask: template, boundary, labels", "prompt and completion do not belong together",
                 0.9, 0.7, probe(a)),)  # fmt: skip


def _masks(a: Artifacts, f: Finding) -> Sequence[Fix]:
    return (
        fix(
            "count the targets that are not masked, row by row",
            "some rows have targets again, and a loss above 0",
            0.9,
            0.9,
        ),
    )


def _placeholders(a: Artifacts, f: Finding) -> Sequence[Fix]:
    return (fix("cycle the data, or stop when it is exhausted", "losses differ from step to step", 0.9, 0.85),)


def _split(a: Artifacts, f: Finding) -> Sequence[Fix]:
    return (fix("split before anything is sampled, and compare hashes of both sets", "validation rises above training", 0.9, 0.9,
                 fork(a, f, {})),)  # fmt: skip


def _memory(a: Artifacts, f: Finding) -> Sequence[Fix]:
    if a.config is None:
        return (fix("halve the batch and double the accumulation; then gradient checkpointing, 4-bit weights, shorter texts",
                     "about half the activations at the same step", 0.9, 0.8),)  # fmt: skip
    heal = a.config.heal
    half = {"heal.batch_size": str(max(1, heal.batch_size // 2)), "heal.accumulation": str(heal.accumulation * 2)}
    short = {"generate.max_new_tokens": str(max(16, a.config.generate.max_new_tokens // 2))}
    return (
        fix(
            "halve the batch, double the accumulation",
            "about half the activations, the same steps",
            0.9,
            0.8,
            fork(a, f, half),
        ),
        fix(
            "load the base in 4 bits",
            "about a quarter of the weights' memory",
            0.8,
            0.7,
            fork(a, f, {"model.quantization": "nf4"}),
        ),
        fix("shorter completions", "memory falls with the length", 0.5, 0.6, fork(a, f, short)),
    )


def _resume(does: str, effect: str, confidence: float) -> Fixes:
    def fixes(a: Artifacts, f: Finding) -> Sequence[Fix]:
        return (fix(does, effect, 0.9, confidence, f"cockpit resume {a.name}" if a.origin == "run" else ""),)

    return fixes


FIXES: dict[str, Fixes] = {
    "first validation over its cap": _initial,
    "wrong tokenizer or weights": _tokens,
    "initial loss off": _initial,
    "loss exactly 0": _masks,
    "placeholder data": _placeholders,
    "validation inside train": _split,
    "out of memory": _memory,
    "host kill": _resume(
        "go on from the last checkpoint, with less memory if the system ended it",
        "the same weights as if nothing had happened",
        0.8,
    ),
    "hang or time limit": _resume("go on from the last checkpoint", "the run ends by itself", 0.7),
    "disk full or read-only": _resume(
        "make room, then go on from the last checkpoint", "nothing recorded is lost", 0.85
    ),
    "damaged file": _resume("go on from the newest intact checkpoint", "the damaged one is left out", 0.7),
    "worker error": _resume("mend it, then go on", "the run passes the step", 0.4),
}
