"""A campaign: many runs for one question, every setting by every seed under one seal; and what its members measured, over seeds.

The file in runs/.campaigns is the one place that says which runs a campaign has; run folders and the journal only name it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from engine.contract.errors import BadInput
from engine.contract.rundir import RunDir, runs_folder
from engine.contract.stats import Interval, t_interval
from journal.claims.members import FAILURES
from journal.claims.statistics import Contrast, Spread, contrast, spread
from journal.record import Record, load_record
from journal.sweep import BEST, Sweep
from journal.verdict import verdict

SPLIT = "test"
SUBJECTS = ("base", "prompted", "steered")
"""Rows that stand above the arms: the model as it is, with the persona, and steered in the first round at its dose."""
Kind = Literal["seeds", "matrix", "sweep"]
OUTCOMES = ("success", *FAILURES)
"""Endings that are an outcome of the configuration; after any other a member is run again."""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One run that the campaign asks for: an arm's values on a seed. `run` is the run that serves it, '' while none was queued;
    `reused` says that another question had it run. `earlier` are runs of it that ended before they came to an outcome."""

    arm: str
    values: dict[str, Any]
    seed: int
    config_hash: str
    run: str = ""
    reused: bool = False
    earlier: tuple[str, ...] = ()


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked, sealed before any member was queued. `record` is the sealed preflight that every member runs under, `identity`
    what makes two campaigns the same one, `where` the working folder, `command` what would ask for it again."""

    id: str
    kind: Kind
    identity: str
    made_at: str
    where: str
    command: str
    code_hash: str
    preset: str
    over: dict[str, list[Any]]
    seeds: list[int]
    record: dict[str, Any]
    members: tuple[Member, ...]
    sweep: Sweep | None = None
    futility: int = (
        0  # an arm is given up when its first so many seeds all end without meeting the prediction; 0 is never
    )

    @property
    def answers(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.record["answers"]
        return found

    @property
    def hypothesis(self) -> str:
        return str(self.answers["question"]["hypothesis"])

    @property
    def metric(self) -> str:
        """What the sealed prediction is about."""
        return str(self.answers["prediction"]["metric"])

    @property
    def arms(self) -> list[str]:
        """The arms that tables compare; of a sweep that has settled the best one alone, its trials are a table of their own."""
        found = list(dict.fromkeys(m.arm for m in self.members))
        return [arm for arm in found if self.sweep and arm.startswith(f"{BEST}: ")] or found

    @property
    def complete(self) -> bool:
        """Whether every member is known: a sweep has settled on its best trial."""
        return self.sweep is None or bool(self.sweep.ended)


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What a member came to. `status` is '' while it has not ended; `rows` holds each subject's metrics on test, `curve` the healed
    metric on val by round, `verdict` how the campaign's prediction came out in this run alone, `remark` what a reader must know of it."""

    member: Member
    status: str
    remark: str
    rows: dict[str, dict[str, float]]
    curve: tuple[float, ...]
    verdict: str
    sample: str

    @property
    def counted(self) -> bool:
        """Whether it has the numbers of a healed student."""
        return "healed" in self.rows

    def value(self, metric: str, subject: str = "healed") -> float | None:
        return self.rows.get(subject, {}).get(metric)


def measure(project: Path, campaign: Campaign) -> list[Measured]:
    """Every member as its run folder tells it, in the campaign's order."""
    found = [_measured(project, campaign, member) for member in campaign.members]
    futile = given_up(campaign, found)
    why = f"was given up: the first {campaign.futility} seeds of its arm did not meet the prediction (sealed rule)"
    return [msgspec.structs.replace(m, remark=why) if m.member.arm in futile and not m.member.run else m for m in found]


def first_seeds(campaign: Campaign, arm: str) -> set[int]:
    """The seeds of an arm that decide whether the others are run; all of them without a futility rule."""
    mine = [m.seed for m in campaign.members if m.arm == arm]
    return set(mine[: campaign.futility or None])


def given_up(campaign: Campaign, found: Sequence[Measured]) -> set[str]:
    """The arms whose first seeds all came to an outcome and none to a met prediction: their other seeds are not run."""
    if not campaign.futility:
        return set()
    futile = set()
    for arm in campaign.arms:
        first = [m for m in found if m.member.arm == arm and m.member.seed in first_seeds(campaign, arm)]
        if first and all(m.status in OUTCOMES and (m.status, m.verdict) != ("success", "met") for m in first):
            futile.add(arm)
    return futile


def waits_for_first(campaign: Campaign, found: Sequence[Measured]) -> set[str]:
    """The arms whose first seeds have not all come to an outcome yet."""
    if not campaign.futility:
        return set()
    early = [m for m in found if m.member.seed in first_seeds(campaign, m.member.arm)]
    return {m.member.arm for m in early if m.status not in OUTCOMES}


def _measured(project: Path, campaign: Campaign, member: Member) -> Measured:
    nothing = Measured(member=member, status="", remark="", rows={}, curve=(), verdict="pending", sample="")
    folder = RunDir(runs_folder(project) / member.run)
    if not member.run or not folder.path.is_dir():
        return msgspec.structs.replace(nothing, remark="was not run" if not member.run else "its run folder is gone")
    try:
        record = load_record(folder)
    except BadInput as error:
        return msgspec.structs.replace(nothing, remark=f"its run cannot be read: {error}")
    rows: dict[str, dict[str, float]] = {
        event.subject: event.metrics
        for event in record.evaluated
        if event.split == SPLIT and (record.status == "success" or event.subject != "healed")
    }
    curve = [
        (e.round, e.metrics[campaign.metric])
        for e in record.evaluated
        if e.subject == "healed" and e.split == "val" and campaign.metric in e.metrics
    ]
    return Measured(
        member=member,
        status=record.status,
        remark=_remark(record),
        rows=rows,
        curve=tuple(value for _, value in sorted(curve)),
        verdict=verdict(msgspec.structs.replace(record, preflight=campaign.record)).state,
        sample=str(record.sample.get("text", "")),
    )


def _remark(record: Record) -> str:
    """What a reader must know before trusting a member, '' for nothing."""
    said = []
    if record.status and record.status != "success":
        said.append(f"ended as {record.status}{f': {record.reason}' if record.reason else ''}")
    elif record.status and not record.best:
        said.append("no round passed the floors; the last one was measured")
    said += ["was touched: knobs were set while it ran"] if record.touched else []
    said += ["is dirty, so no claim counts it"] if record.status and record.provenance.get("dirty", True) else []
    said += [record.damage] if record.damage else []
    return "; ".join(said)


def values(found: Sequence[Measured], metric: str, arm: str, subject: str = "healed") -> dict[int, float]:
    """A metric by seed, of the members of an arm that have it; of the first arm that has the seed when `arm` is ''."""
    by: dict[int, float] = {}
    for m in found:
        value = m.value(metric, subject)
        if value is not None and (not arm or m.member.arm == arm):
            by.setdefault(m.member.seed, value)
    return by


def over_seeds(found: Sequence[Measured], metric: str, arm: str, subject: str = "healed") -> Spread | None:
    """Mean and standard deviation over seeds."""
    return spread(list(values(found, metric, arm, subject).values()))


def mean_interval(found: Sequence[Measured], metric: str, arm: str) -> Interval | None:
    """The t interval on the seed means of an arm; None below two seeds."""
    by = values(found, metric, arm)
    return t_interval(list(by.values())) if len(by) > 1 else None


def against_base(found: Sequence[Measured], metric: str, arm: str) -> Contrast | None:
    """healed − base within each run of an arm, paired by seed; None below two seeds."""
    mine = [m for m in found if m.member.arm == arm]
    return contrast(values(mine, metric, arm), values(mine, metric, arm, "base"), paired=True, level=0.95)


def between(found: Sequence[Measured], metric: str, arm: str, other: str) -> Contrast | None:
    """One arm against another on the seeds that both have; None below two."""
    return contrast(values(found, metric, arm), values(found, metric, other), paired=True, level=0.95)
