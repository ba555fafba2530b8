"""What an entry says in numbers: one hidden JSON line in its block, so that lists, filters and claims need no run folder to read it.

    <!-- data {"run":"20260604T101347-nano-care-k3f9","status":"success","seed":42, ...} -->

The journal so stays whole where run folders were pruned, or came from another machine. The block's hash covers it.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from journal import script
from journal.record import Record
from journal.text import MAIN, plain
from journal.verdict import verdict

_LINE = re.compile(r"^<!-- data (\{.*\}) -->\r?$", re.MULTILINE)


def card(record: Record) -> dict[str, Any]:
    """One attempt as a flat table: identity, ending, prediction with its verdict, and each subject's last row as
    `subject.metric` on the entry's split: every metric of the healed student, those of the table for the others.

    What was not measured is absent."""
    run, answers = record.run, record.preflight.get("answers", {})
    prediction, judged = answers.get("prediction", {}), verdict(record)
    found: dict[str, Any] = {
        "run": record.id,
        "attempt": record.attempt,
        "status": record.status or "running",
        "reason": plain(record.reason, 400),
        "smoke": record.smoke,
        "touched": record.touched,
        "dirty": bool(record.provenance.get("dirty", True)),
        "seed": run.config.run.seed if run else record.started.seed if record.started else None,
        "preset": record.preset,
        "trait": run.config.trait.name if run else None,
        "model": run.config.model.id if run else None,
        "method": run.config.steer.method if run else None,
        "config_hash": run.config_hash if run else None,
        "family_hash": run.family_hash if run else None,
        "seal": record.preflight.get("seal"),
        "sealed_at": record.preflight.get("sealed_at"),
        "code_hash": record.provenance.get("code_hash"),
        "hypothesis": plain(str(answers.get("question", {}).get("hypothesis", "")), 600),
        "comparator": answers.get("prior", {}).get("comparator"),
        "verdict": judged.state,
        "metric": prediction.get("metric"),
        "value": judged.value,
        "confidence": prediction.get("confidence"),
        "axes": run.axes if run else None,
        "rounds": max((e.round for e in record.evaluated), default=0),
        "best": record.best or None,
        "seconds": record.result.get("seconds"),
        "started_at": record.started.at if record.started else None,
    }
    if record.script is not None:
        found |= script.card(record.script)
    split = record.table_split()
    for subject in ("base", "prompted", "steered", "healed", "model"):
        row = record.row(subject, split) or record.row(subject)
        if row is not None:
            shown = row.metrics if subject in ("healed", "model") and not record.smoke else [*MAIN, "diversity"]
            found |= {f"{subject}.{m}": round(row.metrics[m], 6) for m in shown if m in row.metrics}
    return {name: value for name, value in found.items() if value is not None and value != ""}


def embed(values: dict[str, Any]) -> str:
    """The hidden line of a block, with newline; nothing in it can end the comment."""
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return f"<!-- data {text.replace('>', chr(92) + 'u003e')} -->\n"


def without(body: str) -> str:
    """A block's text as a person reads it, without its hidden line."""
    return _LINE.sub("", body).rstrip("\r\n") + "\n"


def extract(body: str) -> dict[str, Any]:
    """What the hidden line of a block holds; {} when there is none that can be read."""
    at = len(body)
    while (at := body.rfind("<!-- data {", 0, at)) >= 0:
        if (at == 0 or body[at - 1] == "\n") and (match := _LINE.match(body, at)):
            try:
                return msgspec.json.decode(match[1], type=dict[str, Any])
            except (ValueError, RecursionError):
                continue
    return {}
