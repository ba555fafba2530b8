"""Which runs answer a question: read from their folders, every number with its line in events.jsonl, every run that does not count with
the reasons why."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from engine.contract.errors import BadInput
from engine.contract.events import AnyEvent, Evaluated, RunResumed, VectorExtracted, decode
from engine.contract.hashes import sha256
from engine.contract.resolve import from_table
from engine.contract.rundir import RunDir, all_runs
from engine.contract.runfile import RunFile, load_runfile
from journal.book import entry_key
from journal.claims.question import Question, identity
from journal.index import Row
from journal.record import Record, load_record
from journal.review import State
from journal.text import number, plain, short

FAILURES = ("nan", "diverged", "starved")
"""Endings that are an outcome of the configuration: such a seed counts as a failure and is never dropped."""


class Cell(msgspec.Struct, frozen=True):
    """One `evaluated` event: its line in events.jsonl (from 1), its round, and its metrics."""

    line: int
    round: int
    metrics: dict[str, float]


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One run of an arm. Exactly one run of a seed counts; `why` says why another does not.

    `failed` is how a counting run failed, '' when it was measured. `curve` is the metric of the subject over the rounds on val,
    `norms` the vector's norm per layer in the first round, `digest` sha256 over the lines of its `evaluated` events,
    `code` the hash of the sources it ran under."""

    run: str
    arm: str
    seed: int
    status: str
    launched: str
    why: tuple[str, ...] = ()
    obliges: bool = True
    failed: str = ""
    cells: dict[str, Cell] = {}
    curve: tuple[float, ...] = ()
    norms: dict[str, float] = {}
    sample: dict[str, Any] = {}
    digest: str = ""
    code: str = ""

    @property
    def counts(self) -> bool:
        """Whether this is the run of its seed."""
        return not self.why

    @property
    def measured(self) -> bool:
        """Whether it counts and has a number."""
        return self.counts and not self.failed

    def value(self, metric: str, subject: str) -> float:
        """A metric of a subject of a measured run."""
        return self.cells[subject].metrics[metric]


def gather(
    project: Path, q: Question, sealed_at: str, key: str, rows: Sequence[Row], said: Mapping[str, State]
) -> list[Member]:
    """Every run of the question's arms, by arm and launch. `rows` are the journal's blocks, `said` what its notes say of them."""
    places = {row.key: row for row in rows if row.kind != "note"}
    floor = places[key].start if key in places else 0
    found: list[Member] = []
    for folder in all_runs(project):
        try:
            run = load_runfile(folder.config)
        except BadInput:
            if arm := _damaged(folder, q):
                found.append(_unreadable(folder, arm, sealed_at))
            continue
        arm = _arm(run, q)
        if arm:
            found.append(_member(folder, arm, q, sealed_at, floor, places, said))
    order = list(q.arms)
    found.sort(key=lambda m: (order.index(m.arm), m.launched, m.run))
    return _one_per_seed(found)


def _arm(run: RunFile, q: Question) -> str:
    """The arm that a run belongs to, '' for none."""
    if identity(run, q.axes) != q.family_hash:
        return ""
    flat = run.config.flat()
    return next((name for name, values in q.arms.items() if all(flat[k] == v for k, v in values.items())), "")


def _damaged(folder: RunDir, q: Question) -> str:
    """The arm that the seal of a run is of whose config.json cannot be trusted, '' for none: it is named, never passed over."""
    record = load_record(folder)
    sealed = record.preflight.get("config")
    if not isinstance(sealed, dict) or not record.sealed:
        return ""
    table: dict[str, dict[str, Any]] = {}
    for knob, value in sealed.items():
        section, _, name = str(knob).partition(".")
        table.setdefault(section, {})[name] = value
    try:
        run = RunFile(
            config=from_table(table),
            preset="",
            changes={},
            axes=[],
            trait_hash=str(record.preflight["trait_hash"]),
            model_hash=str(record.preflight["model_hash"]),
        )
    except (BadInput, KeyError):
        return ""
    return _arm(run, q)


def _unreadable(folder: RunDir, arm: str, sealed_at: str) -> Member:
    record = load_record(folder)
    early = _early(record, sealed_at, None, 0)
    return Member(
        run=folder.id,
        arm=arm,
        seed=record.started.seed if record.started else -1,
        status=record.status or "running",
        launched=launch(record),
        why=(*early, f"its files are damaged: {plain(record.damage, 200)}"),
        obliges=record.started is not None and not early,
    )


def _member(
    folder: RunDir,
    arm: str,
    q: Question,
    sealed_at: str,
    floor: int,
    places: Mapping[str, Row],
    said: Mapping[str, State],
) -> Member:
    record = load_record(folder)
    seen = _lines(folder.events, record.attempt)
    cells, metric, asked = _cells(seen, record, q), q.asked.metric, q.asked
    key = entry_key(record.id, record.attempt)
    early = _early(record, sealed_at, places.get(key), floor)
    why = early + _unfit(record, q) + _said(key, said) + _not_logged(record, places.get(key))
    why += _looks(record, seen, q) + _disagrees(record, places.get(key), cells, q)
    failed = ""
    if record.status in FAILURES:
        failed = f"ended as {record.status}"
    elif record.status == "success" and not record.best and asked.subject in ("healed", "steered"):
        failed = "no round passed the floors"
    elif record.status == "success" and metric not in _metrics(cells, asked.subject):
        why.append(f"{asked.subject} {metric} was not measured on {asked.split}")
    elif record.status and record.status != "success":
        why.append(f"ended as {record.status} before it was measured")
    elif not record.status:
        why.append("is not finished")
    curve = [
        (e.round, e.metrics[metric])
        for _, _, e in seen
        if isinstance(e, Evaluated) and e.subject == asked.subject and e.split == "val" and metric in e.metrics
    ]
    vectors = [e for _, _, e in seen if isinstance(e, VectorExtracted)]
    config = record.config
    return Member(
        run=folder.id,
        arm=arm,
        seed=config.run.seed,
        status=record.status or "running",
        launched=launch(record),
        why=tuple(why),
        obliges=not early and not record.smoke,
        failed=failed,
        cells=cells,
        curve=tuple(v for _, v in sorted(curve)),
        norms=vectors[0].norm if vectors else {},
        sample=record.sample if record.sample.get("subject") == asked.subject else {},
        code=str(record.provenance.get("code_hash", "")),
        digest=sha256(b"".join(raw for _, raw, e in seen if isinstance(e, Evaluated))),
    )


def _lines(path: Path, attempt: int) -> list[tuple[int, bytes, AnyEvent]]:
    """(line number, bytes, event) of the evaluations and vectors that hold after an attempt; torn and foreign lines are no events."""
    found: list[tuple[int, bytes, AnyEvent]] = []
    if not path.exists():
        return found
    with path.open("rb") as f:
        for n, line in enumerate(f, 1):
            if not any(kind in line for kind in (b'"evaluated"', b'"vector_extracted"', b'"run_resumed"')):
                continue
            try:
                event = decode(line)
            except msgspec.DecodeError:
                continue
            if event.attempt > attempt:
                continue
            if isinstance(event, RunResumed):
                found = [row for row in found if row[0] <= event.holds]
            elif isinstance(event, (Evaluated, VectorExtracted)):
                found.append((n, line, event))
    return found


def _cells(seen: Sequence[tuple[int, bytes, AnyEvent]], record: Record, q: Question) -> dict[str, Cell]:
    """The last evaluation of every subject on the question's split; on val the healed and steered ones of the best round."""
    found: dict[str, Cell] = {}
    for line, _, e in seen:
        if not isinstance(e, Evaluated) or e.split != q.asked.split:
            continue
        per_round = e.split == "val" and e.subject in ("healed", "steered")
        if not per_round or e.round == record.best:
            found[e.subject] = Cell(line, e.round, e.metrics)
    return found


def _metrics(cells: Mapping[str, Cell], subject: str) -> Mapping[str, float]:
    return cells[subject].metrics if subject in cells else {}


def launch(record: Record) -> str:
    """When a run was launched (UTC, ISO 8601): its id's stamp, else its first event, else ''."""
    stamp = re.match(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)", record.id)
    if stamp:
        y, mo, d, h, mi, s = stamp.groups()
        return f"{y}-{mo}-{d}T{h}:{mi}:{s}Z"
    return record.started.at if record.started else ""


def _early(record: Record, sealed_at: str, row: Row | None, floor: int) -> list[str]:
    """The order of the clock and that of the journal, which no clock moves, must both say that the question came first."""
    at = launch(record)
    moment, sealed = _moment(at), _moment(sealed_at)
    if moment is None or sealed is None:
        return ["it is not known when it was launched"]
    if moment < sealed.replace(microsecond=0):
        return [f"launched {at[:16].replace('T', ' ')}, before the question was sealed"]
    if row is not None and row.start < floor:
        return ["its entry stands above the question: it was launched before the question was sealed"]
    return []


def _moment(stamp: str) -> datetime | None:
    try:
        return datetime.fromisoformat(stamp.replace("Z", "+00:00"))
    except ValueError:
        return None


def _unfit(record: Record, q: Question) -> list[str]:
    """What bars a run from every claim, and what makes its numbers not comparable."""
    why = []
    if record.smoke:
        why.append("is a smoke run, which is no result")
    if record.lineage:
        why.append(
            f"is a fork of {record.lineage.parent}: what came before {record.lineage.place} was another config's"
        )
    if record.touched:
        why.append("was touched: knobs were set while it ran")
    if record.provenance.get("dirty", True):
        why.append("is dirty: its sources differ from their commit, or no commit is known")
    if not record.sealed or record.damage:
        why.append(f"has a damaged seal: {plain(record.damage, 200) or 'it was never sealed'}")
    tokenizer = record.facts.tokenizer_hash if record.facts else ""
    if tokenizer != q.tokenizer_hash:
        why.append(f"is not comparable: tokenizer {tokenizer[:8] or 'unknown'}, not {q.tokenizer_hash[:8]}")
    versions = {e.metric_version for e in record.evaluated if e.split == q.asked.split} - {q.metric_version}
    if versions:
        why.append(f"is not comparable: metric version {', '.join(map(str, sorted(versions)))}, not {q.metric_version}")
    return why


def _said(key: str, said: Mapping[str, State]) -> list[str]:
    state = said.get(key)
    if state is None or state.state not in ("retracted", "superseded"):
        return []
    reason = f": {plain(state.reason, 160)}" if state.reason else ""
    return [f"was {state.state}{f' {state.at[:10]}' if state.at else ''}{reason}"]


def _not_logged(record: Record, row: Row | None) -> list[str]:
    if row is None:
        return ["has no entry in the journal"]
    return [] if record.result.get("logged") or not record.status else ["its entry is not closed"]


def _looks(record: Record, seen: Sequence[tuple[int, bytes, AnyEvent]], q: Question) -> list[str]:
    """The test split is looked at once a run."""
    if q.asked.split != "test":
        return []
    rows = [e for _, _, e in seen if isinstance(e, Evaluated) and e.split == "test" and e.subject == q.asked.subject]
    looks = max(record.finished.reveals if record.finished else 0, len(rows))
    return [f"looked at the test split {looks} times"] if looks > 1 else []


def _disagrees(record: Record, row: Row | None, cells: Mapping[str, Cell], q: Question) -> list[str]:
    """A number that its entry recorded at its end and its events no longer say: one of them was edited."""
    if row is None or record.table_split() != q.asked.split:
        return []
    for subject, cell in cells.items():
        last = record.row(subject, q.asked.split)
        if last is None or last.round != cell.round:
            continue  # the entry recorded the last round, the question asks for the best
        for metric in dict.fromkeys((q.asked.metric, *cell.metrics)):
            wrote, now = row.data.get(f"{subject}.{metric}"), cell.metrics.get(metric)
            if isinstance(wrote, (int, float)) and now is not None and abs(wrote - now) > 2e-6:
                return [
                    f"does not agree with its entry: {subject} {metric} is {number(metric, now)} at events.jsonl:{cell.line}, "
                    f"{number(metric, wrote)} in the journal"
                ]
    return []


def _one_per_seed(found: Sequence[Member]) -> list[Member]:
    """Of the runs of one arm and seed the first that came to an outcome counts, however it came out; later ones are repeats."""
    first: dict[tuple[str, int], str] = {}
    kept: list[Member] = []
    for m in found:
        place: tuple[str, int] = (m.arm, m.seed)
        if m.counts and place in first:
            m = msgspec.structs.replace(m, why=(f"repeats seed {m.seed}: {short(first[place])} ran it first",))
        elif m.counts:
            first[place] = m.run
        kept.append(m)
    return kept
