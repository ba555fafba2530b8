"""Whether the answers will do, item by item: not empty, no placeholder, and true of this model and this config (K0 to K6, FAULTS 32)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from engine.contract.answers import ITEMS, LONGEST, Answers, fault
from engine.contract.config import Config
from engine.contract.facts import ModelFacts
from engine.contract.metrics import METRICS as METRICS

TOKENIZERS = ("bpe", "character", "byte", "morphological", "unigram", "wordpiece")
DIRECTIONS = {"kl_rev": "reverse", "kl_fwd": "forward", "none": "none"}
SUBJECTS = ("base", "prompted", "steered", "healed")
OPS = (">=", "<=", ">", "<")


class Block(NamedTuple):
    """One reason why a run may not start, or a flag that only says so: the item (K0 to K8), what is wrong, how to mend it.

    `empty` marks a question that nobody has answered yet, where there is nothing to be wrong about."""

    item: str
    what: str
    mend: str
    empty: bool = False

    def line(self) -> str:
        return f"{self.item}: {self.what}. {self.mend}"


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


def texts(answers: Answers) -> list[Block]:
    """Free text that is empty, a placeholder, rounded, too long or too short."""
    found = []
    for item, where, words, mend in _TEXTS:
        section, name = where.split(".")
        wrong = fault(getattr(getattr(answers, section), name), words=words)
        if wrong:
            found.append(Block(item, f"{where} {wrong}", mend, wrong == "is empty"))
    for section in Answers.model_fields:
        table = getattr(answers, section)
        for name in getattr(type(table), "model_fields", {}):
            value = getattr(table, name)
            long = isinstance(value, str) and len(value) > LONGEST
            if long and not any(b.what.startswith(f"{section}.{name} ") for b in found):
                found.append(Block(ITEMS[section], f"{section}.{name} {fault(value)}", "Shorten it"))
    return found


def model(answers: Answers, config: Config, facts: ModelFacts) -> Iterable[Block]:
    """K1 to K3: tokenizer, class, commit and init are those of the model."""
    kind = answers.tokenization.type
    if kind not in TOKENIZERS:
        yield Block(
            "K1",
            f"tokenization.type = {kind[:20]!r}",
            f"Use one of {', '.join(TOKENIZERS)}; this model has {facts.tokenizer_type}",
            not kind,
        )
    elif kind != facts.tokenizer_type:
        yield Block(
            "K1", f"tokenization.type says {kind}, the model's tokenizer is {facts.tokenizer_type}", "Correct it"
        )
    if answers.architecture.model_class != facts.model_class:
        said = answers.architecture.model_class[:60]
        what = f"architecture.model_class says {said!r}, the model is {facts.model_class}"
        yield Block("K2", what, "Give the exact class", not said)
    if not facts.commit:
        yield Block("K2", "the model's commit cannot be resolved", "Set model.revision to a commit that exists")
    if config.model.trust_remote_code and "remote code" not in answers.architecture.answer:
        mend = "Name 'remote code' and why it is trusted in architecture.answer"
        yield Block("K2", "model.trust_remote_code is on and the answer does not say so", mend)
    for path in config.run.plugins:
        if (file := Path(path).name) not in answers.architecture.answer:
            mend = f"Name '{file}', what it changes and why its code is trusted in architecture.answer"
            yield Block("K2", f"plugin {path} runs code of its own and the answer does not say so", mend)
    base = answers.init.base
    if base not in ("random", "structured", "pretrained"):
        yield Block("K3", f"init.base = {base[:20]!r}", "Use random, structured or pretrained", not base)
    elif (base == "pretrained") != facts.pretrained:
        actual = "pretrained" if facts.pretrained else "random or structured"
        yield Block("K3", f"init.base says {base}, the model's weights are {actual}", "Correct it")
    if answers.init.rank != config.heal.rank and "heal.rank" not in answers.axes:
        what = f"init.rank says {answers.init.rank}, heal.rank is {config.heal.rank}"
        yield Block("K3", what, "State the rank of the LoRA", not answers.init.rank)


def direction(answers: Answers, config: Config) -> Iterable[Block]:
    """K4: the direction is stated, and is the one that the run trains with."""
    said, actual = answers.direction.direction, DIRECTIONS[config.heal.divergence]
    if said not in ("forward", "reverse", "mixed", "none"):
        yield Block(
            "K4",
            f"direction.direction = {said[:20]!r}",
            "There is no default: forward, reverse, mixed or none",
            not said,
        )
    elif "heal.divergence" in answers.axes:
        if said != "mixed":
            yield Block("K4", f"direction.direction says {said}, and heal.divergence is a declared axis", "Say mixed")
    elif said != actual:
        mend = f"heal.divergence = {config.heal.divergence} is {actual}; correct the answer or the config"
        yield Block("K4", f"direction.direction says {said}, the run trains with {actual}", mend)


def metric(answers: Answers, facts: ModelFacts, config: Config) -> Iterable[Block]:
    """K5: a metric that exists, its split, and the tokenizer of a perplexity."""
    metric, known = answers.metric, (*METRICS, *config.evaluate.evaluators)
    if metric.name not in known:
        yield Block("K5", f"metric.name = {metric.name[:30]!r}", f"Use one of {', '.join(known)}", not metric.name)
    if metric.split not in ("val", "test"):
        yield Block("K5", f"metric.split = {metric.split[:20]!r}", "State the split: val or test", not metric.split)
    if metric.name.startswith("tail_ppl") and fault(metric.tokenizer):
        mend = f"For example: {facts.tokenizer_class} {facts.tokenizer_hash[:8]}"
        yield Block("K5", "a perplexity without the tokenizer it is counted in", mend)


def prediction(answers: Answers, config: Config) -> Iterable[Block]:
    """K6: a prediction that a number can decide."""
    said, known = answers.prediction, (*METRICS, *config.evaluate.evaluators)
    if said.metric not in known:
        yield Block(
            "K6", f"prediction.metric = {said.metric[:30]!r}", f"Use one of {', '.join(known)}", not said.metric
        )
    if said.op not in OPS:
        yield Block("K6", f"prediction.op = {said.op[:10]!r}", f"Use one of {' '.join(OPS)}", not said.op)
    if said.threshold is None or not math.isfinite(said.threshold):
        yield Block("K6", "prediction.threshold is not a number", "State the number that decides", True)
    if said.of not in ("value", "change"):
        yield Block(
            "K6", f"prediction.of = {said.of[:20]!r}", "Use value, or change for the paired difference to the base"
        )
    if said.subject not in SUBJECTS:
        yield Block("K6", f"prediction.subject = {said.subject[:20]!r}", f"Use one of {', '.join(SUBJECTS)}")
    if said.split not in ("val", "test"):
        yield Block("K6", f"prediction.split = {said.split[:20]!r}", "State the split: val or test", not said.split)
    if said.round != "best" and not (isinstance(said.round, int) and said.round >= 0):
        yield Block("K6", f"prediction.round = {said.round!r}", "Use a round's number, or best")
    if said.confidence is None or not 0 < said.confidence <= 1:
        unsaid = said.confidence is None or math.isnan(said.confidence)
        what = "prediction.confidence is not a number" if unsaid else f"prediction.confidence = {said.confidence:g}"
        yield Block("K6", what, "State how sure you are, above 0 and at most 1", unsaid)
    if fault(said.comparator):
        yield Block(
            "K6", "prediction.comparator is empty", "Name the row or run it is read against: base, prompted, or a run"
        )
