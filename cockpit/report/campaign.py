"""Tables of campaigns for a terminal: the eight cells of an ablation, the arms over their seeds, and every member."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import to_builtins
from rich.table import Table
from rich.text import Text

from cockpit.campaigns.members import held_back, state
from cockpit.runs.queue import RUNNING
from cockpit.runs.ticket import WAITING
from engine.contract.events import Evaluated
from journal.ablation import changed, model, vector
from journal.campaign import OUTCOMES, SPLIT, Campaign, Measured, against_base, measure, over_seeds
from journal.campaign_controls import SeedControl, controls
from journal.campaign_entry import columns, differences, plus_minus, table_rows, verdict
from journal.controls import missing
from journal.text import MAIN, MISSING, duration, label, number, plain, short, unquoted, utc


def ablation_table(cells: Sequence[Evaluated]) -> Table:
    """Model by vector down, the main metrics across; under each value its paired change to the unsteered base."""
    table = _table("model", "vector")
    for metric in MAIN:
        table.add_column(label(metric), justify="right")
    for cell in cells:
        row = [Text(model(cell)), Text(vector(cell.vector))]
        for metric in MAIN:
            text = Text(number(metric, cell.metrics.get(metric)))
            if cell.change:
                text.append(f"\n{changed(cell, metric)}", style="dim")
            row.append(text)
        table.add_row(*row)
    return table


def plan_line(campaign: Campaign, live: int) -> str:
    """'6 members, 2 arms by 3 seeds: 1 that was there already, 5 wait or run, 4:10 each by the estimate'."""
    if campaign.sweep is not None and not campaign.members:
        return f"{campaign.sweep.asked()}, then the best on {', '.join(map(str, campaign.seeds))}"
    total, reused = len(campaign.members), sum(m.reused for m in campaign.members)
    guess = sum((campaign.record["evidence"].get("estimate") or {}).get("seconds", {}).values())
    size = f"{len(campaign.arms)} arms by {len(campaign.seeds)} seeds" if len(campaign.arms) > 1 else "one arm"
    told = f"{total} member{'s' if total != 1 else ''}, {size}: {reused} there already, {live} wait or run"
    return told + (f", {duration(guess)} each by the estimate" if live and guess else "")


def arms_table(campaign: Campaign, found: Sequence[Measured], known: Sequence[SeedControl]) -> Table:
    """Base, prompted and steered, the other controls that were run, then the arms; mean ± standard deviation over seeds, on test."""
    metrics = columns(campaign, found)
    table = _table(SPLIT, "seeds")
    table.columns[0].no_wrap = False  # a long name goes on below; a number is never cut
    for metric in metrics:
        table.add_column(label(metric), justify="right", no_wrap=True)
    rows = [
        (name, [over_seeds(found, metric, arm, subject) for metric in metrics], bool(arm))
        for name, arm, subject in table_rows(campaign, found)
    ]
    others = [(f"{c.name}\n{c.said}".strip(), [c.spreads.get(m) for m in metrics], False) for c in known if c.spreads]
    for name, spreads, strong in [*(r for r in rows if not r[2]), *others, *(r for r in rows if r[2])]:
        n = max((s.n for s in spreads if s is not None), default=0)
        cells = [Text(plus_minus(metric, s).replace(" ± ", "\n± ")) for metric, s in zip(metrics, spreads, strict=True)]
        table.add_row(Text(name), str(n) if n else MISSING, *cells, style="" if strong else "dim")
    return table


def lacking(known: Sequence[SeedControl]) -> str:
    """One line on the controls that nobody ran, '' when all were."""
    found = missing((c.name, c.said) for c in known if not c.spreads)
    return f"controls not run: {found}" if found else ""


def title_of(campaign: Campaign, found: Sequence[Measured]) -> list[str]:
    """The intervals over seeds, and the sealed prediction member by member."""
    return [*map(unquoted, differences(campaign, found)), f"prediction: {verdict(found)}"]


def members_table(project: Path, campaign: Campaign, found: Sequence[Measured]) -> Table:
    """One ledger row a member: its state, its healed numbers, its run."""
    metrics = columns(campaign, found)[:4]
    table = _table("arm", "seed", "state")
    for metric in metrics:
        table.add_column(label(metric), justify="right")
    table.add_column("run", no_wrap=True)
    table.add_column("")
    for m in found:
        cells = [Text(number(metric, m.value(metric))) for metric in metrics]
        said = "; ".join(part for part in (m.remark, "reused" if m.member.reused else "") if part)
        now = state(project, m.member) or "not queued"
        row: tuple[Text | str, ...] = (
            m.member.arm,
            str(m.member.seed),
            now,
            *cells,
            short(m.member.run) if m.member.run else MISSING,
        )
        table.add_row(*row, Text(plain(said, 80), style="dim"))
    return table


def campaigns_table(project: Path, found: Sequence[Campaign]) -> Table:
    """One line a campaign: when, what, how far, and what it asks."""
    table = _table("campaign", "made", "kind", "done", "", "hypothesis")
    for campaign in found:
        row = listed(project, campaign)
        done = f"{row['done']}/{row['members']}"
        made = utc(campaign.made_at).astimezone()
        said = row["state"]
        table.add_row(
            short(campaign.id), f"{made:%m-%d %H:%M}", campaign.kind, done, said, Text(plain(campaign.hypothesis, 60))
        )
    return table


def listed(project: Path, campaign: Campaign) -> dict[str, Any]:
    """A campaign as JSON-ready values, without its members."""
    states = [state(project, m) for m in campaign.members]
    live = sum(s in (WAITING, RUNNING) for s in states)
    done = sum(s in OUTCOMES for s in states)
    held = held_back(project, campaign)
    over = all(s in OUTCOMES or (m.arm, m.seed) in held for s, m in zip(states, campaign.members, strict=True))
    return {
        "campaign": campaign.id,
        "kind": campaign.kind,
        "made_at": campaign.made_at,
        "hypothesis": campaign.hypothesis,
        "over": campaign.over,
        "seeds": campaign.seeds,
        "members": len(states),
        "done": done,
        "reused": sum(m.reused for m in campaign.members),
        "state": "goes on" if live else "done" if campaign.complete and over else "interrupted",
        "seal": campaign.record["seal"],
        "code_hash": campaign.code_hash,
        "command": campaign.command,
        **({"sweep": to_builtins(campaign.sweep)} if campaign.sweep else {}),
    }


def shown(project: Path, campaign: Campaign) -> dict[str, Any]:
    """A campaign with its arms over their seeds and every member, as JSON-ready values."""
    found = measure(project, campaign)
    rows = [
        {"arm": name, "subject": subject, "metrics": _spreads(campaign, found, arm, subject)}
        for name, arm, subject in table_rows(campaign, found)
    ]
    others = [
        {"control": c.name, "said": c.said, "metrics": {m: to_builtins(s) for m, s in c.spreads.items()}}
        for c in controls(project, campaign)
    ]
    members = [
        {
            "arm": m.member.arm, "seed": m.member.seed, "run": m.member.run, "state": state(project, m.member),
            "reused": m.member.reused, "config_hash": m.member.config_hash, "verdict": m.verdict, "remark": m.remark,
            "healed": m.rows.get("healed", {}),
        }
        for m in found
    ]  # fmt: skip
    metric = campaign.metric
    apart = {arm: to_builtins(c) for arm in campaign.arms if (c := against_base(found, metric, arm)) is not None}
    return listed(project, campaign) | {
        "metric": metric,
        "arms": rows,
        "controls": others,
        "healed_minus_base": apart,
        "runs": members,
    }


def _spreads(campaign: Campaign, found: Sequence[Measured], arm: str, subject: str) -> dict[str, Any]:
    spreads = {metric: over_seeds(found, metric, arm, subject) for metric in columns(campaign, found)}
    return {metric: to_builtins(s) for metric, s in spreads.items() if s is not None}


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    return table
