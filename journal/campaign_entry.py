"""A campaign's question entry in the journal: mean and deviation of every arm over its seeds, one ledger row a member.

A campaign is no claim: what its members carry is for `cockpit claim` to say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.contract.config import EMBEDDED
from journal.blocks import Text
from journal.book import Book
from journal.campaign import (
    SPLIT,
    SUBJECTS,
    Campaign,
    Measured,
    against_base,
    between,
    mean_interval,
    measure,
    over_seeds,
)
from journal.campaign_controls import SeedControl, controls
from journal.card import embed
from journal.claims.levels import NEEDS
from journal.claims.statistics import Contrast, Spread
from journal.claims.text import sparkline
from journal.controls import missing
from journal.sweep import spread_of
from journal.sweep_table import trials_table
from journal.text import LABELS, MAIN, MISSING, cell, interval, label, number, quoted, stopped, utc
from journal.verdict import sentence

COLUMNS = (*MAIN, "diversity")
_PLACE = re.compile(rb"## (\d{4}-\d\d-\d\d) \(([a-z]{1,3})\)")


def write(project: Path, campaign: Campaign) -> str:
    """Write the entry from the run folders, or write it again; what a person must know, '' when nothing.

    One that was edited by hand is left alone, and what it would say goes to a sibling file. Raises BadInput."""
    book, found = Book(project), measure(project, campaign)
    with book.locked():
        block = book.find(campaign.id)
        place = _PLACE.match(block.heading) if block else None
        date = place[1].decode() if place else f"{utc(campaign.made_at):%Y-%m-%d}"
        letter = place[2].decode() if place else book.letter(date)
        text = Text(
            heading(campaign, found, letter, date),
            body(campaign, found, controls(project, campaign)) + embed(card(campaign, found)),
            "campaign",
        )
        sibling = book.rewrite(campaign.id, text)
    if sibling is None:
        return ""
    return f"the entry of {campaign.id} was edited by hand and is left alone; what it would say is in {sibling.name}"


def heading(campaign: Campaign, found: Sequence[Measured], letter: str, date: str) -> str:
    """'## 2026-06-12 (c) · outcome · [campaign, 5 seeds, nano-care]' without a newline."""
    seeds = f"{len(campaign.seeds)} seed{'s' if len(campaign.seeds) != 1 else ''}"
    level = quoted(f"campaign, {seeds}, {campaign.preset}", 80)
    return f"## {date} ({letter}) · {quoted(title(campaign, found), 140)} · [{level}]"


def title(campaign: Campaign, found: Sequence[Measured]) -> str:
    """Every arm's mean, never the best one alone: 'trait: rmse .96 ± .02, mean .93 ± .04 (base .24)'."""
    metric = campaign.metric
    arms = [f"{f'{arm} ' if len(campaign.arms) > 1 else ''}{_shown(found, metric, arm)}" for arm in campaign.arms]
    base = plus_minus(metric, over_seeds(found, metric, "", "base"))
    if campaign.sweep is not None and (ends := spread_of(campaign.sweep.trials)):
        measured, (low, high) = campaign.sweep.metric, ends
        arms.append(
            f"of {len(campaign.sweep.trials)} trials {number(measured, low)} to {number(measured, high)} on val"
        )
    lost = [m for m in found if not m.counted]
    missing = f"; {len(lost)} of {len(found)} members without a number" if lost else ""
    return f"{label(metric)} {', '.join(arms)} (base {base}){missing}"


def card(campaign: Campaign, found: Sequence[Measured]) -> dict[str, Any]:
    """The entry as a flat table, for lists and filters."""
    metric = campaign.metric
    return {
        "campaign": campaign.id,
        "status": "success" if all(m.status == "success" for m in found) else "incomplete",
        "kind": campaign.kind,
        "question": campaign.hypothesis,
        "metric": metric,
        "preset": campaign.preset,
        "seeds": campaign.seeds,
        "over": campaign.over,
        "seal": campaign.record["seal"],
        "code_hash": campaign.code_hash,
        "arms": {arm: s.mean for arm in campaign.arms if (s := over_seeds(found, metric, arm)) is not None},
        "members": [_row(m, metric) for m in found],
    }


def _row(m: Measured, metric: str) -> dict[str, Any]:
    value = m.value(metric)
    row = {
        "run": m.member.run,
        "arm": m.member.arm,
        "seed": m.member.seed,
        "status": m.status,
        "reused": m.member.reused,
    }
    return row | ({} if value is None else {"value": round(value, 6)})


def body(campaign: Campaign, found: Sequence[Measured], controls: Sequence[SeedControl] = ()) -> str:
    """The block under the heading. Ends with a newline."""
    answers, math = campaign.answers, campaign.answers["math"]
    sealed = utc(str(campaign.record["sealed_at"])).strftime("%Y-%m-%d %H:%M UTC")
    miss = quoted(str(answers["prediction"].get("miss_means", "")), 300)
    lines = [
        f"**Asked.** {quoted(campaign.hypothesis, 600)}",
        f"**Math.** {stopped(quoted(math.get('optimised', '') or MISSING, 600))} "
        f"Unnecessary: {quoted(math.get('unnecessary', '') or MISSING, 300)}",
        f"**Expected** (sealed {sealed}, {_before(found)}). {sentence(answers['prediction'])}."
        + (f" A miss would mean: {miss}" if miss else ""),
        f"**Verdict.** {quoted(verdict(found), 400)}",
    ]
    blocks = [
        "\n".join(lines),
        *trials_table(campaign),
        *_table(campaign, found, controls),
        "  \n".join(differences(campaign, found)),
    ]
    blocks += [*_curves(campaign, found), *_reads_like(campaign, found)]
    blocks += [f"**Does not show.** {'; '.join(does_not_show(campaign, found))}.", _folded(campaign, found)]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _before(found: Sequence[Measured]) -> str:
    """What the seal came before: a reused run was asked for by another question, perhaps an earlier one."""
    reused = sum(m.member.reused for m in found)
    return "before any member was queued" + (f" but {reused}, which another question had run" if reused else "")


def verdict(found: Sequence[Measured]) -> str:
    """The sealed prediction run by run: '4 of 5 members met it alone, 1 missed it. Without a number: ...'."""
    count = {state: sum(m.verdict == state for m in found) for state in ("met", "missed")}
    told = f"{count['met']} of {len(found)} members met it alone, {count['missed']} missed it"
    pending = len(found) - sum(count.values())
    told += f", not judged in {pending}." if pending else "."
    several = len({m.member.arm for m in found}) > 1
    lost = [
        f"{f'{m.member.arm}, ' if several else ''}seed {m.member.seed} {m.remark or 'has not ended'}"
        for m in found
        if not m.counted
    ]
    return told + (f" Without a number: {'; '.join(lost)}." if lost else "") + " No claim: that is for cockpit claim."


def plus_minus(metric: str, found: Spread | None) -> str:
    """'.96 ± .02' over seeds, '.96' of one, – of none."""
    if found is None:
        return MISSING
    return number(metric, found.mean) + (f" ± {number(metric, found.sd)}" if found.sd is not None else "")


def table_rows(campaign: Campaign, found: Sequence[Measured]) -> list[tuple[str, str, str]]:
    """(name, arm, subject) of every row over seeds: base, prompted and steered, then the arms. Steered is one row where the arms share
    their vector, which is where only the heal differs."""
    steered = len(campaign.arms) == 1 or all(knob.startswith("heal.") for knob in campaign.over)
    above = [s for s in SUBJECTS if s != "steered" or steered]
    names = {"steered": "steered, round 1"}
    return [(names.get(s, s), "", s) for s in above] + [
        (arm if len(campaign.arms) > 1 else "healed", arm, "healed") for arm in campaign.arms
    ]


def columns(campaign: Campaign, found: Sequence[Measured]) -> list[str]:
    """The metrics of the table, in house order: the usual ones and the one the prediction is about."""
    here = {name for m in found for row in m.rows.values() for name in row}
    wanted = {*COLUMNS, campaign.metric}
    return [m for m in (*LABELS, *sorted(wanted - set(LABELS))) if m in wanted and m in here]


def _table(campaign: Campaign, found: Sequence[Measured], controls: Sequence[SeedControl]) -> list[str]:
    shown = columns(campaign, found)
    if not shown:
        return []
    lines = ["| arm | seeds | " + " | ".join(label(m) for m in shown) + " |", "|---|---:|" + "---:|" * len(shown)]
    for name, arm, subject in table_rows(campaign, found):
        spreads = [over_seeds(found, metric, arm, subject) for metric in shown]
        n = max((s.n for s in spreads if s is not None), default=0)
        cells = " | ".join(plus_minus(metric, s) for metric, s in zip(shown, spreads, strict=True))
        lines.append(f"| {cell(name, 60)} | {n} | {cells} |")
    for control in (c for c in controls if c.spreads):
        n = max(s.n for s in control.spreads.values())
        cells = " | ".join(plus_minus(metric, control.spreads.get(metric)) for metric in shown)
        lines.append(f"| {cell(control.name, 100)} | {n} | {cells} |")
    lacking = missing((c.name, c.said) for c in controls if not c.spreads)
    return ["\n".join(lines), *([f"**Controls not run.** {quoted(lacking, 600)}."] if lacking else [])]


def differences(campaign: Campaign, found: Sequence[Measured]) -> list[str]:
    """The intervals over seeds, in the metric of the prediction: every arm's mean, its difference to the base, and of two arms the one to
    the other."""
    metric, lines = campaign.metric, []
    for arm in campaign.arms:
        mean, change = mean_interval(found, metric, arm), against_base(found, metric, arm)
        if mean is None or change is None:
            continue
        span = interval(metric, (mean.low, mean.high))
        lines.append(
            f"{f'{quoted(arm, 60)}: ' if len(campaign.arms) > 1 else ''}{label(metric)} on {SPLIT}, "
            f"healed {number(metric, mean.value)} {span}, healed − base {_difference(metric, change)}"
        )
    if len(campaign.arms) == 2:
        first, second = campaign.arms
        apart = between(found, metric, second, first)
        lines += [] if apart is None else [f"{quoted(f'{second} − {first}', 120)}: {_difference(metric, apart)}"]
    return lines


def _difference(metric: str, c: Contrast) -> str:
    span = interval(metric, (c.low, c.high), sign=True)
    return f"{number(metric, c.value, sign=True)} {span} (95% t, paired by seed, {c.n} seeds)"


def _shown(found: Sequence[Measured], metric: str, arm: str) -> str:
    return plus_minus(metric, over_seeds(found, metric, arm))


def _curves(campaign: Campaign, found: Sequence[Measured]) -> list[str]:
    """The metric on val by round, one spark a member, all on one scale."""
    curves = [m for m in found if len(m.curve) > 1]
    if not curves:
        return []
    low, high = min(min(m.curve) for m in curves), max(max(m.curve) for m in curves)
    metric, lines = campaign.metric, []
    for arm in dict.fromkeys(m.member.arm for m in curves):
        drawn = "   ".join(f"{m.member.seed} {sparkline(m.curve, low, high)}" for m in curves if m.member.arm == arm)
        lines.append(f"{cell(arm, 60)}: {drawn}" if len(campaign.arms) > 1 else drawn)
    scale = f"▁ {number(metric, low)} to █ {number(metric, high)}"
    return ["  \n".join([f"{label(metric)} on val by round, {scale}", *lines])]


def _reads_like(campaign: Campaign, found: Sequence[Measured]) -> list[str]:
    """Of each arm, what the member nearest the arm's mean says."""
    lines = []
    for arm in campaign.arms:
        mine = [m for m in found if m.member.arm == arm and m.sample and m.value(campaign.metric) is not None]
        middle = over_seeds(found, campaign.metric, arm)
        if not mine or middle is None:
            continue
        typical = min(mine, key=lambda m: abs((m.value(campaign.metric) or 0.0) - middle.mean))
        who = f"{f'{arm}, ' if len(campaign.arms) > 1 else ''}seed {typical.member.seed}, the one nearest the mean"
        lines.append(f'**Reads like** ({quoted(who, 120)}) "{quoted(typical.sample, 240)}"')
    return ["  \n".join(lines)] if lines else []


def does_not_show(campaign: Campaign, found: Sequence[Measured]) -> list[str]:
    """What a reader might take from it and must not."""
    model = str(campaign.record["config"].get("model.id", ""))
    told = ["anything about larger models"] if model in EMBEDDED or model.startswith("random:") else []
    told.append(f"seeds other than {', '.join(map(str, campaign.seeds))}")
    fewest = min(sum(m.counted for m in found if m.member.arm == arm) for arm in campaign.arms)
    if fewest < NEEDS["publishable"]:
        told.append(f"a publishable result: {fewest} of {NEEDS['publishable']} seeds")
    if campaign.futility:
        told.append(f"what an arm would have come to that its first {campaign.futility} seeds gave up")
    if len(campaign.arms) > 2:
        told.append(
            f"which of {len(campaign.arms)} arms is best: no interval here is corrected for choosing among them"
        )
    return told


def _folded(campaign: Campaign, found: Sequence[Measured]) -> str:
    """Every member as a ledger row, and what the numbers are made of."""
    shown = columns(campaign, found)
    lines = ["<details><summary>members, formulas, the command</summary>", ""]
    lines += ["| arm | seed | " + " | ".join(label(m) for m in shown) + " | prediction | run | |"]
    lines += ["|---|---:|" + "---:|" * len(shown) + "---|---|---|"]
    for m in found:
        cells = " | ".join(number(metric, m.value(metric)) for metric in shown)
        said = "; ".join(part for part in (m.remark, "reused" if m.member.reused else "") if part)
        row = f"| {cell(m.member.arm, 60)} | {m.member.seed} | {cells} | {m.verdict} | {m.member.run or MISSING} |"
        lines.append(f"{row} {cell(said, 200)} |")
    earlier = [f"{quoted(m.member.arm, 60)} seed {m.member.seed}: {run}" for m in found for run in m.member.earlier]
    lines += [
        "",
        f"- a cell of a member: `metrics` of its healed `evaluated` event on {SPLIT}; of an arm: mean over seeds ± deviation (n − 1)",
        f"- code {campaign.code_hash[:12]} of every member; seal {str(campaign.record['seal'])[:12]} of those that were queued for it",
        f"- again: `{quoted(campaign.command, 400)}`",
        *(f"- ended before an outcome and was run again: {each}" for each in earlier),
        "",
        "</details>",
    ]
    return "\n".join(lines)
