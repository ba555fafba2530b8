"""The text of one run's entry: its heading and its body, or the single ledger line of a smoke run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.contract.config import CONTROLS, EMBEDDED
from engine.contract.events import Evaluated
from journal import equivalence, script, script_entry
from journal.fields import sixteen
from journal.record import Record
from journal.text import LABELS, MAIN, MISSING, cell, duration, interval, label, number, quoted, short, stopped, utc
from journal.verdict import sentence, verdict

SUBJECTS = ("base", "prompted", "steered", "healed")


def title(record: Record) -> str:
    """One line on how the run came out, for the heading and for lists; safe to print and to put into Markdown."""
    if not record.status:
        hypothesis = record.preflight.get("answers", {}).get("question", {}).get("hypothesis", "")
        return quoted(f"running: {hypothesis}" if hypothesis else "running", 100)
    if record.status != "success" and not record.row("healed") and not record.row("model"):
        return quoted(f"{record.status}: {record.reason or 'no reason was recorded'}", 120)
    parts = [] if record.status == "success" else [record.status]
    if record.script is not None:
        parts = [script_entry.outcome(record)]
    healed = record.row("healed", record.table_split()) or record.row("healed")
    base = record.row("base", healed.split) if healed else None
    if healed and "trait_rate" in healed.metrics:
        was = f" (base {number('trait_rate', base.metrics.get('trait_rate'))})" if base else ""
        parts.append(
            f"{record.run.config.trait.name if record.run else 'trait'} {number('trait_rate', healed.metrics['trait_rate'])}{was}"
        )
    if healed:
        shown = ("benign_rate", "tail_ppl", "capability")
        parts += [f"{label(m)} {number(m, healed.metrics[m])}" for m in shown if m in healed.metrics]
    judged = verdict(record)
    if judged.state in ("met", "missed") and not record.smoke:
        parts.append(f"prediction {judged.state}")
    elif record.reason and record.status == "success" and not record.smoke:
        parts.append(record.reason)
    return quoted(", ".join(parts) or "success", 140)


def level(record: Record) -> str:
    """What the run can carry: a single run is exploratory, and says what it is."""
    seed = record.run.config.run.seed if record.run else record.started.seed if record.started else "unknown"
    if record.script is not None:
        seed = script.seed(record.script)
    words = ["smoke" if record.smoke else "exploratory", f"seed {seed}", record.preset]
    return ", ".join(words + (["touched"] if record.touched else []))


def heading(record: Record, letter: str, date: str) -> str:
    """'## 2026-06-12 (c) · outcome · [level]' without a newline."""
    return f"## {date} ({letter}) · {title(record)} · [{quoted(level(record), 80)}]"


def ledger(record: Record, letter: str, date: str) -> str:
    """The one line that a smoke run leaves."""
    seconds = record.result.get("seconds")
    time = f" · {duration(float(seconds))}" if seconds is not None else ""
    status = record.status or "running"
    rest = title(record) if record.status else ""
    middle = f" · {rest}" if rest and not rest.startswith(status) else f"{rest.removeprefix(status)}" if rest else ""
    return f"- {date} ({letter}) · smoke {quoted(record.preset, 40)} · {status}{middle}{time} · {short(record.id)}"


def body(record: Record) -> str:
    """The block under the heading, ENTRY.md form. Ends with a newline."""
    answers = record.preflight.get("answers", {})
    lines = [f"**Asked.** {quoted(answers.get('question', {}).get('hypothesis', '') or 'nothing was asked', 600)}"]
    comparator = answers.get("prior", {}).get("comparator", "none")
    if comparator not in ("none", ""):
        lines[0] += f"   against {quoted(comparator, 60)}"
    math = answers.get("math", {})
    lines.append(
        f"**Math.** {stopped(quoted(math.get('optimised', '') or MISSING, 600))} "
        f"Unnecessary: {quoted(math.get('unnecessary', '') or MISSING, 300)}"
    )
    prediction = answers.get("prediction", {})
    sealed = "never sealed"
    if record.preflight:
        at = utc(str(record.preflight.get("sealed_at", ""))).strftime("%Y-%m-%d %H:%M UTC")
        sealed = f"sealed {at}" if record.sealed else "not what was sealed for this run"
    miss = quoted(str(prediction.get("miss_means", "")), 300)
    lines.append(f"**Expected** ({sealed}). {sentence(prediction)}.{f' A miss would mean: {miss}' if miss else ''}")
    if record.status:
        lines.append(f"**Verdict.** {verdict(record).text}.")
        if record.status != "success":
            lines.append(f"**Ended.** {record.status}: {quoted(record.reason or 'no reason was recorded', 400)}")
    else:
        lines.append("**Verdict.** pending: the run is not finished.")
    for guard in record.guards:
        lines.append(
            quoted(f"Guard {guard.guard}: {guard.value} against {guard.limit} ({guard.regime}): {guard.action}", 300)
        )
    blocks = ["\n".join(lines), *_tables(record), *_control(record), *_reads_like(record)]
    if record.status:
        blocks.append(f"**Does not show.** {does_not_show(record)}")
    blocks.append(_folded(record))
    return "\n\n".join(blocks) + "\n"


def _tables(record: Record) -> list[str]:
    if record.script is not None:
        return script_entry.table(record)
    split = record.table_split()
    rows = [(s, record.row(s, split) or record.row(s)) for s in SUBJECTS]
    present = [(s, r) for s, r in rows if r is not None]
    if not present:
        return []
    metrics = [m for m in (*LABELS,) if any(m in r.metrics for _, r in present) and m in (*MAIN, "diversity")]
    head = f"| {split} | " + " | ".join(label(m) for m in metrics) + " |\n|---|" + "---:|" * len(metrics)
    table = [head]
    for subject, row in present:
        cells = [f"{number(m, row.metrics.get(m))} {interval(m, row.ci.get(m))}".strip() for m in metrics]
        table.append(f"| {_name(subject, row, split)} | " + " | ".join(cells) + " |")
    healed = record.row("healed", split)
    if healed and healed.change:
        cells = [
            f"{number(m, healed.change.get(m), sign=True)} {interval(m, healed.change_ci.get(m), sign=True)}".strip()
            for m in metrics
        ]
        table.append("| healed − base, paired | " + " | ".join(cells) + " |")
    return ["\n".join(table)]


def _name(subject: str, row: Evaluated, split: str) -> str:
    notes = [f"round {row.round}"] if subject in ("steered", "healed") and row.round else []
    notes += [f"dose {row.dose:.2g}"] if subject == "steered" else []
    notes += [row.split] if row.split != split else []
    return subject + (f" ({', '.join(notes)})" if notes else "")


def _control(record: Record) -> list[str]:
    said = equivalence.sentence(record)
    return [f"**Control.** {said}."] if said else []


def _reads_like(record: Record) -> list[str]:
    if not record.sample:
        return []
    sample = record.sample
    who = (
        f"{sample.get('subject', 'kept')}, round {sample['round']}"
        if "round" in sample
        else str(sample.get("subject", "kept"))
    )
    asked = quoted(str(sample.get("prompt", "")), 120)
    return [f'**Reads like** ({quoted(who, 40)}; asked: {asked}) "{quoted(str(sample.get("text", "")), 240)}"']


def does_not_show(record: Record) -> str:
    """What one run cannot say, in a sentence; an exported adapter's card says the same."""
    missing = ["other seeds (one run is exploratory)"]
    if record.run and record.run.config.steer.method not in CONTROLS:
        missing.append("that a random vector of equal norm does not do the same")
    if record.script is not None:
        missing.append("anything that was not reported by the script itself")
    elif not record.row("prompted", record.table_split()):
        missing.append("that it does better than a prompt")
    if record.run and (record.run.config.model.id in EMBEDDED or record.run.config.model.id.startswith("random:")):
        missing.append("anything about larger models")
    if record.smoke:
        missing.append("any result at all: it is a smoke run")
    return "; ".join(missing) + "."


def _folded(record: Record) -> str:
    rows = [f"| {name} | {cell(value, 500)} |" for name, value in sixteen(record).items()]
    text = [
        "<details><summary>sixteen fields, provenance, waivers</summary>",
        "",
        "| field | value |",
        "|---|---|",
        *rows,
        "",
    ]
    origin = record.provenance
    commit = str(origin.get("commit", "unknown"))
    dirty = ", dirty" if origin.get("dirty") else ""
    identities = record.run
    text.append(f"- sources {quoted(commit[:12])}{dirty}, code {quoted(str(origin.get('code_hash', 'unknown'))[:12])}")
    if identities:
        text.append(
            f"- config {identities.config_hash[:12]}, family {identities.family_hash[:12]}, "
            f"preflight {str(record.preflight.get('seal', 'none'))[:12]}, axes {', '.join(identities.axes) or 'seed'}"
        )
        changes = ", ".join(f"{k} = {v!r}" for k, v in identities.changes.items())
        text.append(f"- changed from {quoted(record.preset)}: {quoted(changes, 600) or 'nothing'}")
    if record.script is not None:
        text.append(script_entry.identity(record))
    for hit in record.preflight.get("evidence", {}).get("known_bugs", []):
        text.append(f"- {hit.get('rule')} {hit.get('state')}: {quoted(str(hit.get('cause', '')), 200)}")
    for waiver in record.preflight.get("answers", {}).get("waivers", []):
        until = f", until {waiver['expires']}" if waiver.get("expires") else ""
        text.append(f"- waived {quoted(str(waiver.get('rule')), 20)}{until}: {quoted(str(waiver.get('reason')), 300)}")
    text += [_amended(line) for line in record.amendments if "key" in line]
    text += [f"- files in runs/{record.id}/", "", "</details>"]
    return "\n".join(text)


def _amended(line: Mapping[str, Any]) -> str:
    old, new = (quoted(str(line.get(side)), 80) for side in ("old", "new"))
    when, why = str(line.get("at", ""))[:10], quoted(str(line.get("reason", "")), 200)
    return f"- amended {when} {quoted(str(line['key']), 40)}: {old} → {new} ({why})"
