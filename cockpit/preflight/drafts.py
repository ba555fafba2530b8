"""The check of one checklist: everything that stands against launching with it, and everything a person should see beside that."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from cockpit.preflight import tally
from cockpit.preflight.survey import Survey, changes, survey
from cockpit.preflight.tally import Tally
from cockpit.runs import evidence
from engine.contract import preflight
from engine.contract.answers import load_answers
from engine.contract.estimate import Estimate, estimate
from engine.contract.preflight import Block
from engine.contract.resolve import resolve

if TYPE_CHECKING:
    from cockpit.preflight.measured import Measured

ITEMS = (
    ("K0", "math: what is optimised, and what is unnecessary"),
    ("K1", "tokenization"),
    ("K2", "architecture"),
    ("K3", "init and matrices"),
    ("K4", "training direction"),
    ("K5", "metric, split, unit"),
    ("K6", "research question and prediction"),
    ("K7", "prior results"),
    ("K8", "known bugs and waivers"),
)


class Check(NamedTuple):
    """What stands against a checklist. `gate` is the fast-dev-run that opens it, '' when there is none, 'waived: why' when it is;
    `measured` is the run that the barrier is laid beside, where somebody looks at it."""

    blocks: list[Block]
    flags: list[Block]
    bugs: list[dict[str, Any]]
    gate: str
    estimate: Estimate
    known: Survey
    changes: dict[str, Any]
    tally: dict[str, Tally]
    measured: Measured | None = None

    def table(self) -> dict[str, Any]:
        """As JSON-ready values."""
        same = self.known.since
        return {
            "blocks": [b._asdict() for b in self.blocks],
            "flags": [f._asdict() for f in self.flags],
            "known_bugs": self.bugs,
            "waivers": [w.model_dump(mode="json") for w in self.known.answers.waivers],
            "unchanged": {
                "since": same.id if same else "",
                "items": same.unchanged if same else [],
                "acknowledged": bool(self.known.answers.acknowledged),
                "moved": {k: [m._asdict() for m in v] for k, v in same.moved.items()} if same else {},
            },
            "near": [
                {
                    "run": n.run.id,
                    "status": n.run.status,
                    "failed": n.run.failed,
                    "title": n.run.title,
                    "distance": round(n.distance, 3),
                    "differs": [d._asdict() for d in n.differs],
                }
                for n in self.known.near
            ],
            "comparison": self.known.comparison.table() if self.known.comparison else None,
            "notes": [q._asdict() for q in self.known.quotes],
            "splits": msgspec.to_builtins(self.known.prior.splits),
            "tally": {item: t._asdict() for item, t in self.tally.items()},
            "gate": self.gate,
            "estimate": {"device": self.estimate.device, "seconds": self.estimate.seconds},
            "ready": not self.blocks,
        }


def check(project: Path, file: Path, sets: Sequence[str] = ()) -> Check:
    """Everything that stands against launching with this checklist. Raises BadInput when it cannot be read."""
    answers = load_answers(file)
    config = resolve(answers.preset or None, sets=[*answers.set, *sets])
    known = survey(project, answers, config)
    answers, facts, prior = known.answers, known.facts, known.prior
    blocks = preflight.blocks(answers, config, facts, prior)
    tally.note(project, file, "check", blocks)
    waived = [w.reason for w in answers.waivers if w.rule == preflight.GATE]
    return Check(
        blocks=blocks,
        flags=preflight.flags(answers, config, prior, facts),
        bugs=[msgspec.to_builtins(hit) for hit in preflight.bugs(answers, config, facts, prior)],
        gate=evidence.green_gate(project) or (f"waived: {waived[0]}" if waived else ""),
        estimate=estimate(config, facts),
        known=known,
        changes=changes(answers, config),
        tally=tally.tally(project, prior.sealed),
    )
