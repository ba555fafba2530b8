"""What a round samples: steered completions, judged, and the base's own answers for replay."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch

from engine.contract.events import Event, Note
from engine.contract.world import Prompt
from engine.heal.guards import cycled
from engine.lab import Lab
from engine.model.forward import Row
from engine.steer.generate import Ask, generate
from engine.steer.keep import Candidate, Completion, Judged, judge
from engine.steer.noise import row_key
from engine.steer.vector import Vector


def sample(
    lab: Lab,
    vector: Vector,
    round_number: int,
    unit: str,
    plan: list[tuple[int, float]],
    first: int = 0,
    prompts: list[Prompt] | None = None,
) -> list[Judged]:
    """Generate and judge completions for (draw, dose) pairs; a draw names one of `prompts` (else of the training prompts) in the round's
    own order.

    What an interrupted attempt generated of the same unit is taken as it is."""
    prompts = prompts or lab.training
    generator = torch.Generator().manual_seed(row_key(lab.seed, round_number, "prompts") % 2**31)
    order = torch.randperm(len(prompts), generator=generator).tolist()
    chosen = [(n, prompts[order[draw % len(order)]], dose) for n, (draw, dose) in enumerate(plan, start=first)]
    names = [f"r{round_number}-{p.id}-{dose:.3f}-{n}" for n, p, dose in chosen]
    before = lab.pool(round_number).get(unit, names)
    if before is not None:
        lab.tally.tokens += sum(len(j.candidate.ids) for j in before)
        return before
    chat, knobs = lab.loaded.chat, lab.config.generate
    ids = [chat.prompt(p.text) for _, p, _ in chosen]
    asks = [
        Ask(row, dose, row_key(lab.seed, round_number, p.id, f"{dose:.6f}", n))
        for row, (n, p, dose) in zip(ids, chosen, strict=True)
    ]
    answers = generate(
        lab.loaded, asks, vector,
        temperature=knobs.temperature, max_new_tokens=knobs.max_new_tokens, batch_size=knobs.batch_size,
        repetition_penalty=knobs.repetition_penalty,
    )  # fmt: skip
    lab.tally.tokens += sum(map(len, answers))
    judged = judge(
        lab.student,
        lab.world,
        [
            Candidate(
                id=name,
                prompt=p,
                prompt_ids=row,
                ids=answer,
                dose=dose,
                text=chat.text(answer),
            )
            for name, row, answer, (_, p, dose) in zip(names, ids, answers, chosen, strict=True)
        ],
        lab.config.keep,
    )
    lab.pool(round_number).add(unit, judged)
    return judged


def replay(lab: Lab, size: int) -> Generator[Event, None, list[Row]]:
    """Unsteered greedy base answers to neutral training prompts, in an order keyed by the seed, other ones each round while there are.

    No verdict is among them: replaying the base's verdicts would hold down the very axis that is measured. An answer that did not
    end is left out (a student must not learn to go on for ever) and counted."""
    if not size:
        return []
    verdicts = {v.id for v in lab.world.vignettes("train")}
    neutral = [p for p in lab.world.neutral("train") if p.id not in verdicts]
    order = np.random.default_rng(row_key(lab.seed, "replay")).permutation(len(neutral))
    if said := cycled("neutral training prompts", lab.replayed, size, len(order)):
        yield Note(text=said)
    chosen = [neutral[order[(lab.replayed + i) % len(order)]] for i in range(size)]
    lab.replayed += size
    ids = [lab.loaded.chat.prompt(p.text) for p in chosen]
    with lab.student.base():
        knobs = lab.config.generate
        answers = generate(
            lab.loaded,
            [Ask(row) for row in ids],
            temperature=0.0,
            max_new_tokens=knobs.max_new_tokens,
            batch_size=knobs.batch_size,
        )
    rows = [Row(row, a) for row, a in zip(ids, answers, strict=True) if a[-1] in lab.loaded.chat.stops]
    if len(rows) < size:
        yield Note(
            text=f"{size - len(rows)} of {size} replay answers did not end within {knobs.max_new_tokens} tokens and were left out"
        )
    return rows


def records(judged: list[Judged], round_number: int) -> list[Completion]:
    return [
        Completion(
            id=j.candidate.id, round=round_number, subject="steered", probe="train", prompt=j.candidate.prompt.text,
            dose=j.candidate.dose, text=j.candidate.text, scores=j.scores, label=j.label, kept=not j.reason, reason=j.reason,
        )
        for j in judged
    ]  # fmt: skip
