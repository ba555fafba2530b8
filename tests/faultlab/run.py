"""The fault laboratory: real runs with known faults and healthy ones, and what diagnosis makes of each.

    python -m tests.faultlab.run [--faults a,b] [--seeds 5] [--healthy 60] [--kills 50] [--jobs 2] [--out DIR] [--diagnose-only]

Runs that have ended are not run again: an interrupted laboratory goes on, and thresholds are tuned with --diagnose-only."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from engine.contract.files import write_atomic
from engine.diagnosis.thresholds import Thresholds

from .cases import all_cases
from .faults import FAULTS
from .inject import Case
from .kills import Killed, driver, laboratory, summary, told
from .score import Scored, report, score


def main(argv: Sequence[str]) -> int:
    """Run what has not run, diagnose all of it, and write results.jsonl and matrix.md. 0 when no healthy run is called sick and no fault
    is misread."""
    args = _arguments(argv)
    names = args.faults.split(",") if args.faults else list(FAULTS)
    if unknown := [name for name in names if name not in FAULTS]:
        print(f"no fault named {', '.join(unknown)}; there are {', '.join(FAULTS)}", file=sys.stderr)
        return 2
    project = args.out.absolute()
    project.mkdir(parents=True, exist_ok=True)
    cases = all_cases(names, args.seeds, args.healthy)
    ran = "" if args.diagnose_only else _run(project, cases, args.jobs)
    scored = _diagnose(project, cases)
    write_atomic(project / "results.jsonl", b"".join(msgspec.json.encode(s) + b"\n" for s in scored))
    page = report(scored, ran or f"{len(scored)} of {len(cases)} runs were there.")
    killed = [] if args.diagnose_only else _kill(project / f"kills-{datetime.now(UTC):%Y%m%dT%H%M%S}", args.kills)
    if killed:
        page += f"\n## Kills\n\n{summary(killed)}.\n"
    write_atomic(project / "matrix.md", page.encode("utf-8"))
    print(page)
    wrong = any(s.verdict in ("wrong", "missed", "sick") or not s.bit for s in scored)
    return int(wrong or any(done.wrong for done in killed))


def _run(project: Path, cases: Sequence[Case], jobs: int) -> str:
    from .worker import run_all

    began, core, count = time.monotonic(), 0.0, 0
    for ran in run_all(project, cases, jobs):
        count, core = count + 1, core + ran.core_seconds
        note = "" if ran.bit else "  (its fault did not touch it)"
        print(f"{count:4d}  {ran.seconds:6.1f} s  {ran.case.name}{note}", file=sys.stderr, flush=True)
    wall = time.monotonic() - began
    each = f", {core / count:.1f} s of a core each" if count else ""
    return f"{len(cases)} runs; {count} of them now, in {wall / 60:.1f} minutes{each}."


def _kill(project: Path, kills: int) -> list[Killed]:
    every: list[Killed] = []
    if kills:
        for done in laboratory(driver(project, forks=False), kills):
            every.append(done)
            print(told(done), file=sys.stderr, flush=True)
    return every


def _diagnose(project: Path, cases: Sequence[Case]) -> list[Scored]:
    thresholds = Thresholds()
    return [found for case in cases if (found := score(project, case, thresholds)) is not None]


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="just fault-lab", description="Real runs with known faults, and what diagnosis makes of them."
    )
    parser.add_argument("--faults", default="", help="names, with commas; all of them without")
    parser.add_argument("--seeds", type=int, default=5, help="seeds of each fault; the first two are for tuning")
    parser.add_argument("--healthy", type=int, default=60, help="healthy runs of many kinds")
    parser.add_argument("--kills", type=int, default=50, help="SIGKILLs through launch and resume, after the runs")
    parser.add_argument("--jobs", type=int, default=2, help="runs at once")
    parser.add_argument("--out", type=Path, default=Path("fault-lab"), help="a folder of its own for runs and tables")
    parser.add_argument("--diagnose-only", action="store_true", help="judge the runs that are there, and start none")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
