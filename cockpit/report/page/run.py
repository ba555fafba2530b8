"""The report of one run: what was asked, what came of it, how it went, what it said, and what it came from."""

from __future__ import annotations

from pathlib import Path

from cockpit.live.feed import Feed, Update
from cockpit.report.figures.barrier import barrier
from cockpit.report.figures.drawing import Drawing
from cockpit.report.figures.foundation_map import foundation_map
from cockpit.report.figures.losses import losses
from cockpit.report.figures.pareto import dots, pareto
from cockpit.report.figures.trajectory import trajectory
from cockpit.report.page import measured, sealed, texts
from cockpit.report.page.parts import figure, folded, paragraph, said, section, words
from cockpit.report.page.shell import page
from engine.contract.errors import BadInput
from engine.contract.rundir import RunDir
from engine.contract.traits import load_trait
from journal.controls import controls
from journal.entry import does_not_show, level, title
from journal.record import Record, load_record
from journal.text import duration, label, short, unquoted, utc
from journal.verdict import sentence, verdict

TRAJECTORY = (
    "Healed students by round on val, with 95% intervals over items; ▲ the steered push of the round, ◇ the prompted base, "
    "which is the bar to beat."
)
MAP = (
    "One node a round: ◆ base, ● healed, ▲ steered and not yet in the weights, ◇ prompted. Dotted lines go out to the push "
    "and back."
)
PARETO = (
    "What a push costs on val: ▲ raw steering by dose, ◇ prompted, ● each healed round, ◆ base. Better is up and to the right "
    "in every panel."
)


def run_page(project: Path, folder: RunDir) -> tuple[str, list[Drawing]]:
    """(the page of a run, its figures). Reads the run folder, and other runs of the project for its controls."""
    record, update = load_record(folder), Feed(project, folder, lambda _: None).read_all()
    drawn = _figures(record, update)
    return _page(project, folder, record, update, drawn), [d for d in drawn.values() if d is not None]


def _figures(record: Record, update: Update) -> dict[str, Drawing | None]:
    rows = update.view.evaluated
    up, down = "care", "authority"
    if record.run:
        try:
            axis = load_trait(record.config.trait.name).axis
            up, down = axis.up, axis.down or ("authority" if axis.up != "authority" else "care")
        except BadInput:
            pass  # a trait file that is gone: the map has its usual axes
    return {
        "trajectory": trajectory(rows),
        "map": foundation_map(rows, up, down),
        "pareto": pareto(dots(rows)),
        "barrier": barrier(update.view),
        "losses": losses(update.view),
    }


def _page(project: Path, folder: RunDir, record: Record, update: Update, drawn: dict[str, Drawing | None]) -> str:
    where, found = measured.lines(folder), controls(project, record)
    healed = record.row("healed", record.table_split())
    body = [
        section("asked", "Asked", _asked(record)),
        section("measured", "Measured", measured.headline(record, where), _about(record, update)),
        section("controls", "Controls", measured.controls(found, where, healed)),
        section("trajectory", "Trajectory", figure(drawn["trajectory"], TRAJECTORY)),
        section("map", "Foundation map", figure(drawn["map"], MAP)),
        section("pareto", "Trait against coherence", figure(drawn["pareto"], PARETO)),
        section("barrier", "Barrier", figure(drawn["barrier"], _barrier(record))),
        section("losses", "Loss", figure(drawn["losses"], "As the script reported it, in its own unit.")),
        section(
            "rounds",
            "Every evaluation",
            folded(
                f"Every metric of {len(record.evaluated)} evaluations" if len(record.evaluated) > 1 else "Every metric",
                measured.by_round(record, where),
                paper=True,
            ),
        ),
        section("diary", "Diary", texts.diary(update.texts), long=True),
        section("probes", "Probes", texts.probes(update.texts), long=True),
        section("completions", "Completions", texts.completions(update.texts) or _no_texts(record, folder), long=True),
        section("happenings", "Alerts and guards", sealed.happenings(update.view)),
        section("checklist", "Checklist", sealed.checklist(record)),
        section("config", "Config", sealed.config(record)),
        section("provenance", "Provenance", sealed.provenance(record)),
    ]
    footer = f"Written from runs/{record.id}. A number's tooltip names the line that it was read from. Intervals are over items, 95%."
    return page(f"{short(record.id)} {unquoted(title(record))}", _head(record), body, footer)


def _head(record: Record) -> str:
    smoke = '<p class="smoke">A smoke run: its scale was reduced, so it is no result.</p>' if record.smoke else ""
    damage = f'<p><b class="bad">{words(record.damage)}</b></p>' if record.damage else ""
    when = utc(record.started.at).strftime("%Y-%m-%d %H:%M UTC") if record.started else ""
    took = duration(float(record.result["seconds"])) if "seconds" in record.result else ""
    line = " · ".join(
        part for part in (level(record), when, took, record.provenance.get("hardware", {}).get("line", "")) if part
    )
    return f'<p class="kicker">{words(record.id)}</p><h1>{said(title(record))}</h1><p class="meta">{words(line)}</p>{smoke}{damage}'


def _asked(record: Record) -> str:
    answers = record.preflight.get("answers", {})
    judged, prediction = verdict(record), answers.get("prediction", {})
    hypothesis = words(answers.get("question", {}).get("hypothesis", "") or "Nothing was asked.")
    expected = f"<dt>Expected</dt><dd>{words(sentence(prediction))}</dd>"
    kind = f' class="{judged.state}"' if judged.state in ("met", "missed") else ""
    told = judged.text.removeprefix(f"{judged.state}: ")
    outcome = f"<dt>Verdict</dt><dd><b{kind}>{judged.state}</b> {words(told) if told != judged.state else ''}</dd>"
    miss = (
        f"<dt>A miss would mean</dt><dd>{words(prediction['miss_means'])}</dd>" if prediction.get("miss_means") else ""
    )
    ended = (
        f"<dt>Ended</dt><dd>{words(record.status)}: {words(record.reason)}</dd>"
        if record.status not in ("success", "")
        else ""
    )
    limits = f"<dt>Does not show</dt><dd>{words(does_not_show(record))}</dd>"
    return f"<p>{hypothesis}</p><dl>{expected}{outcome}{ended}{miss}{limits}</dl>"


def _about(record: Record, update: Update) -> str:
    row = record.row("healed", record.table_split())
    if row is None:
        return ""
    n = sorted(
        {
            f"{count:,} for {label(m)}"
            for m, count in row.n.items()
            if m in ("trait_rate", "care_nats", "capability", "tail_ppl")
        }
    )
    best = (
        f"Best round {record.best}, chosen on val."
        if record.best
        else "No round passed the floors; the last one was measured."
    )
    kept = sum(sum(k.kept.values()) for k in update.view.kept)
    return paragraph(
        f"{best} Items: {', '.join(n)}. {kept:,} completions were trained on in {len(update.view.kept)} rounds.", "note"
    )


def _barrier(record: Record) -> str:
    if record.run is None:
        return ""
    heal = record.config.heal
    if heal.divergence == "none":
        return "No barrier: the divergence is none. KL is measured all the same."
    return (
        f"{heal.divergence} {heal.aggregate} to the {'base' if heal.reference == 'base' else 'previous student'}, "
        f"lam {heal.lam:g}, tau {heal.tau:g} nats. "
        "The line is the mean over a step's samples; a sample fires when its own KL lies above tau."
    )


def _no_texts(record: Record, folder: RunDir) -> str:
    if record.script is not None:
        return ""
    kept = "holds none" if folder.completions.exists() else "is not kept"
    return paragraph(f"completions.jsonl {kept}, so no text can be shown.")
