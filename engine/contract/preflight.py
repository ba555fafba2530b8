"""The checklist and its seal: what blocks a run, what is only flagged, and the frozen record that the engine checks before anything
is loaded (DESIGN section 6, REQUIREMENTS K0 to K9).

One seal covers a family: the base config plus its declared axes (the seed is always one).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import msgspec

from engine.contract.answers import Answers, Waiver, fault
from engine.contract.config import Config
from engine.contract.errors import Refused
from engine.contract.events import METRIC_VERSION, now
from engine.contract.facts import ModelFacts
from engine.contract.hashes import FREE, SEED_AXIS, canonical, code_hash, config_hash, family_hash, sha256
from engine.contract.known_bugs import RULES, Hit, settle
from engine.contract.prior import Prior
from engine.contract.runfile import RunFile
from engine.contract.world import FOUNDATIONS

FORMAT = 1
TOKENIZERS = ("bpe", "character", "byte", "morphological", "unigram", "wordpiece")
DIRECTIONS = {"kl_rev": "reverse", "kl_fwd": "forward", "none": "none"}
METRICS = (
    "trait_rate",
    "benign_rate",
    *(f"{f}_nats" for f in FOUNDATIONS),
    "coherence",
    "prefill_nll",
    "valid_json",
    "capability",
    "tail_ppl",
    "tail_ppl_p90",
    "broken",
    "repetition",
    "diversity",
    "first_person_nats",
)
SUBJECTS = ("base", "prompted", "steered", "healed")
OPS = (">=", "<=", ">", "<")
GATE = "W2"
"""The rule that a waiver names when a run is to start without a green fast-dev-run of the same code."""


class Block(NamedTuple):
    """One reason why a run may not start, or a flag that only says so: the item (K0 to K8), what is wrong, how to mend it."""

    item: str
    what: str
    mend: str

    def line(self) -> str:
        return f"{self.item}: {self.what}. {self.mend}"


def blocks(
    answers: Answers, config: Config, facts: ModelFacts, prior: Prior, *, today: date | None = None
) -> list[Block]:
    """Structural facts that forbid the start, in checklist order. An empty list means that it may be sealed."""
    found = [*_texts(answers), *_model(answers, config, facts), *_direction(answers, config)]
    found += [*_metric(answers, facts), *_prediction(answers), *_prior(answers, config, facts, prior)]
    found += _waivers(answers, today or datetime.now(UTC).date())
    for hit in bugs(answers, config, facts, prior, today=today):
        if hit.state == "open":
            mend = f"{hit.fix}; or waive {hit.rule} with a reason"
            mend += f"; or declare {' and '.join(hit.knobs)} as an axis" if hit.knobs else ""
            found.append(
                Block("K8", f"known bug {hit.rule}: {hit.cause}, which leads to: {hit.symptom}", f"Fix: {mend}")
            )
    return sorted(found, key=lambda block: block.item)


def flags(answers: Answers, config: Config, prior: Prior) -> list[Block]:
    """Opinions: told, never blocking."""
    found = []
    if answers.prediction.confidence is not None and answers.prediction.confidence >= 0.99:
        found.append(Block("K6", "a confidence of .99 or more", "If the outcome is certain, what does the run teach?"))
    if len(answers.axes) > 2:
        found.append(
            Block("K0", f"{len(answers.axes)} axes under one seal", "Ablate what is unnecessary before tuning (K16 g)")
        )
    if len(answers.math.optimised.strip().splitlines()) > 3:
        found.append(Block("K0", "the math has more than three lines", "One to three lines say what is optimised"))
    if prior.runs and answers.prior.comparator == "none":
        found.append(Block("K7", "no comparator although this project has runs", f"For example: {prior.runs[0].id}"))
    if answers.prediction.split == "val":
        found.append(
            Block("K5", "the prediction is read on val", "Val is looked at every round; test once, at the end")
        )
    return found


def bugs(answers: Answers, config: Config, facts: ModelFacts, prior: Prior, *, today: date | None = None) -> list[Hit]:
    """Known-bug hits with their state under these answers: open, waived, or what the run tests."""
    waived = [w.rule for w in standing(answers.waivers, today or datetime.now(UTC).date())]
    return settle(config, facts, prior, answers.axes, waived)


def standing(waivers: Iterable[Waiver], today: date) -> list[Waiver]:
    """The waivers that have a reason and have not expired."""
    return [w for w in waivers if not fault(w.reason) and (w.expires is None or w.expires >= today)]


_TEXTS = (
    ("K0", "math.optimised", 3, "One to three lines: what is minimised, over what, under which constraint"),
    ("K0", "math.unnecessary", 2, "Name what in the formula could go, and which ablation shows it"),
    ("K1", "tokenization.comparable", 2, "Say whether the comparator has the same tokenizer"),
    ("K2", "architecture.answer", 2, "Say what about this architecture matters for the run"),
    ("K3", "init.initial_b", 1, "State B at the start, for example zero"),
    ("K3", "init.distribution", 1, "State how A is drawn, for example Kaiming uniform"),
    ("K4", "direction.why", 2, "Say why this direction"),
    ("K5", "metric.unit", 1, "Name the unit, for example fraction of answers, or nats"),
    (
        "K6",
        "question.hypothesis",
        4,
        "Finish the sentence: This run tests hypothesis: ___. If it cannot be finished, do not launch",
    ),
    ("K6", "prediction.miss_means", 3, "Say what you will believe if the prediction fails"),
    ("K7", "prior.learnt", 2, "Say what the journal, notes and failed runs say, or that there are none"),
    ("K8", "known_bugs.answer", 2, "Name the known bugs that come near this run, and why they do not bite"),
)


def _texts(answers: Answers) -> list[Block]:
    found = []
    for item, where, words, mend in _TEXTS:
        section, name = where.split(".")
        wrong = fault(getattr(getattr(answers, section), name), words=words)
        if wrong:
            found.append(Block(item, f"{where} {wrong}", mend))
    for section in Answers.model_fields:
        table = getattr(answers, section)
        for name in getattr(type(table), "model_fields", {}):
            value = getattr(table, name)
            long = isinstance(value, str) and len(value) > 4000
            if long and not any(b.what.startswith(f"{section}.{name} ") for b in found):
                found.append(Block("K6", f"{section}.{name} {fault(value)}", "Shorten it"))
    return found


def _model(answers: Answers, config: Config, facts: ModelFacts) -> Iterable[Block]:
    kind = answers.tokenization.type
    if kind not in TOKENIZERS:
        yield Block(
            "K1",
            f"tokenization.type = {kind[:20]!r}",
            f"Use one of {', '.join(TOKENIZERS)}; this model has {facts.tokenizer_type}",
        )
    elif kind != facts.tokenizer_type:
        yield Block(
            "K1", f"tokenization.type says {kind}, the model's tokenizer is {facts.tokenizer_type}", "Correct it"
        )
    if answers.architecture.model_class != facts.model_class:
        said = answers.architecture.model_class[:60]
        yield Block(
            "K2", f"architecture.model_class says {said!r}, the model is {facts.model_class}", "Give the exact class"
        )
    if not facts.commit:
        yield Block("K2", "the model's commit cannot be resolved", "Set model.revision to a commit that exists")
    if config.model.trust_remote_code and "remote code" not in answers.architecture.answer:
        mend = "Name 'remote code' and why it is trusted in architecture.answer"
        yield Block("K2", "model.trust_remote_code is on and the answer does not say so", mend)
    base = answers.init.base
    if base not in ("random", "structured", "pretrained"):
        yield Block("K3", f"init.base = {base[:20]!r}", "Use random, structured or pretrained")
    elif (base == "pretrained") != facts.pretrained:
        actual = "pretrained" if facts.pretrained else "random or structured"
        yield Block("K3", f"init.base says {base}, the model's weights are {actual}", "Correct it")
    if answers.init.rank != config.heal.rank and "heal.rank" not in answers.axes:
        yield Block(
            "K3", f"init.rank says {answers.init.rank}, heal.rank is {config.heal.rank}", "State the rank of the LoRA"
        )


def _direction(answers: Answers, config: Config) -> Iterable[Block]:
    said, actual = answers.direction.direction, DIRECTIONS[config.heal.divergence]
    if said not in ("forward", "reverse", "mixed", "none"):
        yield Block(
            "K4", f"direction.direction = {said[:20]!r}", "There is no default: forward, reverse, mixed or none"
        )
    elif "heal.divergence" in answers.axes:
        if said != "mixed":
            yield Block("K4", f"direction.direction says {said}, and heal.divergence is a declared axis", "Say mixed")
    elif said != actual:
        mend = f"heal.divergence = {config.heal.divergence} is {actual}; correct the answer or the config"
        yield Block("K4", f"direction.direction says {said}, the run trains with {actual}", mend)


def _metric(answers: Answers, facts: ModelFacts) -> Iterable[Block]:
    metric = answers.metric
    if metric.name not in METRICS:
        yield Block("K5", f"metric.name = {metric.name[:30]!r}", f"Use one of {', '.join(METRICS)}")
    if metric.split not in ("val", "test"):
        yield Block("K5", f"metric.split = {metric.split[:20]!r}", "State the split: val or test")
    if metric.name.startswith("tail_ppl") and fault(metric.tokenizer):
        mend = f"For example: {facts.tokenizer_class} {facts.tokenizer_hash[:8]}"
        yield Block("K5", "a perplexity without the tokenizer it is counted in", mend)


def _prediction(answers: Answers) -> Iterable[Block]:
    said = answers.prediction
    if said.metric not in METRICS:
        yield Block("K6", f"prediction.metric = {said.metric[:30]!r}", f"Use one of {', '.join(METRICS)}")
    if said.op not in OPS:
        yield Block("K6", f"prediction.op = {said.op[:10]!r}", f"Use one of {' '.join(OPS)}")
    if said.threshold is None or not math.isfinite(said.threshold):
        yield Block("K6", "prediction.threshold is not a number", "State the number that decides")
    if said.of not in ("value", "change"):
        yield Block(
            "K6", f"prediction.of = {said.of[:20]!r}", "Use value, or change for the paired difference to the base"
        )
    if said.subject not in SUBJECTS:
        yield Block("K6", f"prediction.subject = {said.subject[:20]!r}", f"Use one of {', '.join(SUBJECTS)}")
    if said.split not in ("val", "test"):
        yield Block("K6", f"prediction.split = {said.split[:20]!r}", "State the split: val or test")
    if said.round != "best" and not (isinstance(said.round, int) and said.round >= 0):
        yield Block("K6", f"prediction.round = {said.round!r}", "Use a round's number, or best")
    if said.confidence is None or not 0 < said.confidence <= 1:
        yield Block("K6", f"prediction.confidence = {said.confidence}", "State how sure you are, above 0 and at most 1")
    if fault(said.comparator):
        yield Block(
            "K6", "prediction.comparator is empty", "Name the row or run it is read against: base, prompted, or a run"
        )


def _prior(answers: Answers, config: Config, facts: ModelFacts, prior: Prior) -> Iterable[Block]:
    named = answers.prior.comparator
    if not named.strip():
        mend = f"Choose a run, such as {prior.runs[0].id}, or say none" if prior.runs else "Say none"
        yield Block("K7", "prior.comparator is empty", mend)
    elif named != "none" and prior.comparator is None:
        yield Block(
            "K7",
            f"prior.comparator {named[:60]!r} is not a finished run of this project",
            "Choose one from: cockpit runs",
        )
    flat = config.flat()
    for run in prior.runs:
        same = run.config == flat and run.model_hash == facts.model_hash
        if same and run.failed and fault(answers.prior.difference, words=2):
            mend = "State in prior.difference what is different now, or change the config"
            yield Block("K7", f"run {run.id} had exactly this config and ended as {run.status}", mend)
            return


def _waivers(answers: Answers, today: date) -> Iterable[Block]:
    for waiver in answers.waivers:
        if waiver.rule not in RULES and waiver.rule != GATE:
            yield Block("K8", f"no rule named {waiver.rule[:20]!r} to waive", f"Rules: {', '.join([*RULES, GATE])}")
        elif fault(waiver.reason):
            yield Block("K8", f"the waiver of {waiver.rule} {fault(waiver.reason)}", "A waiver has a reason")
        elif waiver.expires is not None and waiver.expires < today:
            yield Block(
                "K8",
                f"the waiver of {waiver.rule} expired on {waiver.expires}",
                "Renew it with a reason, or mend the rule's cause",
            )


def seal(
    answers: Answers,
    config: Config,
    facts: ModelFacts,
    trait_hash: str,
    prior: Prior,
    *,
    evidence: Mapping[str, Any] | None = None,
    sealed_at: str = "",
) -> dict[str, Any]:
    """The frozen record for the family of `config` under the answers' axes. Raises Refused, naming the first block, when any stands."""
    standing_blocks = blocks(answers, config, facts, prior)
    if standing_blocks:
        more = f" (and {len(standing_blocks) - 1} more: cockpit preflight check)" if len(standing_blocks) > 1 else ""
        raise Refused(f"preflight blocks, {standing_blocks[0].line()}{more}")
    axes = sorted({SEED_AXIS, *answers.axes})
    hits = bugs(answers, config, facts, prior)
    table = answers.table()
    record: dict[str, Any] = {
        "format": FORMAT,
        "answers": table,
        "answers_hash": sha256(canonical(table)),
        "axes": axes,
        "config": config.flat(),
        "trait_hash": trait_hash,
        "model_hash": facts.model_hash,
        "config_hash": config_hash(config, trait_hash, facts.model_hash),
        "family_hash": family_hash(config, trait_hash, facts.model_hash, axes),
        "metric_version": METRIC_VERSION,
        "evidence": {
            "facts": msgspec.to_builtins(facts),
            "known_bugs": [msgspec.to_builtins(hit) for hit in hits],
            "flags": [flag._asdict() for flag in flags(answers, config, prior)],
            **(evidence or {}),
        },
        "sealed_at": sealed_at or now(),
        "code_hash": code_hash(),
    }
    return record | {"seal": seal_hash(record)}


def seal_hash(record: Mapping[str, Any]) -> str:
    """sha256 over the record without its own seal."""
    return sha256(canonical({k: v for k, v in record.items() if k != "seal"}))


def check_seal(record: Any, run: RunFile) -> str:
    """The preflight hash when the seal is whole and covers the run. Raises Refused, in one line that says what differs, otherwise."""
    if not isinstance(record, Mapping) or not isinstance(record.get("seal"), str):
        raise Refused(
            "no sealed preflight: answer one with `cockpit preflight new` and start with `cockpit launch --preflight F.toml`"
        )
    if seal_hash(record) != record["seal"]:
        raise Refused("the preflight was changed after it was sealed: launch again with the answers you mean")
    try:
        axes, sealed, want = set(record["axes"]), record["config"], record["family_hash"]
        trait, model = record["trait_hash"], record["model_hash"]
    except KeyError as missing:
        raise Refused(f"the preflight record lacks {missing}: seal it again with this version") from None
    if run.trait_hash != trait:
        raise Refused(
            f"trait {run.config.trait.name} changed since the seal ({trait[:8]}, now {run.trait_hash[:8]}): seal again"
        )
    if run.model_hash != model:
        raise Refused(
            f"model {run.config.model.id} changed since the seal ({model[:8]}, now {run.model_hash[:8]}): seal again"
        )
    differs = outside(sealed, run.config.flat(), axes)
    if differs or family_hash(run.config, run.trait_hash, run.model_hash, axes) != want:
        shown = ", ".join(f"{k} ({sealed.get(k)!r} sealed, {run.config.flat().get(k)!r} asked)" for k in differs[:3])
        shown += f" and {len(differs) - 3} more" if len(differs) > 3 else ""
        where = shown or "its identity"
        raise Refused(
            f"the config differs from its seal in {where}; declare it as an axis or answer a preflight for it"
        )
    return str(record["seal"])


def outside(sealed: Mapping[str, Any], config: Mapping[str, Any], axes: Iterable[str]) -> list[str]:
    """The knobs in which two flat configs differ beyond the axes, in config order."""
    free = {*FREE, *axes}
    return [k for k in [*config, *(set(sealed) - set(config))] if k not in free and sealed.get(k) != config.get(k)]
