"""What this project already knows when a run is asked for: finished runs and seals as priors, and the gate of the fast-dev-run."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.contract.answers import Answers
from engine.contract.config import Config
from engine.contract.errors import BadInput, Refused
from engine.contract.facts import ModelFacts
from engine.contract.files import read_json
from engine.contract.hashes import code_hash, sha256
from engine.contract.lineage import load_lineage
from engine.contract.preflight import GATE, seal_hash, standing
from engine.contract.prior import Prior, PriorRun, Sealed
from engine.contract.rundir import RunDir, all_runs, find_run
from engine.contract.runfile import load_runfile
from journal.record import Record

NEWEST = 200
"""Finished runs that are looked at, newest first."""


MEASURED = ("operating_kl", "base_trait_rate", "tokenizer_hash", "metric_version")
"""What result.json keeps of a run for later ones."""


def gather(project: Path, comparator: str = "none") -> Prior:
    """The finished runs of a project, newest first, smoke runs left out, and the comparator when it is one of them."""
    found = [run for folder in reversed(all_runs(project)[-NEWEST:]) if (run := _prior(folder)) is not None]
    chosen = None
    if comparator not in ("none", ""):
        try:
            wanted = find_run(project, comparator).id
            chosen = next((run for run in found if run.id == wanted), None)
        except BadInput:
            chosen = None
    return Prior(runs=found, comparator=chosen)


def seals(project: Path) -> list[Sealed]:
    """The seal of every run of a project, newest first, whether the run has finished or not."""
    return [found for folder in reversed(all_runs(project)[-NEWEST:]) if (found := sealed(folder)) is not None]


def sealed(folder: RunDir) -> Sealed | None:
    """A run's seal; None when it has none that is whole."""
    try:
        record = read_json(folder.preflight)
        run = load_runfile(folder.config)
        if seal_hash(record) != record["seal"]:
            return None
        return Sealed(
            id=folder.id,
            preset=run.preset,
            smoke=run.config.run.smoke,
            answers=dict(record["answers"]),
            config=record["config"] | {k: v for k, v in run.config.flat().items() if k in record["axes"]},
            axes=list(record["axes"]),
            model_hash=str(record["model_hash"]),
            trait_hash=str(record["trait_hash"]),
            evidence=dict(record["evidence"]),
            metric_version=int(record.get("metric_version", 0)),
        )
    except (BadInput, KeyError, TypeError, ValueError, AttributeError):
        return None


def require_logged(folder: RunDir) -> None:
    """Analysis comes after the entry (K10, K16 c). Raises Refused while the run's entry is open."""
    if finished(folder):
        return
    how = "its end is not in the journal yet" if result(folder) else "it has not ended"
    raise Refused(
        f"{folder.id} cannot be analysed: {how}. Watch it with `cockpit attach {folder.id}`; "
        "its entry is closed when it ends, whatever the end"
    )


def finished(folder: RunDir) -> bool:
    """Whether a run has ended and its entry is closed."""
    return bool(result(folder).get("logged"))


def result(folder: RunDir) -> dict[str, Any]:
    """result.json, or {} while there is none."""
    try:
        value = read_json(folder.result)
    except BadInput:
        return {}
    return value if isinstance(value, dict) else {}


def process(folder: RunDir) -> dict[str, Any]:
    """process.json, or {} while there is none. Raises BadInput when it holds something else."""
    if not folder.process.exists():
        return {}
    value = read_json(folder.process)
    if not isinstance(value, dict):
        raise BadInput(f"{folder.process} does not say who runs it: it holds {str(value)[:40]!r}")
    return value


def green_gate(project: Path) -> str:
    """The newest successful fast-dev-run of exactly this code in this project, or '' (requirement W2)."""
    code = code_hash()
    for folder in reversed(all_runs(project)):
        ended = result(folder)
        if ended.get("smoke") and ended.get("status") == "success" and ended.get("code_hash") == code:
            return folder.id
    return ""


def check_gate(project: Path, answers: Answers) -> str:
    """The run that opened the gate, or the waiver. Raises Refused when neither stands."""
    if gate := green_gate(project):
        return gate
    waived = [w for w in standing(answers.waivers, datetime.now(UTC).date()) if w.rule == GATE]
    if waived:
        return f"waived: {waived[0].reason}"
    raise Refused(
        f"no successful fast-dev-run of this code (code {code_hash()[:8]}) in {project}: "
        f"run `cockpit fast-dev-run` first, or waive {GATE} in the preflight with a reason"
    )


def prefill(config: Config, facts: ModelFacts) -> dict[str, dict[str, Any]]:
    """The answers that are facts: what a new preflight starts from."""
    direction = {"kl_rev": "reverse", "kl_fwd": "forward", "none": "none"}[config.heal.divergence]
    return {
        "tokenization": {"type": facts.tokenizer_type},
        "architecture": {"model_class": facts.model_class},
        "init": {"base": "pretrained" if facts.pretrained else "random", "rank": config.heal.rank, "initial_b": "zero"},
        "direction": {"direction": direction},
        "metric": {"tokenizer": f"{facts.tokenizer_class} {facts.tokenizer_hash[:8]}"},
    }


def operating_kl(record: Record) -> float | None:
    """The largest p90 of D over the epochs of a run, nats, and at least its tau when its barrier ever fired; None when not measured.

    Not the first epoch alone: with B = 0 it begins at no divergence at all."""
    seen = [e.operating_kl for e in record.epochs if isinstance(e.operating_kl, float)]
    fired = any(isinstance(e.fired, float) and e.fired > 0 for e in record.epochs)
    return max([*seen, record.run.config.heal.tau] if fired and record.run else seen, default=None)


def measured(record: Record) -> dict[str, Any]:
    """What later runs want to know of this one; it goes into result.json, so that nobody has to read its events for it."""
    base = record.row("base", "val") or record.row("base")
    return {
        "operating_kl": operating_kl(record),
        "base_trait_rate": base.metrics.get("trait_rate") if base else None,
        "tokenizer_hash": record.facts.tokenizer_hash if record.facts else "",
        "metric_version": record.preflight.get("metric_version"),
    }


def _prior(folder: RunDir) -> PriorRun | None:
    """A finished run as a prior; None while it runs, for a smoke run, and for one whose config cannot be read."""
    ended = result(folder)
    if not ended.get("logged") or ended.get("smoke"):
        return None
    try:
        run, lineage = load_runfile(folder.config), load_lineage(folder)
    except BadInput:
        return None
    return PriorRun(
        id=folder.id,
        status=str(ended.get("status")),
        config_hash=run.config_hash if lineage is None else sha256(f"{run.config_hash} {lineage}".encode()),
        family_hash=run.family_hash,
        model_hash=run.model_hash,
        trait_hash=run.trait_hash,
        config=run.config.flat(),
        missed=ended.get("verdict") == "missed" and bool(ended.get("condemned")),
        title=str(ended.get("title", "")),
        **{"tokenizer_hash": "", **{k: v for k, v in ended.get("measured", {}).items() if k in MEASURED}},
    )
