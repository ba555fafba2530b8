"""The report of a campaign: one question, every arm over its seeds beside its controls, every member."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cockpit.campaigns.members import state
from cockpit.report.figures.drawing import Drawing
from cockpit.report.figures.members import curves, members
from cockpit.report.figures.pareto import Dot, pareto
from cockpit.report.page.parts import Cell, figure, figure_cell, pairs, paragraph, said, section, table, words
from cockpit.report.page.sealed import answered
from cockpit.report.page.shell import page
from engine.contract.errors import BadInput
from engine.contract.rundir import RunDir, runs_folder
from journal.campaign import SPLIT, Campaign, Measured, measure, over_seeds
from journal.campaign_controls import SeedControl, controls
from journal.campaign_entry import columns, differences, does_not_show, plus_minus, table_rows, title, verdict
from journal.claims.statistics import Spread
from journal.record import load_record
from journal.sweep import named
from journal.text import MISSING, label, number, short, utc
from journal.verdict import sentence


def campaign_page(project: Path, campaign: Campaign) -> tuple[str, list[Drawing]]:
    """(the page of a campaign, its figures). Reads the run folders of its members."""
    found = measure(project, campaign)
    drawn = {
        "members": members(campaign, found),
        "curves": curves(campaign, found, _bases(project, campaign)),
        "pareto": pareto(_dots(campaign, found), SPLIT),
    }
    known = controls(project, campaign)
    dots = f"On {SPLIT}: a dot a seed, the bar its mean with a 95% t interval over seeds; ◆ base, ◇ prompted."
    thin = f"{label(campaign.metric)} on val, thin a member, thick the mean of its arm."
    means = f"Means over seeds on {SPLIT}. Better is up and to the right in every panel."
    apart = "".join(f"<p>{said(line)}</p>" for line in differences(campaign, found))
    sealed = paragraph(
        f"Sealed {utc(str(campaign.record['sealed_at'])):%Y-%m-%d %H:%M UTC}, one seal over every member.", "note"
    )
    body = [
        section("asked", "Asked", _asked(campaign, found)),
        section("measured", "Measured", _arms(campaign, found, known), apart),
        section("trials", "Trials", _trials(campaign)),
        section("members", "Every member", figure(drawn["members"], dots), _members(project, campaign, found)),
        section("rounds", "By round", figure(drawn["curves"], thin)),
        section("pareto", "Trait against coherence", figure(drawn["pareto"], means)),
        section("checklist", "Checklist", sealed, pairs(answered(campaign.answers))),
        section("provenance", "Provenance", _provenance(campaign)),
    ]
    arms = f"{len(campaign.arms)} arm{'s' if len(campaign.arms) != 1 else ''}"
    line = f"{campaign.kind} · {arms} by {len(campaign.seeds)} seeds · {campaign.preset}"
    line += f" · made {utc(campaign.made_at):%Y-%m-%d %H:%M UTC}"
    head = f'<p class="kicker">{words(campaign.id)}</p><h1>{words(title(campaign, found), 300)}</h1><p class="meta">{words(line)}</p>'
    footer = "Means and deviations are over seeds (n − 1). A campaign is no claim: what its members carry is for cockpit claim to say."
    text = page(f"{short(campaign.id)} {title(campaign, found)}", head, body, footer)
    return text, [d for d in drawn.values() if d is not None]


def _asked(campaign: Campaign, found: Sequence[Measured]) -> str:
    prediction = campaign.answers["prediction"]
    rows = [("Expected", words(sentence(prediction))), ("Verdict", words(verdict(found)))]
    if prediction.get("miss_means"):
        rows.append(("A miss would mean", words(prediction["miss_means"])))
    rows.append(("Does not show", words("; ".join(does_not_show(campaign, found)) + ".")))
    told = "".join(f"<dt>{name}</dt><dd>{html}</dd>" for name, html in rows)
    return f"<p>{words(campaign.hypothesis)}</p><dl>{told}</dl>"


def _arms(campaign: Campaign, found: Sequence[Measured], known: Sequence[SeedControl]) -> str:
    """Base, prompted and steered, the other controls whether run or not, then the arms: mean ± deviation over seeds."""
    shown = columns(campaign, found)
    if not shown:
        return paragraph("No member has ended with a number yet.")
    rows = [
        ("strong" if arm else "", name, [over_seeds(found, m, arm, subject) for m in shown])
        for name, arm, subject in table_rows(campaign, found)
    ]
    made = [(kind, _row(words(name, 80), shown, spreads)) for kind, name, spreads in rows if kind != "strong"]
    for control in known:
        note = f'<span class="ci">{words(control.said)}</span>' if control.said else ""
        cells = _row(words(control.name, 140) + note, shown, [control.spreads.get(m) for m in shown])
        made.append(("" if control.spreads else "dim", cells))
    made += [(kind, _row(words(name, 80), shown, spreads)) for kind, name, spreads in rows if kind == "strong"]
    return table([f"on {SPLIT}", "seeds", *map(label, shown)], made)


def _row(name: str, shown: Sequence[str], spreads: Sequence[Spread | None]) -> list[Cell]:
    n = max((s.n for s in spreads if s is not None), default=0)
    cells = [Cell(name), Cell(str(n) if n else MISSING, "n dim")]
    for metric, s in zip(shown, spreads, strict=True):
        if s is None:
            cells.append(Cell(MISSING, "n dim"))
            continue
        text = plus_minus(metric, s).replace(" ± ", '<span class="ci">± ') + ("</span>" if s.sd is not None else "")
        told = f"mean {s.mean:.6g}" + (f", deviation {s.sd:.6g}" if s.sd is not None else "") + f", {s.n} seeds"
        cells.append(Cell(text, "n", told, (("metric", metric), ("value", repr(s.mean)))))
    return cells


def _members(project: Path, campaign: Campaign, found: Sequence[Measured]) -> str:
    shown = columns(campaign, found)
    made = []
    for m in found:
        note = "; ".join(part for part in (m.remark, "reused" if m.member.reused else "") if part)
        told = f'<span class="ci">{words(note, 200)}</span>' if note else ""
        name = f'<span class="mono" title="{words(m.member.run)}">{words(short(m.member.run)) if m.member.run else MISSING}</span>'
        cells = [
            Cell(words(m.member.arm, 60) + told, "arm"),
            Cell(str(m.member.seed), "n"),
            Cell(name, "n"),
            Cell(words(state(project, m.member) or "not queued"), "n"),
            Cell(m.verdict, "n"),
        ]
        for metric in shown:
            value = m.value(metric)
            data = (("metric", metric), ("value", repr(value)), ("run", m.member.run)) if value is not None else ()
            cells.append(Cell(number(metric, value), "n" if value is not None else "n dim", data=data))
        made.append(("", cells))
    return table(["arm", "seed", "run", "state", "prediction", *map(label, shown)], made)


def _provenance(campaign: Campaign) -> str:
    rows = {
        "campaign": campaign.id,
        "seal": campaign.record["seal"],
        "code": campaign.code_hash,
        "family": campaign.record["family_hash"],
        "model": campaign.record["model_hash"],
        "trait": campaign.record["trait_hash"],
        "seeds": ", ".join(map(str, campaign.seeds)),
        "over": "; ".join(f"{k}: {', '.join(map(str, v))}" for k, v in campaign.over.items()) or "seeds alone",
        "again": campaign.command,
    }
    return pairs((name, f'<span class="mono">{words(value, 600)}</span>') for name, value in rows.items())


def _trials(campaign: Campaign) -> str:
    """Every trial of a sweep in the order drawn, with its objective on val."""
    sweep = campaign.sweep
    if sweep is None:
        return ""
    made = []
    for t in sweep.trials:
        best = sweep.best is not None and t.number == sweep.best.number
        shown = figure_cell(sweep.metric, t.value, None, f"trial {t.number}")
        settings = Cell(words(named(t.values), 200), "words")
        made.append(
            (
                "strong" if best else "",
                [Cell(str(t.number)), shown, settings, Cell(words("best" if best else t.said, 200), "words")],
            )
        )
    waived = paragraph(f"Begun without its baseline or ablation: {sweep.waived}", "note") if sweep.waived else ""
    told = paragraph(f"{sweep.asked()}. {sweep.ended or 'It has not ended'}.")
    return told + waived + table(["trial", f"{label(sweep.metric)} on val", "settings", ""], made, numbers=False)


def _bases(project: Path, campaign: Campaign) -> dict[str, float]:
    """The predicted metric of each member's base on val, by run."""
    found: dict[str, float] = {}
    for run in {m.run for m in campaign.members if m.run}:
        try:
            row = load_record(RunDir(runs_folder(project) / run)).row("base", "val")
        except BadInput:
            continue
        if row is not None and campaign.metric in row.metrics:
            found[run] = row.metrics[campaign.metric]
    return found


def _dots(campaign: Campaign, found: Sequence[Measured]) -> list[Dot]:
    made = []
    for name, arm, subject in table_rows(campaign, found):
        metrics = {m: s.mean for m in columns(campaign, found) if (s := over_seeds(found, m, arm, subject)) is not None}
        if subject == "healed":
            made.append(Dot("healed", name if len(campaign.arms) > 1 else "", f"{name}, mean over seeds", metrics))
        elif metrics:
            made.append(
                Dot(
                    "base" if subject == "base" else "prompted" if subject == "prompted" else "steered",
                    "",
                    f"{name}, mean over seeds",
                    metrics,
                )
            )
    return made
