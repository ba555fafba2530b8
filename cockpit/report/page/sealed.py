"""What was answered before the run, what happened that nobody planned, what it all came from, and how it was set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cockpit.live.view import Snapshot
from cockpit.preflight.drafts import ITEMS
from cockpit.preflight.knob_text import as_text
from cockpit.report.page.parts import Cell, folded, lines, pairs, paragraph, table, words
from engine.contract.errors import BadInput
from engine.contract.resolve import resolve
from journal.fields import sixteen
from journal.record import Record
from journal.text import utc
from journal.verdict import sentence

_PARTS = {
    "K1": "tokenization",
    "K2": "architecture",
    "K3": "init",
    "K4": "direction",
    "K5": "metric",
    "K6": "question",
    "K7": "prior",
    "K8": "known_bugs",
}


def checklist(record: Record) -> str:
    """The answers as they were sealed, item by item, with the math, the prediction, known bugs, waivers and amendments."""
    answers: Mapping[str, Any] = record.preflight.get("answers", {})
    if not answers:
        return paragraph("No checklist is in the run's folder.")
    sealed = utc(str(record.preflight.get("sealed_at", ""))).strftime("%Y-%m-%d %H:%M UTC")
    state = f"Sealed {sealed}." if record.sealed else "What is in the folder is not what was sealed for this run."
    rows = answered(answers)
    for hit in record.preflight.get("evidence", {}).get("known_bugs", []):
        rows.append((f"{hit.get('rule', '')} {hit.get('state', '')}", words(hit.get("cause", ""))))
    for waiver in answers.get("waivers", []):
        until = f" until {waiver['expires']}" if waiver.get("expires") else ""
        rows.append((f"waived {waiver.get('rule', '')}{until}", words(waiver.get("reason", ""))))
    for line in record.amendments:
        if "key" in line:
            changed = f"{words(line.get('old'), 200)} → {words(line.get('new'), 200)}: {words(line.get('reason', ''))}"
            rows.append((f"amended {str(line.get('at', ''))[:10]} {line['key']}", changed))
    return paragraph(state, "note") + pairs(rows)


def answered(answers: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every item with its answer as HTML, the math first and the prediction last."""
    rows, names = [("math", _answer(answers.get("math", {})))], dict(ITEMS)
    rows += [(f"{item} {names.get(item, part)}", _answer(answers.get(part, {}))) for item, part in _PARTS.items()]
    prediction = answers.get("prediction", {})
    miss = f"<br>a miss would mean: {words(prediction['miss_means'])}" if prediction.get("miss_means") else ""
    return [*rows, ("prediction", words(sentence(prediction)) + miss)]


def _answer(part: Mapping[str, Any]) -> str:
    found = [
        f'<span class="meta">{words(name, 60).replace("_", " ")}</span> {lines(as_words(value)).replace(chr(10), "<br>")}'
        for name, value in part.items()
        if value not in ("", None, [])
    ]
    return "<br>".join(found) or "not answered"


def as_words(value: Any) -> str:
    """An answer's value; text stays whole."""
    return value if isinstance(value, str) else as_text(value)


def happenings(view: Snapshot) -> str:
    """Alerts with whether they still stood at the end, guards that tripped, controls that a person used, notes."""
    standing = {a.signature for a in view.standing()}
    rows = []
    for a in view.alerts:
        if a.state == "raised":
            end = "stood at the end" if a.signature in standing else "cleared"
            rows.append(
                (
                    a.at,
                    f'<b class="warn">!</b> alert {words(a.signature, 80).replace("_", " ")}',
                    f"{words(a.evidence, 600)} ({end})",
                    a.round,
                )
            )
    for g in view.guards:
        rows.append(
            (
                g.at,
                f'<b class="bad">✗</b> guard {words(g.guard, 80)}',
                words(f"{g.value} against {g.limit} ({g.regime}): {g.action}", 600),
                g.round,
            )
        )
    for c in view.controls:
        change = f" {c.previous} → {c.value}" if c.value else ""
        rows.append((c.at, words(f"{c.request} by {c.by}", 120), words(change, 200), c.round))
    for n in view.notes:
        rows.append((n.at, "note", words(n.text, 800), n.round))
    for r in view.resumed:
        rows.append(
            (
                r.at,
                f"attempt {r.attempt}",
                words(f"went on from round {r.from_round}, {r.from_stage} step {r.from_step}"),
                r.round,
            )
        )
    if not rows:
        return paragraph("No alert was raised, no guard tripped, and nobody touched the run.")
    made = [
        (
            "",
            [
                Cell(utc(at).strftime("%H:%M:%S"), "dim"),
                Cell(f"r{r}" if r else "", "dim"),
                Cell(what),
                Cell(told, "words"),
            ],
        )
        for at, what, told, r in sorted(rows, key=lambda row: row[0])
    ]
    return table(["UTC", "", "what", ""], made, numbers=False)


def provenance(record: Record) -> str:
    """Hashes, versions, machine and seed, and the sixteen fields of the journal."""
    origin = record.provenance
    hashes = {
        "run": record.id,
        "attempt": str(record.attempt),
        "sources": f"{origin.get('commit', 'unknown')}{', dirty: they differ from their commit' if origin.get('dirty') else ''}",
        "code": origin.get("code_hash", "unknown"),
        "preflight seal": record.preflight.get("seal", "none"),
    }
    if record.run:
        hashes |= {
            "config": record.run.config_hash,
            "family": record.run.family_hash,
            "trait": record.run.trait_hash,
            "model": record.run.model_hash,
            "axes": ", ".join(record.run.axes) or "none",
            "seed": str(record.config.run.seed),
        }
    if record.lineage:
        hashes["forked from"] = record.lineage.words()
    versions = [f"{name} {version}" for name, version in (origin.get("versions") or {}).items()]
    if origin.get("python"):
        versions.insert(0, f"Python {origin['python']}")
    machine = origin.get("hardware") or {}
    hashes |= {
        "versions": ", ".join(versions) or "unknown",
        "machine": f"{machine.get('line', 'unknown')}; {machine.get('system', '')}".strip("; "),
    }
    files = record.result.get("files") or {}
    hashed = pairs((name, f"<code>{words(digest)}</code>") for name, digest in files.items())
    return (
        pairs((name, f'<span class="mono">{words(value)}</span>') for name, value in hashes.items())
        + folded(
            "The sixteen fields of its journal entry",
            pairs((n, words(v)) for n, v in sixteen(record).items()),
            paper=True,
        )
        + folded("sha256 of the closed run's files", hashed)
    )


def config(record: Record) -> str:
    """What differs from the preset, and every setting folded below."""
    if record.run is None:
        return paragraph("The run has no config of the loop's.")
    try:
        shipped = resolve(record.run.preset or None).flat()
    except BadInput as error:
        return paragraph(f"Its preset cannot be read: {error}")
    flat = record.config.flat()
    changed = [k for k, v in flat.items() if shipped.get(k) != v]
    rows = [
        ("", [Cell(words(k)), Cell(words(as_text(shipped.get(k)))), Cell(f"<b>{words(as_text(flat[k]))}</b>")])
        for k in changed
    ]
    name = record.run.preset or "the defaults"
    told = (
        table(["setting", f"{name} as shipped now", "this run"], rows, numbers=False)
        if rows
        else paragraph(f"As {name} is shipped.")
    )
    every = pairs((k, f"<code>{words(as_text(v))}</code>") for k, v in flat.items())
    return told + folded("Every setting", every)
