"""The trials of a sweep as a table of its entry."""

from __future__ import annotations

from journal.campaign import Campaign
from journal.sweep import named
from journal.text import MISSING, cell, label, number, quoted, stopped


def trials_table(campaign: Campaign) -> list[str]:
    """Every trial in the order drawn, in Markdown; [] of a campaign that is no sweep."""
    sweep = campaign.sweep
    if sweep is None:
        return []
    rows = [f"| trial | settings | {label(sweep.metric)} on val | |", "|---:|---|---:|---|"]
    best = sweep.best
    for t in sweep.trials:
        note = "best" if best is not None and t.number == best.number else t.said
        shown = number(sweep.metric, t.value) if t.value is not None else MISSING
        rows.append(f"| {t.number} | {cell(named(t.values), 120)} | {shown} | {cell(note, 160)} |")
    waived = f" Begun without its baseline or ablation: {quoted(sweep.waived, 300)}" if sweep.waived else ""
    ended = stopped(quoted(sweep.ended or "It has not ended", 300))
    told = f"**Searched.** {quoted(sweep.asked(), 400)}. {ended}{waived}"
    return [told, "\n".join(rows)]
