"""The broken configurations of this loop as executable rules: (config, model facts, earlier runs) -> Hit or None (requirement K8).

Symptom, cause and fix come from the field notes, section 2; the rest of those notes are pitfalls of code and have tests instead. A hit
is settled by changing the config, by a waiver with a reason, or because every knob behind it is a declared axis: then it is what the
run tests.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import msgspec

from engine.contract.config import Config
from engine.contract.events import METRIC_VERSION
from engine.contract.facts import ModelFacts
from engine.contract.metrics import APART
from engine.contract.prior import Hit, Prior, PriorRun, State

Rule = Callable[[Config, ModelFacts, Prior], Hit | None]
RULES: dict[str, Rule] = {}


def rule(name: str) -> Callable[[Rule], Rule]:
    """Enter a function into RULES under the name that waivers use."""

    def enter(function: Rule) -> Rule:
        RULES[name] = function
        return function

    return enter


def settle(
    config: Config, facts: ModelFacts, prior: Prior, axes: Iterable[str] = (), waived: Iterable[str] = ()
) -> list[Hit]:
    """Every hit, of these rules and of the project's own, with its state: open blocks, waived and tested are printed."""
    axes, waived = set(axes), set(waived)
    hits = [hit for check in RULES.values() if (hit := check(config, facts, prior)) is not None] + prior.project_bugs
    return [msgspec.structs.replace(hit, state=_state(hit, axes, waived)) for hit in hits]


def _state(hit: Hit, axes: set[str], waived: set[str]) -> State:
    if hit.rule in waived:
        return "waived"
    return "tested" if hit.knobs and set(hit.knobs) <= axes else "open"


@rule("KB1")
def wide_band(config: Config, facts: ModelFacts, prior: Prior) -> Hit | None:
    steer = config.steer
    width = steer.layer_high - steer.layer_low
    if steer.norm != "raw" or width <= 0.15 or width * facts.layers < 2:
        return None
    return Hit(
        rule="KB1",
        symptom="coherence near .02 and hardly a completion kept",
        cause=f"a raw vector is added over {width:.0%} of the layers",
        fix="one narrow middle band: steer.layer_low = 0.45, steer.layer_high = 0.55",
        knobs=["steer.layer_low", "steer.layer_high"],
    )


@rule("KB4")
def dose_out_of_range(config: Config, facts: ModelFacts, prior: Prior) -> Hit | None:
    steer, doses = config.steer, config.generate.doses
    if steer.norm != "raw" or steer.calibration != "survival" or steer.method == "ablation":
        return None  # another unit of dose, or a dose that is found by its KL
    strongest = max(doses) * (steer.dose_high if not config.keep.enabled else 1.0)
    if steer.dose_low >= 1.25:
        cause, knobs = f"the weakest dose tried is {steer.dose_low:g}, where loops begin", ["steer.dose_low"]
    elif strongest >= 1.25 and not config.keep.enabled:
        cause = f"doses up to {strongest:g} go into the heal set unfiltered"
        knobs = ["steer.dose_high", "keep.enabled"]
    elif strongest >= 1.25:
        cause = f"completions are drawn at {strongest:g} times the strongest dose that survives"
        knobs = ["generate.doses"]
    elif max(doses) * steer.dose_high <= 0.25:
        cause, knobs = f"no dose over {max(doses) * steer.dose_high:g} is ever used", ["steer.dose_high"]
    else:
        return None
    return Hit(
        rule="KB4",
        symptom="character loops from 1.25 upwards, answers like the base's at .25 and below",
        cause=cause,
        fix="search between steer.dose_low = 0.25 and steer.dose_high = 1.5 with the filter on and generate.doses up to 1",
        knobs=knobs,
    )


@rule("KB5")
def cosine_gated(config: Config, facts: ModelFacts, prior: Prior) -> Hit | None:
    if "cos" not in config.steer.method:
        return None
    return Hit(
        rule="KB5",
        symptom="amplified loops, and a steer that no weights can hold",
        cause=f"steer.method = {config.steer.method} gates the vector by cosine",
        fix="steer.method = mean_diff",
        knobs=["steer.method"],
    )


@rule("KB9")
def suppressed_loops(config: Config, facts: ModelFacts, prior: Prior) -> Hit | None:
    if config.generate.repetition_penalty <= 1.0:
        return None
    return Hit(
        rule="KB9",
        symptom="over-steering is hidden and the filter starves",
        cause=f"generate.repetition_penalty = {config.generate.repetition_penalty:g} suppresses loops while generating",
        fix="generate.repetition_penalty = 1.0; loops are to be detected, not suppressed",
        knobs=["generate.repetition_penalty"],
    )


@rule("KB12")
def gates_off(config: Config, facts: ModelFacts, prior: Prior) -> Hit | None:
    off = {
        "keep.enabled": not config.keep.enabled,
        "keep.min_entropy": config.keep.enabled and config.keep.min_entropy <= 0,
        "evaluate.capability_floor": config.evaluate.capability_floor <= 0,
    }
    knobs = [name for name, is_off in off.items() if is_off]
    if not knobs:
        return None
    return Hit(
        rule="KB12",
        symptom="token soup passes at perplexity 2 to 17 and repetition .04 to .27",
        cause=f"{' and '.join(knobs)} switched off",
        fix="keep.enabled = true, keep.min_entropy above 0, evaluate.capability_floor above 0",
        knobs=knobs,
    )


@rule("KB19")
def saturated_prompts(config: Config, facts: ModelFacts, prior: Prior) -> Hit | None:
    same = [r for r in prior.runs if _same_model_and_trait(r, config, facts) and r.base_trait_rate is not None]
    if not same or (same[0].base_trait_rate or 0.0) < 0.9:
        return None
    return Hit(
        rule="KB19",
        symptom="the score says 'refuses evil', whatever the steer does",
        cause=f"the base already shows {config.trait.name} in {same[0].base_trait_rate:.0%} of its answers (run {same[0].id})",
        fix="a trait file with borderline prompts, on which the base is divided",
        knobs=["trait.name"],
    )


@rule("KB20")
def inert_barrier(config: Config, facts: ModelFacts, prior: Prior) -> Hit | None:
    heal = config.heal
    if heal.divergence == "none" or heal.lam == 0:
        return None
    for run in prior.runs:
        alike = all(run.config.get(k) == config.flat()[k] for k in ("heal.aggregate", "heal.divergence"))
        if run.operating_kl is None or not alike or not _same_model_and_trait(run, config, facts):
            continue
        if heal.tau <= run.operating_kl:
            return None
        return Hit(
            rule="KB20",
            symptom="the barrier never fires and the coherence floor stops round 1",
            cause=f"tau {heal.tau:g} is above the operating KL {run.operating_kl:.2g} nats measured in run {run.id}",
            fix=f"heal.tau below {run.operating_kl:.2g}",
            knobs=["heal.tau"],
        )
    return None


@rule("KB21")
def mean_hides_loops(config: Config, facts: ModelFacts, prior: Prior) -> Hit | None:
    heal = config.heal
    if heal.divergence == "none" or heal.aggregate != "mean" or heal.tau < 0.38:
        return None
    return Hit(
        rule="KB21",
        symptom="a looping text costs .38 nats on average and passes under the threshold",
        cause=f"heal.aggregate = mean with tau {heal.tau:g}",
        fix="heal.aggregate = rmse",
        knobs=["heal.aggregate"],
    )


@rule("KB24")
def reference_erases_history(config: Config, facts: ModelFacts, prior: Prior) -> Hit | None:
    if config.heal.reference != "base" or config.heal.divergence == "none" or config.run.rounds < 2:
        return None
    return Hit(
        rule="KB24",
        symptom="each round takes back what the earlier ones moved",
        cause=f"the barrier of {config.run.rounds} rounds is measured against the original model",
        fix="heal.reference = prev, whose drift may compound; neither is solved, so say which one this run tests",
        knobs=["heal.reference"],
    )


@rule("KB26")
def beta2_outlasts_round(config: Config, facts: ModelFacts, prior: Prior) -> Hit | None:
    horizon, steps = 1 / (1 - config.heal.beta2), heal_steps(config)
    if horizon <= max(steps, 21):
        return None
    return Hit(
        rule="KB26",
        symptom="the second moment is still warming up when the round ends",
        cause=f"beta2 {config.heal.beta2:g} remembers {horizon:.0f} steps and a round has about {steps}",
        fix="heal.beta2 = 0.95",
        knobs=["heal.beta2"],
    )


@rule("KB34")
def bf16_adapter(config: Config, facts: ModelFacts, prior: Prior) -> Hit | None:
    if config.heal.adapter_dtype != "bf16":
        return None
    return Hit(
        rule="KB34",
        symptom="updates under the rounding step vanish: 14% of A never moves, weight decay is inert",
        cause="the trainable weights are bf16",
        fix="heal.adapter_dtype = fp32",
        knobs=["heal.adapter_dtype"],
    )


@rule("KB35")
def too_few_vignettes(config: Config, facts: ModelFacts, prior: Prior) -> Hit | None:
    if config.run.smoke or config.evaluate.vignettes >= 28:
        return None
    return Hit(
        rule="KB35",
        symptom="one foundation stands for all seven (care .917 on the first 24 items, .274 on all)",
        cause=f"{config.evaluate.vignettes} vignettes are fewer than four a foundation",
        fix="evaluate.vignettes = 140, stratified and paired",
        knobs=["evaluate.vignettes"],
    )


@rule("KB45")
def not_comparable(config: Config, facts: ModelFacts, prior: Prior) -> Hit | None:
    earlier = prior.comparator
    if earlier is None:
        return None
    flat, shipped = config.flat(), Config().flat()
    measuring = ("evaluate.max_new_tokens", "evaluate.temperature", *APART)
    knobs = [k for k in measuring if earlier.config.get(k, shipped[k]) != flat[k]]
    versions = earlier.metric_version not in (None, METRIC_VERSION)
    if not knobs and not versions:
        return None
    what = " and ".join(knobs + (["the metric version"] if versions else []))
    return Hit(
        rule="KB45",
        symptom="foundation values differ by up to ten times for no reason of the model's",
        cause=f"{what} {'differs' if len(knobs) + versions == 1 else 'differ'} from the comparator {earlier.id}",
        fix="measure both under the same evaluation, or compare with another run",
        knobs=[] if versions else knobs,
    )


@rule("K16f")
def short_cosine(config: Config, facts: ModelFacts, prior: Prior) -> Hit | None:
    if config.heal.schedule != "cosine" or config.heal.epochs >= 50:
        return None
    return Hit(
        rule="K16f",
        symptom="most of the few steps run at a rate that is already falling",
        cause=f"a cosine learning rate over {config.heal.epochs} epochs",
        fix="heal.schedule = linear; cosine needs at least 50 epochs",
        knobs=["heal.schedule"],
    )


def heal_steps(config: Config) -> int:
    """Optimizer steps of one round's heal when the kept set is full and every verdict is fit."""
    heal = config.heal
    texts = min(config.keep.max_kept, config.generate.completions)
    kept = (texts + config.generate.verdicts) * (1 - heal.val_fraction)
    samples = math.ceil(kept / (1 - heal.replay))
    return math.ceil(samples / (heal.batch_size * heal.accumulation)) * heal.epochs


def _same_model_and_trait(run: PriorRun, config: Config, facts: ModelFacts) -> bool:
    return run.model_hash == facts.model_hash and run.config.get("trait.name") == config.trait.name
