"""The run of a foreign script as its entry tells it: what the script reported, and in plain words what it did not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from engine.contract.events import Evaluated
from journal.record import Record
from journal.script import NOT_REPORTED, Script, content, fact, seed, sparkline, value
from journal.text import cell, duration, label, plain


def outcome(record: Record) -> str:
    """How it came out, in a few numbers of the last evaluation."""
    parts = [] if record.status == "success" else [record.status]
    row = record.row("model", record.table_split())
    if row:
        parts += [f"{label(m)} {value(row.metrics[m])} on {row.split}" for m in list(row.metrics)[:3]]
    elif record.script and record.script.losses:
        parts.append(f"loss {value(record.script.losses[-1])} after {record.script.last_step} steps")
    return ", ".join(parts) or record.status


def fields(record: Record) -> dict[str, str]:
    """The sixteen fields of a script's run."""
    script = record.script
    assert script is not None
    facts, file = script.facts, script.file
    answers = record.preflight.get("answers", {})
    metric = answers.get("metric", {})
    classes = fact(facts, "class", "model_class") or str(answers.get("architecture", {}).get("model_class") or "")
    return {
        "Model name": fact(facts, "name", "model_name", "model") or NOT_REPORTED,
        "Architecture": classes or NOT_REPORTED,
        "Dimensions": fact(facts, "dimensions") or _named(facts, ("layers", "hidden", "heads", "vocabulary")),
        "Key config": fact(facts, "config")
        or f"{content(file)}, {file.arguments} arguments, hash {file.argv_hash[:12]}",
        "Params EXACT": _exact(facts.get("parameters")),
        "Data + count": ", ".join(filter(None, (fact(facts, "data"), fact(facts, "count", "items")))) or NOT_REPORTED,
        "Steps/Epochs": _steps(script),
        "Batch/Seq": _named(facts, ("batch", "batch_size", "sequence", "sequence_length")),
        "Seed": str(seed(script)),
        "Metric": f"{metric.get('name') or NOT_REPORTED} on {metric.get('split') or NOT_REPORTED} "
        f"({metric.get('unit') or NOT_REPORTED}), the script's own",
        "Best": _best(record, answers.get("prediction", {})),
        "Time": duration(float(record.result.get("seconds") or (record.last.elapsed if record.last else 0.0))),
        "Hardware": str(record.provenance.get("hardware", {}).get("line") or "not measured"),
        "Status": record.status or "running",
        "Cost actual": fact(facts, "cost") or f"{script.tokens or 'no'} tokens reported; energy not measured",
        "Notes": _notes(record),
    }


def table(record: Record) -> list[str]:
    """The evaluations the script reported and its loss, as blocks of Markdown."""
    found = []
    rows = [(s, row) for s in ("base", "model") if (row := record.row(s, record.table_split()) or record.row(s))]
    if rows:
        metrics = list(dict.fromkeys(name for _, row in rows for name in row.metrics))[:8]
        head = " | ".join(cell(label(m), 40) for m in metrics)
        lines = [f"| {rows[-1][1].split} | {head} |", "|---|" + "---:|" * len(metrics)]
        lines += [f"| {s} | " + " | ".join(_cell(row, m) for m in metrics) + " |" for s, row in rows]
        found.append("\n".join(lines))
    if record.script and len(record.script.losses) > 1:
        losses = record.script.losses
        found.append(f"loss {value(losses[0])} {sparkline(losses)} {value(losses[-1])}, {len(losses)} steps reported")
    return found


def identity(record: Record) -> str:
    """The line of an entry's fold that names the script."""
    assert record.script is not None
    file = record.script.file
    where = plain(str(record.provenance.get("script") or file.script), 120)
    return (
        f"- script {cell(content(file, where), 160)}, config {file.config_hash[:12]}, "
        f"family {file.family_hash[:12]}, preflight {str(record.preflight.get('seal', 'none'))[:12]}"
    )


def _cell(row: Evaluated, metric: str) -> str:
    return f"{value(row.metrics.get(metric))} {_span(row, metric)}".strip()


def _span(row: Evaluated, metric: str) -> str:
    low_high = row.ci.get(metric)
    return f"[{value(low_high[0])}, {value(low_high[1])}]" if low_high else ""


def _steps(script: Script) -> str:
    if not script.steps:
        return f"0 steps, epochs {NOT_REPORTED}"
    epochs = f"{script.epochs:g} epochs" if script.epochs is not None else f"epochs {NOT_REPORTED}"
    return f"{script.last_step} steps ({script.steps} reported), {epochs}"


def _best(record: Record, prediction: Mapping[str, Any]) -> str:
    metric = str(prediction.get("metric") or "")
    rows = [e for e in record.evaluated if e.subject == "model" and metric in e.metrics]
    if not rows:
        return f"{metric or 'the metric'} {NOT_REPORTED}"
    split = str(prediction.get("split") or rows[-1].split)
    ours = [e for e in rows if e.split == split] or rows
    pick = min if prediction.get("op") in ("<", "<=") else max
    best = pick(ours, key=lambda e: e.metrics[metric])
    return f"{label(metric)} {value(best.metrics[metric])} on {best.split}, best of {len(ours)} evaluations"


def _notes(record: Record) -> str:
    notes = ["a script: its numbers are its own report, nothing was measured here"]
    notes += [record.reason] if record.reason else []
    notes += ["dirty: the script differs from its commit, or has none"] if record.provenance.get("dirty") else []
    notes += [record.damage] if record.damage else []
    return "; ".join(notes)


def _exact(count: object) -> str:
    return str(count) if isinstance(count, int) and count > 0 else NOT_REPORTED


def _named(facts: Mapping[str, Any], names: Iterable[str]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {facts[name]}" for name in names if name in facts) or NOT_REPORTED
