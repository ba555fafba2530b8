"""The checklist and its seal: what blocks a run, what is only flagged, and the frozen record that the engine checks before anything
is loaded (DESIGN section 6, REQUIREMENTS K0 to K9).

One seal covers a family: the base config plus its declared axes (the seed is always one).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from engine.contract import checks, forbidden, repeats, unchanged
from engine.contract.answers import Answers, Waiver, fault
from engine.contract.checks import METRICS as METRICS
from engine.contract.checks import OPS as OPS
from engine.contract.checks import SUBJECTS as SUBJECTS
from engine.contract.checks import TOKENIZERS as TOKENIZERS
from engine.contract.checks import Block as Block
from engine.contract.config import Config
from engine.contract.errors import Refused
from engine.contract.events import METRIC_VERSION, now
from engine.contract.facts import ModelFacts
from engine.contract.forbidden import WAIVABLE
from engine.contract.hashes import FREE, SEED_AXIS, canonical, code_hash, config_hash, family_hash, sha256
from engine.contract.known_bugs import RULES, settle
from engine.contract.prior import Hit, Prior
from engine.contract.runfile import RunFile

FORMAT = 1
GATE = "W2"
"""The rule that a waiver names when a run is to start without a green fast-dev-run of the same code."""


def blocks(
    answers: Answers, config: Config, facts: ModelFacts, prior: Prior, *, today: date | None = None
) -> list[Block]:
    """Structural facts that forbid the start, in checklist order. An empty list means that it may be sealed."""
    day = today or datetime.now(UTC).date()
    found = [*checks.texts(answers), *checks.model(answers, config, facts), *checks.direction(answers, config)]
    found += [
        *checks.metric(answers, facts, config),
        *checks.prediction(answers, config),
        *repeats.blocks(answers, config, facts, prior),
    ]
    waived = [w.rule for w in standing(answers.waivers, day)]
    found += [*_waivers(answers, prior, day), *forbidden.blocks(answers, config, facts, prior, waived)]
    found += unchanged.blocks(answers, unchanged.since(answers, config, facts, prior))
    for hit in bugs(answers, config, facts, prior, today=today):
        if hit.state == "open":
            mend = f"{hit.fix}; or waive {hit.rule} with a reason"
            mend += f"; or declare {' and '.join(hit.knobs)} as an axis" if hit.knobs else ""
            found.append(
                Block("K8", f"known bug {hit.rule}: {hit.cause}, which leads to: {hit.symptom}", f"Fix: {mend}")
            )
    return sorted(found, key=lambda block: block.item)


def flags(answers: Answers, config: Config, prior: Prior, facts: ModelFacts | None = None) -> list[Block]:
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
    if facts and prior.comparator and prior.comparator.tokenizer_hash != facts.tokenizer_hash:
        what = f"the comparator {prior.comparator.id} has another tokenizer"
        found.append(Block("K1", what, "Its perplexities and nats are not comparable with this run's"))
    if facts and (earlier := unchanged.since(answers, config, facts, prior)):
        found += unchanged.flags(earlier)
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


def _waivers(answers: Answers, prior: Prior, today: date) -> Iterable[Block]:
    own = [hit.rule for hit in prior.project_bugs]
    known = [*RULES, *(name for name in WAIVABLE if name not in RULES), *own, GATE]
    for waiver in answers.waivers:
        if waiver.rule not in known:
            yield Block("K8", f"no rule named {waiver.rule[:20]!r} to waive", f"Rules: {', '.join(known)}")
        elif wrong := fault(waiver.reason):
            yield Block("K8", f"the waiver of {waiver.rule} {wrong}", "A waiver has a reason", wrong == "is empty")
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
    answers = unchanged.complete(answers, config, facts, prior)
    standing_blocks = blocks(answers, config, facts, prior)
    if standing_blocks:
        raise refusal(standing_blocks)
    axes = sorted({SEED_AXIS, *answers.axes})
    hits = bugs(answers, config, facts, prior)
    since = unchanged.since(answers, config, facts, prior)
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
            "flags": [flag._asdict() for flag in flags(answers, config, prior, facts)],
            "standing": unchanged.prior_evidence(unchanged.evidence(answers, config, facts, prior)),
            "splits": msgspec.to_builtins(prior.splits),
            "unchanged": {"since": since.id, "items": since.unchanged} if since else {},
            **(evidence or {}),
        },
        "sealed_at": sealed_at or now(),
        "code_hash": code_hash(),
    }
    return record | {"seal": seal_hash(record)}


def refusal(blocks: Sequence[Block]) -> Refused:
    """Why nothing was sealed, in one line: the first block, and where the others are shown."""
    more = f" (and {len(blocks) - 1} more: cockpit preflight check)" if len(blocks) > 1 else ""
    return Refused(f"preflight blocks, {blocks[0].line()}{more}")


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
