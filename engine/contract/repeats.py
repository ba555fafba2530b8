"""What was tried before must not be tried again unnoticed: a failed config, or the same hypothesis with another config (K6, K7)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from engine.contract.answers import Answers, fault
from engine.contract.checks import Block
from engine.contract.config import Config
from engine.contract.distance import Difference, matters
from engine.contract.facts import ModelFacts
from engine.contract.hashes import SEED_AXIS
from engine.contract.prior import Prior, PriorRun, Sealed


def blocks(answers: Answers, config: Config, facts: ModelFacts, prior: Prior) -> Iterable[Block]:
    """The comparator that does not exist, the repeat of a failure without a stated difference, and the hypothesis asked twice."""
    named = answers.prior.comparator
    if not named.strip():
        mend = f"Choose a run, such as {prior.runs[0].id}, or say none" if prior.runs else "Say none"
        yield Block("K7", "prior.comparator is empty", mend, True)
    elif named != "none" and prior.comparator is None:
        what = f"prior.comparator {named[:60]!r} is not a finished run of this project"
        yield Block("K7", what, "Choose one from: cockpit runs")
    for run in failures(config, facts, prior):
        if fault(answers.prior.difference, words=2):
            how = "missed, and its miss was marked as a failure" if run.missed else f"ended as {run.status}"
            mend = "State in prior.difference what is different now, or change the config"
            yield Block("K7", f"run {run.id} had exactly this config and {how}", mend)
            break
    if twice := asked_twice(answers, config, prior):
        earlier, changed = twice
        mend = f"Say what this run tests that -{tail(earlier.id)} did not, or declare {listed(changed)} as an axis"
        yield Block("K6", f"the hypothesis is that of {earlier.id}, but {said(changed)}", mend)


def failures(config: Config, facts: ModelFacts, prior: Prior) -> list[PriorRun]:
    """The failed runs of exactly this config and seed, newest first; how rows were batched and when to give up do not excuse."""
    flat = config.flat()
    return [
        run
        for run in prior.runs
        if run.failed
        and run.model_hash == facts.model_hash
        and run.config.get(SEED_AXIS) == flat[SEED_AXIS]
        and not matters(run.config, flat)
    ]


def asked_twice(answers: Answers, config: Config, prior: Prior) -> tuple[Sealed, list[Difference]] | None:
    """The newest seal of this hypothesis, word for word, with the knobs outside both seals' axes that have changed since; None without."""
    if fault(answers.question.hypothesis, words=4):
        return None
    hypothesis = _words(answers.question.hypothesis)
    for earlier in prior.sealed:
        if not earlier.smoke and _words(str(earlier.answers.get("question", {}).get("hypothesis", ""))) == hypothesis:
            changed = matters(earlier.config, config.flat(), free=[SEED_AXIS, *earlier.axes, *answers.axes])
            return (earlier, changed) if changed else None
    return None


def tail(run_id: str) -> str:
    """The last letters of a run's id, as a person names it."""
    return run_id.rsplit("-", 1)[-1]


def said(changed: list[Difference]) -> str:
    """'heal.tau is 0.3 where it was 0.5 (and 2 more)'."""
    first = changed[0]
    more = f" (and {len(changed) - 1} more)" if len(changed) > 1 else ""
    return f"{first.knob} is {first.ours!r} where it was {first.theirs!r}{more}"


def listed(changed: list[Difference]) -> str:
    """'heal.tau and heal.lam', at most three."""
    names = [d.knob for d in changed[:3]]
    return " and ".join(names) + (", ..." if len(changed) > 3 else "")


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
