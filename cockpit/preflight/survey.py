"""Everything that a checklist is judged on, gathered once: facts, earlier runs and seals, notes, splits, and what is as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from cockpit.preflight.splits import splits
from cockpit.runs import engine, evidence
from engine.contract import unchanged
from engine.contract.answers import Answers
from engine.contract.config import Config
from engine.contract.distance import Difference, Near, differences, near
from engine.contract.events import METRIC_VERSION
from engine.contract.facts import ModelFacts
from engine.contract.hashes import FREE
from engine.contract.metrics import APART
from engine.contract.prior import Prior
from engine.contract.resolve import resolve
from engine.contract.unchanged import Since
from journal.prior import Quote, notes_hash, search
from journal.promote import hits, project_rules

SHOWN = 5
"""Near runs that a checklist shows."""


class Comparison(NamedTuple):
    """This config against the chosen comparator: every knob that differs, and whether numbers may be compared at all."""

    run: str
    knobs: list[Difference]
    comparable: bool
    why: str  # 'same tokenizer', or what makes them not comparable

    def table(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return self._asdict() | {"knobs": [d._asdict() for d in self.knobs]}


class Survey(NamedTuple):
    """`answers` are complete: what an acknowledged seal answers is filled in."""

    answers: Answers
    config: Config
    facts: ModelFacts
    prior: Prior
    since: Since | None
    near: list[Near]
    quotes: list[Quote]
    comparison: Comparison | None

    def evidence(self) -> dict[str, Any]:
        """What a seal keeps of it: which runs were near, what was quoted (by hash), and the difference to the comparator."""
        quoted = {"quotes": len(self.quotes), "hash": self.prior.notes_hash, "places": [q.place for q in self.quotes]}
        nearby = [{"run": n.run.id, "status": n.run.status, "distance": round(n.distance, 3)} for n in self.near]
        compared = self.comparison.table() if self.comparison else None
        return {"near": nearby, "searched": len(self.prior.runs), "notes": quoted, "comparison": compared}


def survey(project: Path, answers: Answers, config: Config) -> Survey:
    """Look at model, project and notes. Raises BadInput as inspecting the model does."""
    facts = engine.inspect(config)
    sealed = evidence.seals(project)
    told = answers.prior.comparator
    if answers.acknowledged and not told:
        named = unchanged.baseline(answers, config, facts, Prior(sealed=sealed))
        told = str(named.answers.get("prior", {}).get("comparator", "")) if named else ""
    quotes = search(project, changes(answers, config), answers.question.hypothesis)
    prior = msgspec.structs.replace(
        evidence.gather(project, told or "none"),
        sealed=sealed,
        notes_hash=notes_hash(quotes),
        splits=splits(config),
        project_bugs=hits(project_rules(project), config.flat()),
    )
    complete = unchanged.complete(answers, config, facts, prior)
    found = near(prior.runs, config.flat(), facts.model_hash)
    return Survey(
        answers=complete,
        config=config,
        facts=facts,
        prior=prior,
        since=unchanged.since(complete, config, facts, prior),
        near=found[:SHOWN],
        quotes=quotes,
        comparison=compare(prior, config, facts),
    )


def changes(answers: Answers, config: Config) -> dict[str, Any]:
    """The knobs that this run is about: set beside the preset, or declared as axes."""
    shipped, flat = resolve(answers.preset or None).flat(), config.flat()
    return {k: v for k, v in flat.items() if (v != shipped[k] or k in answers.axes) and k not in FREE}


def compare(prior: Prior, config: Config, facts: ModelFacts) -> Comparison | None:
    """The difference table to the comparator; None without one."""
    run = prior.comparator
    if run is None:
        return None
    knobs = [d for d in differences(run.config, config.flat()) if d.knob not in FREE[1:]]
    if run.tokenizer_hash != facts.tokenizer_hash:
        return Comparison(run.id, knobs, False, "not comparable: another tokenizer")
    if run.metric_version not in (None, METRIC_VERSION):
        return Comparison(run.id, knobs, False, "not comparable: its metrics were measured by another version")
    if apart := [d for d in knobs if d.knob in APART and d.theirs is not None]:
        return Comparison(
            run.id, knobs, False, f"not comparable: {apart[0].knob} was {apart[0].theirs}, is {apart[0].ours}"
        )
    return Comparison(run.id, knobs, True, "same tokenizer")
