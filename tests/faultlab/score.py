"""What diagnosis makes of runs whose fault is known: right, an honest request for data, wrong, or missed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from engine.contract.rundir import RunDir
from engine.contract.stats import wilson
from engine.diagnosis.combine import SIGNATURES, diagnose
from engine.diagnosis.ours import read_run
from engine.diagnosis.thresholds import Thresholds

from .cases import PARTS, part
from .faults import ALL, FAULTS
from .inject import Case

Verdict = Literal["right", "asked", "wrong", "missed", "sick"]
CLASSES = {s.name: s.cls for s in SIGNATURES}
WELL, UNSURE = "healthy", "insufficient"


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """One diagnosed run. `expected` and `found` are classes, or healthy and insufficient; `named` says that the very cause was named.

    `asked_for` is the first thing that an insufficient answer wants; `correct` is whether what `confidence` stands for is true, None
    where it stands for nothing."""

    case: Case
    part: str
    bit: bool
    status: str
    expected: str
    found: str
    cause: str
    leading: str
    named: bool
    confidence: float
    correct: bool | None
    verdict: Verdict
    asked_for: str


def score(project: Path, case: Case, thresholds: Thresholds) -> Scored | None:
    """Diagnose a run that has ended; None while it has not."""
    folder = RunDir(project / "runs" / case.run)
    if not folder.result.exists():
        return None
    said = diagnose(read_run(folder), thresholds)
    fault = FAULTS.get(case.fault)
    causes = fault.expected if fault else ()
    expected: set[str] = {CLASSES[cause] for cause in causes}
    guess = said.competing_hypotheses[0].name if said.answer == UNSURE and said.competing_hypotheses else ""
    leading = said.root_cause if said.answer == "root cause" else guess
    correct = None if said.answer == UNSURE and not said.confidence else _true(said.answer, leading, expected)
    return Scored(
        case=case,
        part=part(case),
        bit=not fault or (project / "bites" / case.name).exists(),
        status=said.status,
        expected="/".join(sorted(expected)) or WELL,
        found=str(said.cls) if said.answer == "root cause" else said.answer,
        cause=said.root_cause,
        leading=leading,
        named=said.root_cause in causes,
        confidence=said.confidence,
        correct=correct,
        verdict=_verdict(said.answer, bool(fault), bool(correct)),
        asked_for=said.missing[0].what if said.answer == UNSURE and said.missing else "",
    )


def _true(answer: str, leading: str, expected: set[str]) -> bool:
    return not expected if answer == WELL else CLASSES.get(leading, "") in expected


def _verdict(answer: str, faulty: bool, correct: bool) -> Verdict:
    if answer == UNSURE:
        return "asked"
    if correct:
        return "right"
    if not faulty:
        return "sick"
    return "missed" if answer == WELL else "wrong"


def brier(scored: Iterable[Scored]) -> float | None:
    """Mean squared distance of the confidence to what was true, over the answers that have one."""
    told = [(s.confidence - float(s.correct)) ** 2 for s in scored if s.correct is not None]
    return sum(told) / len(told) if told else None


def report(scored: Sequence[Scored], seconds: str) -> str:
    """The laboratory's page: totals by part, faults one by one, confusion of classes, and every run that was not right."""
    blocks = [
        "# The fault laboratory",
        seconds,
        *_totals(scored),
        *_faults(scored),
        *_confusion(scored),
        *_healthy(scored),
        *_off(scored),
    ]
    return "\n\n".join(blocks) + "\n"


def _totals(scored: Sequence[Scored]) -> list[str]:
    lines = [
        "| runs | faulty | right | asked for data | wrong | missed | healthy | called sick (95%) | Brier |",
        "|---|" + "---:|" * 8,
    ]
    for name in (*PARTS, "all"):
        mine = [s for s in scored if name in (s.part, "all")]
        sick = [s for s in mine if s.case.fault]
        well = [s for s in mine if not s.case.fault]
        count = Counter(s.verdict for s in sick)
        false = sum(s.verdict == "sick" for s in well)
        interval = f"{false} [{wilson(false, len(well)).low:.2f}, {wilson(false, len(well)).high:.2f}]" if well else "–"
        b = brier(mine)
        lines.append(
            f"| {name} | {len(sick)} | {count['right']} | {count['asked']} | {count['wrong']} | {count['missed']} "
            f"| {len(well)} | {interval} | {'–' if b is None else f'{b:.3f}'} |"
        )
    told = "Right: the class at a confidence of .8 or more. Thresholds may be tuned on the first row alone; the others are only read."
    return ["## In all", "\n".join(lines), told]


def _faults(scored: Sequence[Scored]) -> list[str]:
    lines = [
        "| no. | fault | runs | right | its cause named | asked | wrong or missed | most often said |",
        "|---:|---|" + "---:|" * 5 + "---|",
    ]
    for fault in sorted(ALL, key=lambda f: (f.number == 0, f.number)):
        mine = [s for s in scored if s.case.fault == fault.name]
        if not mine:
            continue
        count = Counter(s.verdict for s in mine)
        said = Counter(
            s.cause if s.cause != UNSURE else f"insufficient ({s.leading or 'no lead'})" for s in mine
        ).most_common(1)[0][0]
        unbitten = sum(not s.bit for s in mine)
        lines.append(
            f"| {fault.number or '–'} | {fault.what}{f' ({unbitten} did not bite)' if unbitten else ''} | {len(mine)} | {count['right']} "
            f"| {sum(s.named for s in mine)} | {count['asked']} | {count['wrong'] + count['missed']} | {said} |"
        )
    return ["## Fault by fault", "\n".join(lines)]


def _confusion(scored: Sequence[Scored]) -> list[str]:
    columns = [*dict.fromkeys(CLASSES.values()), WELL, UNSURE]
    lines = ["| true \\ said | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    for name in [*dict.fromkeys(CLASSES.values()), WELL]:
        mine = [s for s in scored if name in s.expected.split("/")]
        if mine:
            count = Counter(s.found for s in mine)
            lines.append(f"| {name} | " + " | ".join(str(count[c] or "·") for c in columns) + " |")
    return ["## Classes", "\n".join(lines)]


def _healthy(scored: Sequence[Scored]) -> list[str]:
    well = [s for s in scored if not s.case.fault]
    kinds = {"care": [], "love": [], "control": [], "random": []}  # type: dict[str, list[Scored]]
    for s in well:
        kind = s.case.variant.split("-")[-1].rstrip("0123456789")
        kinds[kind if kind in kinds else "care"].append(s)
    lines = ["| healthy runs | runs | healthy | asked for data | called sick |", "|---|" + "---:|" * 4]
    for kind, mine in kinds.items():
        if mine:
            count = Counter(s.verdict for s in mine)
            lines.append(f"| {kind} | {len(mine)} | {count['right']} | {count['asked']} | {count['sick']} |")
    return ["## Healthy runs", "\n".join(lines)] if well else []


def _off(scored: Sequence[Scored]) -> list[str]:
    off = [s for s in scored if s.verdict in ("wrong", "missed", "sick") or not s.bit]
    lines = [
        f"- {s.case.name} ({s.part}, {s.status}): {s.cause} at {s.confidence:.2f}{'' if s.bit else ', the fault did not bite'}"
        for s in off
    ]
    return ["## Runs that were not right", "\n".join(lines) or "None."]
