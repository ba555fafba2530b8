"""A claim in the journal: sealed before its members run, rewritten at every check, and never believed without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any, Literal

import msgspec

from engine.contract.errors import BadInput, Refused
from engine.contract.events import now
from engine.contract.hashes import canonical, code_hash, sha256
from engine.contract.rundir import RunDir, new_run_id, runs_folder
from journal.blocks import Text
from journal.book import Book
from journal.card import embed
from journal.claims import text
from journal.claims.check import Finding, examine
from journal.claims.levels import needed
from journal.claims.members import Member, gather
from journal.claims.question import RANDOM, Question
from journal.index import Row, pages, rows
from journal.record import completions
from journal.review import State, states
from journal.text import utc

Standing = Literal["open", "granted", "refused", "broken"]
CONTROLS = ("base", "prompted", RANDOM)


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A claim as the journal holds it. `data` is its block's hidden table; `standing` takes in what notes said since the last check."""

    key: str
    date: str
    letter: str
    intact: bool
    question: Question
    sealed_at: str
    standing: Standing
    since: str
    data: dict[str, Any]


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """A check and what became of the entry. `note` is what a person must know of the journal, '' when nothing."""

    claim: Claim
    finding: Finding
    note: str


def seal(project: Path, question: Question, *, at: str = "") -> str:
    """Append a question as an open claim and return its key; only runs launched from now on count. Raises BadInput."""
    at = at or now()
    stamp = utc(at).astimezone(UTC)
    key, date, book = new_run_id("claim", at=stamp), f"{stamp:%Y-%m-%d}", Book(project)
    sealed = {"question": msgspec.to_builtins(question), "sealed_at": at, "code_hash": code_hash()}
    data = {"claim": key, "status": "open", **_flat(question), **sealed, "seal": sha256(canonical(sealed))}
    with book.locked():
        heading = text.heading(question, None, "open", at, date, book.letter(date))
        book.append(key, Text(heading, text.body(question, None, "open", at, at, {}) + embed(data), "claim"))
    return key


def claims(project: Path) -> list[Claim]:
    """Every claim, newest first; those whose seal does not fit are in `unsealed`."""
    found = rows(project)
    said = states(found)
    whole = [claim for row in found if row.kind == "claim" and (claim := _claim(row, said)) is not None]
    return list({claim.key: claim for claim in reversed(whole)}.values())[::-1]


def unsealed(project: Path) -> list[str]:
    """The keys of claim blocks whose question is not, or no longer, the one that was sealed."""
    return [row.key for row in rows(project) if row.kind == "claim" and _claim(row, {}) is None]


def find(project: Path, name: str) -> Claim:
    """The claim meant by a key, a unique prefix or ending, or 'last'. Raises BadInput; Refused when its question was changed."""
    found = rows(project)
    mine = {row.key: row for row in reversed(found) if row.kind == "claim"}
    if not mine:
        raise BadInput("no claims yet; seal a question with: cockpit claim new --help")
    tail = "-" + name.lstrip("-")
    keys = [list(mine)[-1]] if name == "last" else [k for k in mine if k == name]
    keys = keys or [k for k in mine if k.startswith(name) or k.endswith(tail)]
    if len(keys) != 1:
        raise BadInput(f"no claim named {name!r}" if not keys else f"{name!r} is not unique: {', '.join(keys[:4])}")
    claim = _claim(mine[keys[0]], states(found))
    if claim is None:
        raise Refused(
            f"the question of {keys[0]} was changed after it was sealed, or its block is damaged: seal it anew"
        )
    return claim


def check(project: Path, name: str, *, level: str = "") -> Checked:
    """Recompute a claim from the run folders and write what stands into its entry. Raises BadInput and Refused."""
    book = Book(project)
    with book.locked():
        claim = find(project, name)
        found = pages(project).rows[::-1]
        members = gather(project, claim.question, claim.sealed_at, claim.key, found, states(found))
        recorded = list(claim.data.get("members", []))
        held = str(claim.data.get("level", "")) if recorded else ""
        finding = examine(claim.question, members, level=level or held, recorded=recorded)
        entered = finding
        if held and level and finding.lacks and needed(level) > needed(held):
            entered = examine(
                claim.question, members, level=held, recorded=recorded
            )  # asking for more takes nothing away
        claim, note = _enter(project, book, claim, entered)
    return Checked(claim=claim, finding=finding, note=note)


def controls(claim: Claim) -> dict[str, bool]:
    """Which controls the last check found; none before the first."""
    lacks = claim.data.get("lacks")
    if lacks is None:
        return dict.fromkeys(CONTROLS, False)
    return {name: name not in lacks and not (name == RANDOM and "norm" in lacks) for name in CONTROLS}


def table(claim: Claim) -> dict[str, Any]:
    """A claim as a flat table for lists: what is asked, how it stands, and which controls it has."""
    data, have = claim.data, controls(claim)
    return {
        "claim": claim.key,
        "state": claim.standing,
        "since": claim.since,
        "question": claim.question.asked.question,
        "contrast": text.contrast_name(claim.question),
        "metric": claim.question.asked.metric,
        "split": claim.question.asked.split,
        "asked_level": claim.question.asked.level,
        "level": data.get("level", ""),
        "seeds": data.get("seeds", 0),
        "verdict": data.get("verdict", "pending"),
        "controls": have,
        "lacks_control": [name for name, there in have.items() if not there],
        "missing": data.get("missing", []),
        "sealed_at": claim.sealed_at,
        "checked_at": data.get("checked_at", ""),
        "intact": claim.intact,
    }


def _claim(row: Row, said: Mapping[str, State]) -> Claim | None:
    data = row.data
    sealed = {name: data.get(name) for name in ("question", "sealed_at", "code_hash")}
    try:
        if sha256(canonical(sealed)) != data.get("seal"):
            return None
        question = msgspec.convert(data["question"], Question)
    except (KeyError, ValueError):
        return None
    standing: Standing = data["status"] if data.get("status") in ("granted", "refused", "broken") else "open"
    since = str(data.get("since") or data.get("checked_at") or data["sealed_at"])
    fallen = [said[r["run"]] for r in data.get("members", []) if r["run"] in said]
    fallen = [s for s in [*fallen, said.get(row.key, State())] if s.state in ("retracted", "superseded")]
    if standing == "granted" and fallen:
        standing, since = "broken", min(s.at for s in fallen)
    return Claim(
        key=row.key,
        date=row.date,
        letter=row.letter,
        intact=row.intact,
        question=question,
        sealed_at=str(data["sealed_at"]),
        standing=standing,
        since=since,
        data=data,
    )


def _flat(q: Question) -> dict[str, Any]:
    """What lists and searches read without knowing claims."""
    return {
        "hypothesis": q.asked.question,
        "metric": q.asked.metric,
        "preset": q.preset,
        "trait": q.trait,
        "model": q.model,
        "family_hash": q.family_hash,
    }


def _enter(project: Path, book: Book, claim: Claim, finding: Finding) -> tuple[Claim, str]:
    """Rewrite the entry as it stands now; a check that finds nothing new leaves every byte as it is."""
    before = claim.data
    standing: Standing = "granted" if finding.granted else "broken" if before.get("members") else "refused"
    values = {name: v for name, v in before.items() if name not in ("verdict", "value", "checked_at", "since")}
    values |= {
        "status": standing,
        "seeds": finding.seeds,
        "lacks": list(dict.fromkeys(lack.of for lack in finding.lacks)),
        "missing": [lack.text for lack in finding.lacks],
    }
    if finding.verdict and finding.contrast:
        values |= {"verdict": finding.verdict.state, "value": round(finding.contrast.value, 6)}
    if finding.granted:
        values |= {"level": finding.asked_level, "members": _recorded(claim.question, finding.members)}
    stamps: dict[str, Any] = {name: before[name] for name in ("checked_at", "since") if name in before}
    if values != {name: v for name, v in before.items() if name not in stamps} or not claim.intact:
        at = now()
        since = before["since"] if before.get("status") == standing and "since" in before else at
        if standing == "broken" and claim.standing == "broken":
            since = claim.since
        stamps = {"checked_at": at, "since": since}
    values |= stamps
    asked = claim.question
    sample = _sample(project, asked, finding.members)
    heading = text.heading(asked, finding, standing, values["since"], claim.date, claim.letter)
    body = text.body(asked, finding, standing, claim.sealed_at, values["since"], sample)
    sibling = book.rewrite(claim.key, Text(heading, body + embed(values), "claim"))
    note = (
        f"the entry of {claim.key} was edited by hand and is left alone; this check is in {sibling.name}"
        if sibling
        else ""
    )
    return msgspec.structs.replace(claim, standing=standing, since=values["since"], data=values), note


def _recorded(q: Question, members: Sequence[Member]) -> list[dict[str, Any]]:
    """What a grant records of every counting member, to be compared at the next check."""
    found: list[dict[str, Any]] = []
    for m in members:
        if not m.counts:
            continue
        row: dict[str, Any] = {"run": m.run, "arm": m.arm, "seed": m.seed, "digest": m.digest}
        if m.measured:
            cell = m.cells[q.asked.subject]
            row |= {"value": cell.metrics[q.asked.metric], "line": cell.line}
        found.append(row | ({"failed": m.failed} if m.failed else {}))
    return found


def _sample(project: Path, q: Question, members: Sequence[Member]) -> dict[str, Any]:
    """What the claimed arm reads like: of the member nearest the arm's mean, never the best, its sample and its worst answer."""
    mine = [m for m in members if m.arm == q.claimed and m.measured]
    if not mine:
        return {}
    metric, subject = q.asked.metric, q.asked.subject
    mean = sum(m.value(metric, subject) for m in mine) / len(mine)
    typical = min(mine, key=lambda m: abs(m.value(metric, subject) - mean))
    worst, highest = "", -1.0
    for row in completions(RunDir(runs_folder(project) / typical.run).completions):
        scores = row.get("scores")
        ppl = scores.get("tail_ppl", -1.0) if isinstance(scores, dict) else -1.0
        mine_too = row.get("subject") == subject and f"-{q.asked.split}-" in str(row.get("id", ""))
        if mine_too and isinstance(ppl, (int, float)) and ppl > highest:
            worst, highest = str(row.get("text", "")), float(ppl)
    return {"run": typical.run, "seed": typical.seed, "text": typical.sample.get("text", ""), "worst": worst} | (
        {"round": typical.sample["round"]} if "round" in typical.sample else {}
    )
