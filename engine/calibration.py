"""iso-KL in the loop: the unsteered answers of a round, and the dose at which its vector moves the student by steer.target_kl on them."""

from __future__ import annotations

from collections.abc import Generator

import torch

from engine.contract.errors import CockpitError
from engine.contract.events import DoseProbed, Event, Note
from engine.lab import Lab
from engine.model.forward import Row
from engine.steer.calibrate import Unsteered, search
from engine.steer.generate import Ask, generate
from engine.steer.noise import row_key
from engine.steer.vector import Vector


def match_kl(lab: Lab, vector: Vector, round_number: int) -> Generator[Event, None, float]:
    """The dose at the target KL, with a note where the target cannot be met. A zero vector makes no KL at any dose."""
    knobs = lab.config.steer
    if not any(vector.norms.values()):
        yield Note(
            text=f"a vector of norm 0 has no KL to be matched on: it is applied at steer.dose_low {knobs.dose_low:g}"
        )
        yield DoseProbed(kappa=knobs.dose_low, kl=0.0, accepted=True)
        return knobs.dose_low
    answers = unsteered(lab, round_number)
    found: float | None = None
    for event in search(knobs, lambda dose: answers.p95(vector, dose)):
        if isinstance(event, float):
            found = event
            continue
        yield event
        end = "dose_high" if event.accepted else "dose_low"
        if event.kappa == getattr(knobs, end):
            yield Note(
                text=f"steer.target_kl {knobs.target_kl:g} is {'over' if event.accepted else 'under'} what steer.{end} "
                f"{event.kappa:g} gives: that dose is taken"
            )
        yield from lab.controls.poll()
    if found is None:
        raise CockpitError("iso-KL ended without a dose")
    return found


def unsteered(lab: Lab, round_number: int) -> Unsteered:
    """Answers of the student as it stands to steer.probes training prompts, without a vector: what iso-KL is measured on."""
    prompts, knobs = lab.world.prompts("train"), lab.config.generate
    generator = torch.Generator().manual_seed(row_key(lab.seed, round_number, "calibrate") % 2**31)
    order = torch.randperm(len(prompts), generator=generator).tolist()
    chosen = [prompts[n] for n in order[: lab.config.steer.probes]]
    ids = [lab.loaded.chat.prompt(p.text) for p in chosen]
    answers = generate(
        lab.loaded, [Ask(row, 0.0, row_key(lab.seed, round_number, "calibrate", p.id)) for row, p in zip(ids, chosen, strict=True)],
        temperature=knobs.temperature, max_new_tokens=knobs.max_new_tokens, batch_size=knobs.batch_size,
    )  # fmt: skip
    lab.tally.tokens += sum(map(len, answers))
    return Unsteered(lab.loaded, [Row(row, answer) for row, answer in zip(ids, answers, strict=True)])
