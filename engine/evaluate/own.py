"""Metrics of the user's own: a plugin's evaluator gives each answer a number, and the mean over answers is the metric."""

from __future__ import annotations

import math
from collections.abc import Sequence

from engine.contract.errors import CockpitError
from engine.evaluate.subject import Subject
from engine.plugins.active import call
from engine.steer.keep import Completion


def values(name: str, subject: Subject, answers: Sequence[Completion]) -> list[float]:
    """One number for each answer, in their order, from the evaluator of a plugin. Raises CockpitError when it gives anything else."""
    found = call("evaluator", name, subject, list(answers))
    try:
        numbers = [float(value) for value in found]
    except (TypeError, ValueError):
        raise CockpitError(
            f"evaluator {name} (a plugin's) gave {found!r:.40}: it must give one number for each answer"
        ) from None
    if len(numbers) != len(answers):
        raise CockpitError(f"evaluator {name} (a plugin's) gave {len(numbers)} numbers for {len(answers)} answers")
    bad = next((n for n, value in enumerate(numbers) if not math.isfinite(value)), None)
    if bad is not None:
        raise CockpitError(
            f"evaluator {name} (a plugin's) gave {numbers[bad]} for answer {answers[bad].id}: it must be finite"
        )
    return numbers
