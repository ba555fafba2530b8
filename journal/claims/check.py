"""Whether a question's runs carry it: what is missing, what does not count and why, and what the counting seeds say.

Everything is computed from the run folders; what the journal recorded at an earlier check is only compared with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from engine.contract.seeds import next_seeds
from journal.claims import statistics
from journal.claims.levels import Level, needed, reached
from journal.claims.members import Member
from journal.claims.question import CONTROL, RANDOM, Question
from journal.claims.statistics import Contrast, Verdict
from journal.text import number, short

NORM_TOLERANCE = 0.01
"""Relative difference of norms within which a random vector is matched to the arm's; not zero, because GPU sums are not exact."""


class Lack(msgspec.Struct, frozen=True):
    """One thing that stands between the question and its claim. `of` names it for filters: seeds, selection, base, prompted, random,
    norm, changed."""

    of: str
    text: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What a check found. `level` is what the seeds carry, whatever was asked; `contrast` and `verdict` are absent below two seeds."""

    asked_level: str
    level: Level
    seeds: int
    lacks: tuple[Lack, ...]
    members: tuple[Member, ...]
    contrast: Contrast | None
    verdict: Verdict | None
    secondary: dict[str, Contrast]

    @property
    def granted(self) -> bool:
        return not self.lacks


def examine(
    q: Question, members: Sequence[Member], *, level: str = "", recorded: Sequence[Mapping[str, Any]] = ()
) -> Finding:
    """Judge a question on its members. `level` asks for another one than the question did; `recorded` are the rows of an earlier grant.

    Raises BadInput for a level that cannot be granted."""
    wanted = level or q.asked.level
    need = needed(wanted)
    counts = {arm: [m for m in members if m.arm == arm and m.counts] for arm in q.arms}
    measured = {arm: [m for m in counts[arm] if m.measured] for arm in q.arms}
    lacks = [*_selection(q, members), *_seeds(q, members, measured, need, wanted), *_rows(q, measured)]
    lacks += [*_norms(q, measured), *_changed(q, members, recorded)]
    seeds = min((len(measured[arm]) for arm in q.arms), default=0)
    failed = len({m.seed for arm in q.contrasted for m in counts[arm] if m.failed})
    primary = between(q, measured, q.asked.metric, counts)
    metrics = {name for m in measured[q.claimed] for name in m.cells[q.asked.subject].metrics} - {q.asked.metric}
    others = {name: found for name in sorted(metrics) if (found := between(q, measured, name, counts)) is not None}
    verdict = None
    if primary is not None:
        verdict = (
            statistics.judge_equivalence(primary, q.asked.margin, failed=failed)
            if q.asked.equivalence
            else statistics.judge(primary, q.asked.op, q.asked.threshold, failed=failed)
        )
    return Finding(
        asked_level=wanted,
        level=reached(seeds),
        seeds=seeds,
        lacks=tuple(lacks),
        members=tuple(members),
        contrast=primary,
        verdict=verdict,
        secondary=others,
    )


def between(
    q: Question, measured: Mapping[str, Sequence[Member]], metric: str, counts: Mapping[str, Sequence[Member]]
) -> Contrast | None:
    """The contrast in one metric: within each run, seed by seed when both arms were launched on the same seeds, else independent."""
    level = 0.90 if q.asked.equivalence else 0.95
    claimed = by_seed(measured[q.claimed], metric, q.asked.subject)
    if q.within:
        return statistics.contrast(claimed, by_seed(measured[q.claimed], metric, q.against), paired=True, level=level)
    same = {m.seed for m in counts[q.claimed]} == {m.seed for m in counts[q.against]}
    against = by_seed(measured[q.against], metric, q.asked.subject)
    return statistics.contrast(claimed, against, paired=same, level=level)


def by_seed(members: Sequence[Member], metric: str, subject: str) -> dict[int, float]:
    """A metric of a subject by seed, of the members that have it."""
    has = [m for m in members if subject in m.cells and metric in m.cells[subject].metrics]
    return {m.seed: m.value(metric, subject) for m in has}


def _selection(q: Question, members: Sequence[Member]) -> list[Lack]:
    """A seed that was launched for the question counts, or is run again; leaving it out would be choosing seeds."""
    found = []
    for arm in q.arms:
        counted = {m.seed for m in members if m.arm == arm and m.counts}
        open_ = [m for m in members if m.arm == arm and m.obliges and not m.counts and m.seed not in counted]
        for m in {m.seed: m for m in open_}.values():
            again = f"; run it again: run.seed={m.seed}" if m.status != "running" else "; wait for it"
            found.append(
                Lack("selection", f"{arm}: seed {m.seed} was launched ({short(m.run)}) but {_and(m.why)}{again}")
            )
    return found


def _and(reasons: Sequence[str]) -> str:
    return " and ".join(reasons)


def _seeds(
    q: Question, members: Sequence[Member], measured: Mapping[str, Sequence[Member]], need: int, wanted: str
) -> list[Lack]:
    found = []
    for arm in q.arms:
        have = len(measured[arm])
        if have >= need:
            continue
        counted = {m.seed for m in members if m.arm == arm and m.counts}
        owed = {m.seed: m for m in members if m.arm == arm and m.obliges and m.seed not in counted}
        fresh = next_seeds(counted | owed.keys(), max(0, need - have - len(owed)))
        todo = ", ".join(map(str, [*(seed for seed, m in owed.items() if m.status != "running"), *fresh]))
        knobs = ", ".join(f"{k}={v}" for k, v in q.arms[arm].items())
        what = "the random-vector control" if arm == RANDOM and not q.controlled else arm
        lack = RANDOM if q.arms[arm].get(CONTROL) == RANDOM else "seeds"
        count = "1 seed counts" if have == 1 else f"{have} seeds count"
        text = f"{what}: {count}, {wanted} needs {need}"
        found.append(Lack(lack, text + (f"; next: run.seed {todo} with {knobs}" if todo else "")))
    return found


def _rows(q: Question, measured: Mapping[str, Sequence[Member]]) -> list[Lack]:
    """The base and the prompted model stand beside every counting member, on the same split."""
    found = []
    needs = dict.fromkeys(("base", "prompted", *((q.against,) if q.within else ())))
    for subject in needs:
        bare = [
            m
            for arm in q.contrasted
            for m in measured[arm]
            if subject not in m.cells or q.asked.metric not in m.cells[subject].metrics
        ]
        none = not any(measured[arm] for arm in q.contrasted)
        if none:
            found.append(Lack(subject, f"no {subject} row: nothing counts that was measured on {q.asked.split}"))
        elif bare:
            names = ", ".join(f"{short(m.run)} (seed {m.seed})" for m in bare)
            found.append(Lack(subject, f"no {subject} row with {q.asked.metric} on {q.asked.split} in {names}"))
    return found


def _norms(q: Question, measured: Mapping[str, Sequence[Member]]) -> list[Lack]:
    """A random vector is a control only when it is as long as the one it stands against."""
    controls = [arm for arm in q.arms if q.arms[arm].get(CONTROL) == RANDOM]
    real = next((arm for arm in q.contrasted if q.arms[arm].get(CONTROL) != RANDOM), "")
    found: list[Lack] = []
    if not real or not measured[real]:
        return found
    by = {m.seed: m for m in measured[real]}
    for arm in controls:
        for m in measured[arm]:
            other = by.get(m.seed, measured[real][0])
            if not m.norms or m.norms.keys() != other.norms.keys():
                found.append(
                    Lack("norm", f"{short(m.run)} (seed {m.seed}) and {short(other.run)} record no norms to match")
                )
                continue
            for layer, norm in m.norms.items():
                if abs(norm - other.norms[layer]) > NORM_TOLERANCE * max(abs(other.norms[layer]), 1e-12):
                    text = f"{short(m.run)} (seed {m.seed}): random vector of norm {norm:.4g} in layer {layer}"
                    found.append(Lack("norm", f"{text}, not the {other.norms[layer]:.4g} of {short(other.run)}"))
                    break
    return found


def _changed(q: Question, members: Sequence[Member], recorded: Sequence[Mapping[str, Any]]) -> list[Lack]:
    """What an earlier grant recorded must still be what the run folders say."""
    here = {m.run: m for m in members}
    found = []
    for row in recorded:
        run, m = str(row.get("run")), here.get(str(row.get("run")))
        if m is None:
            found.append(Lack("changed", f"{short(run)} cannot be recomputed: its folder is gone or of another family"))
            continue
        if not m.counts:
            found.append(
                Lack("changed", f"{short(run)} (seed {m.seed}) counted when this was granted; now it {_and(m.why)}")
            )
        elif m.digest != row.get("digest"):
            cell, was = m.cells.get(q.asked.subject), row.get("value")
            now = cell.metrics.get(q.asked.metric) if cell else None
            told = f"{q.asked.metric} was {number(q.asked.metric, was)}, is {number(q.asked.metric, now)}"
            where = f" (events.jsonl:{cell.line})" if cell else ""
            same = "its evaluations were edited" if was == now else told
            found.append(Lack("changed", f"{short(run)} (seed {m.seed}) is not what was recorded: {same}{where}"))
    return found
