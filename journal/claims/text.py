"""A claim's entry in the journal: the question entry of a campaign, from asked to folded members where every cell names its line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.contract.config import EMBEDDED
from journal.claims.check import Finding, by_seed
from journal.claims.levels import NEEDS
from journal.claims.members import Member
from journal.claims.question import RANDOM, Question
from journal.claims.statistics import Contrast, spread
from journal.text import LABELS, MISSING, cell, interval, label, number, quoted, short, utc

COLUMNS = ("trait_rate", "benign_rate", "broken", "capability", "diversity")
_BLOCKS = "▁▂▃▄▅▆▇█"
_SIGNS = {">=": "≥", "<=": "≤"}


def heading(q: Question, finding: Finding | None, standing: str, since: str, date: str, letter: str) -> str:
    """'## 2026-06-12 (c) · outcome · [publishable, 5 seeds, nano-care]' without a newline."""
    seeds = f"{finding.seeds} seed{'s' if finding.seeds != 1 else ''}" if finding else f"asks {q.asked.level}"
    level = {"open": "open", "refused": "refused", "broken": f"broken since {day(since)}"}.get(standing, "")
    words = [level or (finding.asked_level if finding else q.asked.level), seeds, q.preset]
    return f"## {date} ({letter}) · {title(q, finding, standing)} · [{quoted(', '.join(words), 80)}]"


def title(q: Question, finding: Finding | None, standing: str) -> str:
    """What was found of a granted claim, else what is asked; safe to print and to put into Markdown."""
    if standing == "granted" and finding and finding.contrast and finding.verdict:
        return quoted(f"{difference(q, finding.contrast)}, {finding.verdict.state}", 140)
    return quoted(q.asked.question, 140)


def body(
    q: Question, finding: Finding | None, standing: str, sealed_at: str, since: str, sample: Mapping[str, Any]
) -> str:
    """The block under the heading. Ends with a newline."""
    asked = q.asked
    sealed = utc(sealed_at).strftime("%Y-%m-%d %H:%M UTC")
    miss = f" A miss would mean: {quoted(asked.miss_means, 300)}" if asked.miss_means else ""
    lines = [
        f"**Asked.** {quoted(asked.question, 600)}   family of {short(q.reference)}",
        f"**Math.** {quoted(asked.optimised, 600) or MISSING} Unnecessary: {quoted(asked.unnecessary, 300) or MISSING}",
        f"**Expected** (sealed {sealed}, before any member ran): {expected(q)}.{miss}",
        f"**Verdict.** {verdict(q, finding, standing)}",
    ]
    if finding is None:
        return "\n".join(lines) + f"\n\n{_plan(q)}\n"
    if standing in ("refused", "broken"):
        lines.append("**Refused.** It lacks:" if standing == "refused" else f"**Broken since {day(since)}.** It lacks:")
        lines += [f"- {quoted(lack.text, 400)}" for lack in finding.lacks]
    blocks = ["\n".join(lines), *_table(q, finding), *_contrast(q, finding), *_reads_like(q, sample)]
    blocks += [f"**Does not show.** {'; '.join(does_not_show(q, finding))}.", _folded(q, finding)]
    return "\n\n".join(blocks) + "\n"


def contrast_name(q: Question) -> str:
    """'rmse − mean', or 'healed − base (rmse)' within each run."""
    if not q.within:
        return f"{q.claimed} − {q.against}"
    return f"{q.asked.subject} − {q.against}" + ("" if q.claimed == "own" else f" ({q.claimed})")


def difference(q: Question, found: Contrast, metric: str = "") -> str:
    """'rmse − mean, broken: −.29 [−.44, −.14]'."""
    metric = metric or q.asked.metric
    span = interval(metric, (found.low, found.high), sign=True)
    return f"{contrast_name(q)}, {label(metric)}: {number(metric, found.value, sign=True)} {span}"


def outcome(q: Question, finding: Finding) -> str:
    """The contrast and its verdict in one line."""
    if finding.contrast is None or finding.verdict is None:
        return "nothing to compare"
    return f"{difference(q, finding.contrast)}: {verdict(q, finding, 'granted')}"


def expected(q: Question) -> str:
    """What was sealed, in words."""
    asked, metric = q.asked, q.asked.metric
    if asked.equivalence:
        told = f"within ±{number(metric, asked.margin)} (90% interval)"
    else:
        told = f"{_SIGNS.get(asked.op, asked.op)} {number(metric, asked.threshold, sign=True)}"
    best = ", best round" if asked.subject in ("healed", "steered") else ""
    confidence = f", confidence {number('trait_rate', asked.confidence)}" if asked.confidence is not None else ""
    where = f"on {asked.split} ({asked.subject}{best})"
    return f"{quoted(contrast_name(q), 120)}, {label(metric)} {told} {where}{confidence}; asked at level {asked.level}"


def verdict(q: Question, finding: Finding | None, standing: str) -> str:
    """The contrast against what was expected; a refused claim's is told as what it is."""
    if finding is None:
        return "pending: no member has run."
    if finding.contrast is None or finding.verdict is None:
        return "pending: fewer than two seeds count."
    v, c = finding.verdict, finding.contrast
    told = f"{v.state}"
    if v.met_by is not None:
        told += f", {v.met_by} of {v.of} seeds alone"
    if v.state == "undecided":
        told += f": {_undecided(q, finding, c)}"
    bad = failures(finding)
    told += f". Failed, and counted so: {'; '.join(bad)}" if bad else ""
    return told + (
        "." if standing == "granted" else f". Not a claim: it {'is refused' if standing == 'refused' else 'is broken'}."
    )


def _undecided(q: Question, finding: Finding, c: Contrast) -> str:
    if failures(finding):
        return "what a failed seed would have measured is not known"
    edge = "the margin" if q.asked.equivalence else number(q.asked.metric, q.asked.threshold, sign=True)
    return f"the interval {interval(q.asked.metric, (c.low, c.high), sign=True)} reaches across {edge}"


def failures(finding: Finding) -> list[str]:
    """Every counting seed that failed: 'rmse seed 512 (-k3f9) ended as starved'."""
    return [
        f"{quoted(m.arm, 60)} seed {m.seed} ({short(m.run)}) {m.failed}"
        for m in finding.members
        if m.counts and m.failed
    ]


def does_not_show(q: Question, finding: Finding) -> list[str]:
    """What a reader might take from it and must not."""
    missing = ["anything about larger models"] if q.model in EMBEDDED or q.model.startswith("random:") else []
    seeds = list(dict.fromkeys(m.seed for m in finding.members if m.counts))
    missing.append(f"seeds other than {', '.join(map(str, seeds))}" if seeds else "anything yet: no seed counts")
    if finding.level != "publishable":
        missing.append(f"a publishable result: {finding.seeds} of {NEEDS['publishable']} seeds")
    versions = {m.code for m in finding.members if m.counts}
    if len(versions) > 1:
        missing.append(f"one version of the code: the members ran under {len(versions)}")
    if q.against != "prompted" and not _beats_prompt(q, finding):
        missing.append("that it does better than a prompt")
    return missing


def _beats_prompt(q: Question, finding: Finding) -> bool:
    """Whether every counting member of the claimed arm is better than its own prompted row, in the direction that was expected."""
    if q.asked.equivalence:
        return False
    mine = _mine(q, finding, q.claimed)
    ours, theirs = by_seed(mine, q.asked.metric, q.asked.subject), by_seed(mine, q.asked.metric, "prompted")
    sign = 1 if q.asked.op in (">", ">=") else -1
    return bool(theirs) and all(seed in ours and sign * (ours[seed] - theirs[seed]) > 0 for seed in theirs)


def _plan(q: Question) -> str:
    rows = [f"| {cell(arm, 60)} | {cell(_knobs(values), 300)} |" for arm, values in q.arms.items()]
    return "\n".join(["| arm | config beside the family's |", "|---|---|", *rows])


def _knobs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{k} = {v}" for k, v in values.items())


def day(stamp: str) -> str:
    return utc(stamp).strftime("%Y-%m-%d")


def _mine(q: Question, finding: Finding, arm: str) -> list[Member]:
    return [m for m in finding.members if m.arm == arm and m.measured]


def _table_rows(q: Question, finding: Finding) -> list[tuple[str, list[Member], str]]:
    """(name, members, subject) of every row: base and prompted, the random control, then the arms, the claimed one last."""
    claimed = _mine(q, finding, q.claimed)
    rows = [("base", claimed, "base"), ("prompted", claimed, "prompted")]
    if q.within and q.against not in ("base", "prompted"):
        rows.append((q.against, claimed, q.against))
    others = [arm for arm in (RANDOM, q.against) if arm in q.arms]
    arms = [*dict.fromkeys(others), q.claimed]
    return rows + [(arm, _mine(q, finding, arm), q.asked.subject) for arm in arms]


def _columns(q: Question, finding: Finding) -> list[str]:
    here = {name for m in finding.members if m.measured for c in m.cells.values() for name in c.metrics}
    wanted = {*COLUMNS, q.asked.metric}
    return [m for m in (*LABELS, *sorted(wanted - set(LABELS))) if m in wanted and m in here]


def _table(q: Question, finding: Finding) -> list[str]:
    columns = _columns(q, finding)
    if not columns:
        return []
    lines = ["| arm | seeds | " + " | ".join(label(m) for m in columns) + " |", "|---|---:|" + "---:|" * len(columns)]
    for name, members, subject in _table_rows(q, finding):
        cells = [_plus_minus(metric, list(by_seed(members, metric, subject).values())) for metric in columns]
        lines.append(f"| {cell(name, 60)} | {len(members)} | " + " | ".join(cells) + " |")
    return ["\n".join(lines)]


def _plus_minus(metric: str, values: Sequence[float]) -> str:
    """'.96 ± .02' over seeds, '.96' of one, – of none."""
    found = spread(values)
    if found is None:
        return MISSING
    return number(metric, found.mean) + (f" ± {number(metric, found.sd)}" if found.sd is not None else "")


def _contrast(q: Question, finding: Finding) -> list[str]:
    lines = []
    if finding.contrast:
        c = finding.contrast
        how = "paired by seed" if c.paired else "Welch"
        lines.append(f"{quoted(difference(q, c), 200)} ({c.level:.0%} t, {how}, {c.n} seeds).")
    members = _mine(q, finding, q.claimed)
    curves = {m.seed: m.curve for m in members if len(m.curve) > 1}
    if curves:
        low, high = min(min(c) for c in curves.values()), max(max(c) for c in curves.values())
        drawn = "   ".join(f"{seed} {sparkline(curve, low, high)}" for seed, curve in curves.items())
        metric = q.asked.metric
        scale = f"▁ {number(metric, low)} to █ {number(metric, high)}"
        lines.append(f"{cell(q.claimed, 60)}, {label(metric)} on val by round, {scale}:   {drawn}")
    return ["  \n".join(lines)] if lines else []


def sparkline(values: Sequence[float], low: float, high: float) -> str:
    """One block a value between low and high."""
    span = high - low
    return "".join(_BLOCKS[min(7, int(8 * (v - low) / span)) if span > 0 else 0] for v in values)


def _reads_like(q: Question, sample: Mapping[str, Any]) -> list[str]:
    if not sample or not (sample.get("text") or sample.get("worst")):
        return []
    at = f", round {sample['round']}" if "round" in sample else ""
    who = f"{q.claimed}, seed {sample['seed']}{at}; the seed nearest the mean"
    worst = f' · worst "{quoted(str(sample["worst"]), 160)}"' if sample.get("worst") else ""
    text = f'"{quoted(str(sample["text"]), 240)}"' if sample.get("text") else MISSING
    return [f"**Reads like** ({quoted(who, 120)}) {text}{worst}"]


def _folded(q: Question, finding: Finding) -> str:
    """Members, formulas, secondary metrics, and what does not count, folded away."""
    columns = _columns(q, finding)
    lines = ["<details><summary>members, formulas, secondary metrics, what does not count</summary>", ""]
    if columns:
        lines += ["| arm | seed | subject | " + " | ".join(label(m) for m in columns) + " | where |"]
        lines += ["|---|---:|---|" + "---:|" * len(columns) + "---|"]
        lines += [line for arm in q.arms for m in _mine(q, finding, arm) for line in _member(q, m, columns)]
        lines += ["", *_formulas(q, finding)]
    for metric, found in finding.secondary.items():
        lines.append(f"- secondary, no verdict: {quoted(difference(q, found, metric), 200)}")
    lines += [f"- failed: {told}" for told in failures(finding)]
    out = [m for m in finding.members if not m.counts]
    lines += [f"- does not count: {quoted(left_out(m), 500)}" for m in out]
    lines += ["", "</details>"]
    return "\n".join(lines)


def left_out(m: Member) -> str:
    """A run that does not count, with every reason."""
    return f"{m.arm} seed {m.seed}, {m.run}: {'; '.join(m.why)}"


def _member(q: Question, m: Member, columns: Sequence[str]) -> list[str]:
    subjects = dict.fromkeys(("base", "prompted", *((q.against,) if q.within else ()), q.asked.subject))
    lines = []
    for subject in subjects:
        if subject in m.cells:
            found = m.cells[subject]
            cells = " | ".join(number(metric, found.metrics.get(metric)) for metric in columns)
            where = f"{m.run} events.jsonl:{found.line}"
            lines.append(f"| {cell(m.arm, 60)} | {m.seed} | {subject} | {cells} | {where} |")
    return lines


def _formulas(q: Question, finding: Finding) -> list[str]:
    """How every number above comes from the lines of the table, and the contrast seed by seed."""
    metric, subject = q.asked.metric, q.asked.subject
    lines = [
        f"- a cell of a member: `metrics` of the `evaluated` event ({q.asked.split}) in that line; "
        "a cell of an arm: mean over its members ± standard deviation (n − 1)"
    ]
    c = finding.contrast
    if c is None:
        return lines
    if not c.paired:
        told = f"mean({q.claimed}) − mean({q.against}) ± t({c.level:.0%}, Welch) · √(s²/n + s²/n)"
        return [*lines, f"- contrast: {quoted(told, 200)}"]
    told = f"mean of the differences by seed ± t({c.level:.0%}, {c.n - 1}) · s / √{c.n}"
    lines.append(f"- contrast: {told}")
    ours = {m.seed: m for m in _mine(q, finding, q.claimed)}
    theirs = ours if q.within else {m.seed: m for m in _mine(q, finding, q.against)}
    other = q.against if q.within else subject
    for seed, d in c.differences.items():
        where = f"{metric} at {_at(ours[seed], subject)} − {_at(theirs[seed], other)}"
        lines.append(f"- seed {seed}: {number(metric, d, sign=True)} = {where}")
    return lines


def _at(m: Member, subject: str) -> str:
    return f"{short(m.run)}:{m.cells[subject].line}"
