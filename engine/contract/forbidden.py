"""What is forbidden outright, K16 (a) to (g): one rule and one test each. A waiver is typed, has a reason, and is printed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from engine.contract.answers import Answers
from engine.contract.checks import Block
from engine.contract.config import Config
from engine.contract.facts import ModelFacts
from engine.contract.prior import Prior, PriorRun


class Forbidden(NamedTuple):
    """One of the seven: what it forbids, the function that refuses it, a test that holds it, and the rule that a waiver names ('' where
    none may stand)."""

    what: str
    rule: str
    test: str
    waiver: str = ""


RULES_K16 = {
    "a": Forbidden(
        "launching without the checklist",
        "engine.contract.preflight.check_seal",
        "tests/contract/test_seal.py::test_k16a_no_record_at_all_is_refused",
    ),
    "b": Forbidden(
        "a rounded parameter count (~N M)",
        "engine.contract.answers.fault",
        "tests/contract/test_preflight.py::test_k16b_rounded_parameter_counts_are_refused",
    ),
    "c": Forbidden(
        "analysing before logging",
        "cockpit.runs.evidence.require_logged",
        "tests/cockpit/test_prior_evidence.py::test_k16c_nothing_is_analysed_before_its_entry_is_closed",
    ),
    "d": Forbidden(
        "a public claim from one seed",
        "engine.contract.forbidden.claim_level",
        "tests/contract/test_forbidden.py::test_k16d_one_seed_never_carries_a_public_claim",
    ),
    "e": Forbidden(
        "class weighting when validation matches the train prior",
        "engine.contract.forbidden.class_weighting",
        "tests/contract/test_forbidden.py::test_k16e_class_weighting_is_refused_unless_the_priors_differ",
        "K16e",
    ),
    "f": Forbidden(
        "a cosine learning rate under 50 epochs",
        "engine.contract.known_bugs.short_cosine",
        "tests/contract/test_known_bugs.py::test_a_rule_fires_on_the_broken_config_and_not_on_the_mended",
        "K16f",
    ),
    "g": Forbidden(
        "tuning before ablating what is unnecessary",
        "engine.contract.forbidden.tuning_first",
        "tests/contract/test_forbidden.py::test_k16g_tuning_waits_for_an_ablation",
        "K16g",
    ),
}
WAIVABLE = tuple(f.waiver for f in RULES_K16.values() if f.waiver)
"""The rules of K16 that a waiver may name."""
TUNED = (
    "heal.lr", "heal.lam", "heal.lam_power", "heal.tau", "heal.rank", "heal.alpha", "heal.epochs", "heal.beta2", "heal.weight_decay",
    "heal.warmup", "heal.max_grad_norm", "heal.batch_size", "heal.accumulation", "steer.dose_low", "steer.dose_high",
    "steer.survival", "steer.target_kl",
    "generate.doses", "generate.temperature", "keep.max_tail_ppl", "keep.max_repetition", "keep.min_entropy",
)  # fmt: skip
"""Knobs whose value is found by trying several: as an axis they are tuned, not asked about."""
ABLATIONS = {
    "steer.method": ("random", "shuffled", "zero"),
    "heal.divergence": ("none",),
    "heal.lam": (0.0,),
    "heal.replay": (0.0,),
    "keep.enabled": (False,),
}
"""Settings that take a part of the loop away."""
_WEIGHTS = re.compile(
    r"class[ -]?weigh|weighted cross[ -]?entropy|pos_weight|inverse[ -](?:class[ -])?frequenc|balanced (?:class|loss)|focal loss",
    re.IGNORECASE,
)
_DIFFERS = re.compile(r"priors? (?:differ|shift|do(?:es)? not match)|other prior|different prior", re.IGNORECASE)


def blocks(
    answers: Answers, config: Config, facts: ModelFacts, prior: Prior, waived: Iterable[str] = ()
) -> Iterable[Block]:
    """The forbidden that answers and axes show, (e) and (g); (f) is a rule over the config alone."""
    waived = set(waived)
    for name, found in (("K16e", class_weighting(answers)), ("K16g", tuning_first(answers, config, facts, prior))):
        if found is not None and name not in waived:
            yield found


def claim_level(seeds: int) -> str:
    """K16 (d) and K12: what runs on this many seeds may carry: exploratory below 3, smoke 3 to 4, publishable from 5."""
    return "publishable" if seeds >= 5 else "smoke" if seeds >= 3 else "exploratory"


def class_weighting(answers: Answers) -> Block | None:
    """K16 (e): a loss that weighs classes, unless an answer says that validation has another prior than training."""
    text = " ".join((answers.math.optimised, answers.metric.unit, answers.metric.name, answers.known_bugs.answer))
    if not _WEIGHTS.search(text) or _DIFFERS.search(text):
        return None
    mend = "Drop the weights, say in math.optimised how the priors differ, or waive K16e with a reason"
    return Block(
        "K0", "the loss weighs classes, and nothing says that validation has another prior than training", mend
    )


def tuning_first(answers: Answers, config: Config, facts: ModelFacts, prior: Prior) -> Block | None:
    """K16 (g): axes that only tune, in a project where no finished run of this model and trait took any part of the loop away."""
    tuned = [axis for axis in answers.axes if axis in TUNED]
    if not tuned or any(axis in ABLATIONS and axis not in TUNED for axis in answers.axes):
        return None
    flat = config.flat()
    alike = [
        r for r in prior.runs if r.model_hash == facts.model_hash and r.config.get("trait.name") == flat["trait.name"]
    ]
    if any(_ablates(run) for run in alike):
        return None
    what = f"{' and '.join(tuned)} {'is' if len(tuned) == 1 else 'are'} tuned before anything unnecessary was ablated"
    mend = (
        "First run what math.unnecessary names, for example with heal.divergence=none or steer.method=random; "
        "or declare it as an axis too; or waive K16g with a reason"
    )
    return Block("K0", what, mend)


def _ablates(run: PriorRun) -> bool:
    return run.status == "success" and any(run.config.get(knob) in values for knob, values in ABLATIONS.items())
