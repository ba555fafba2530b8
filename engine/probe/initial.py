"""The loss before the first step, against what it has to be: that of the student the round starts from, since B = 0 adds nothing.

Two paths are held against each other: the training path (padded batches, chosen positions, the loss head, the fresh adapter) and the
scoring path, which evaluation uses. Where they differ, a mask, a position, a template or the head is wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from engine.contract.probed import ProbeRecord, finite
from engine.heal.guards import Finetune, FromScratch, first_validation_cap
from engine.model.forward import by_length, score
from engine.model.load import family_of
from engine.probe.objective import Objective
from engine.probe.specimen import Specimen

TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 2e-2, torch.float16: 1e-2}
"""Nats a token by which two paths through the same weights may differ in a base of this precision: other batches, other sums."""


def initial(specimen: Specimen) -> Iterator[ProbeRecord]:
    """Records targets, initial_gap and initial_loss (FAULTS: initial loss off, loss exactly 0)."""
    rows = specimen.texts.rows
    shortest = min(len(r.completion) for r in rows)
    longest = specimen.config.generate.max_new_tokens + 1
    said = f"{sum(len(r.completion) for r in rows):,} completion tokens in {len(rows)} rows carry the loss"
    tail = f"{shortest} in the shortest" if shortest else "none in the shortest: its labels are all masked"
    yield ProbeRecord(
        probe="targets", value=float(shortest), healthy=(1.0, float(longest)), unit="tokens",
        verdict=f"{said}, {tail} (from {specimen.texts.source})",
    )  # fmt: skip
    if not shortest:
        return
    specimen.renew()
    with specimen.student.gates(history=1.0, current=0.0):
        before = float(-torch.cat(score(specimen.student.loaded, rows)).mean())
    trained = _training_nll(specimen)
    yield _gap(specimen, trained, before)
    yield _level(specimen, trained)


def _training_nll(specimen: Specimen) -> float:
    """Mean NLL per completion token as training computes it, with the fresh adapter switched on."""
    rows, objective = specimen.texts.rows, Objective(specimen, specimen.texts.rows, plain=True)
    total = tokens = 0.0
    for chunk in by_length([len(r.prompt) + len(r.completion) for r in rows], specimen.config.heal.batch_size):
        count = sum(len(rows[i].completion) for i in chunk)
        total += objective.backward([chunk]).nll * count
        tokens += count
    specimen.renew()
    return total / tokens


def _gap(specimen: Specimen, trained: float, before: float) -> ProbeRecord:
    loaded = specimen.student.loaded
    quantised = specimen.config.model.quantization != "none"
    limit = TOLERANCE[torch.bfloat16 if quantised else loaded.dtype]
    gap = abs(trained - before)
    said = f"{trained:.4f} nats a token with the fresh adapter, {before:.4f} for {specimen.standing}"
    tail = (
        "equal, as B = 0 makes them"
        if gap <= limit
        else "B = 0 adds nothing, so a mask, a position or the head is wrong"
    )
    return ProbeRecord(
        probe="initial_gap", value=finite(gap), healthy=(0.0, limit), unit="nats/token", verdict=f"{said}: {tail}"
    )


def _level(specimen: Specimen, trained: float) -> ProbeRecord:
    """A model that speaks starts below a uniform guess over its vocabulary; one of random weights starts near it (A2)."""
    vocabulary = int(specimen.student.loaded.model.config.get_text_config().vocab_size)
    guess = math.log(vocabulary)
    scratch = family_of(specimen.config.model.id) == "random"
    cap = first_validation_cap(FromScratch(vocabulary)) if scratch else min(guess, first_validation_cap(Finetune()))
    said = f"{trained:.2f} nats a token; a uniform guess over {vocabulary:,} tokens is ln V = {guess:.2f}"
    if scratch:
        tail = "the weights are random: near it is right" if trained <= cap else "over twice that from random weights"
    else:
        tail = "below it" if trained <= cap else "no better: check template, tokenizer and masks, or lower the dose"
    return ProbeRecord(
        probe="initial_loss", value=finite(trained), healthy=(0.0, cap), unit="nats/token", verdict=f"{said}: {tail}"
    )
