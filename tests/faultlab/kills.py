"""SIGKILL at random moments of a two-round run, resumed until it ends: what it comes to must be what the uninterrupted run came to.

    python -m tests.faultlab.kills [--kills 50] [--out DIR] [--forks]

Through `cockpit launch` and `cockpit resume`, killing the worker or its supervisor too; with --forks through the engine alone, in forks
of one process, which spares every attempt the seconds that a start takes.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

from cockpit.runs.ending import ending, finish
from engine.contract.errors import BadInput
from engine.contract.events import EpochFinished, Evaluated, HealStep, Kept, RoundBaked, standing_events
from engine.contract.files import write_json
from engine.contract.hashes import canonical
from engine.contract.rundir import RunDir, find_run
from journal.book import Book, entry_key
from journal.index import rows
from journal.record import load_record
from journal.write import open_entry

from .inject import Case

TINY = (
    "steer.contexts=8", "steer.probes=4", "steer.bisections=0", "steer.survival=0.0", "steer.dose_high=0.5",
    "generate.completions=12", "generate.prompts=6", "generate.max_new_tokens=20", "keep.enabled=false", "keep.min_kept=2",
    "keep.max_kept=8", "heal.epochs=2", "heal.batch_size=4", "evaluate.prompts=2", "evaluate.test_prompts=2", "evaluate.vignettes=7",
    "evaluate.facts=4", "evaluate.bootstrap=100", "evaluate.max_new_tokens=20", "evaluate.probes=1", "evaluate.coherence_floor=0.0",
    "run.rounds=2", "run.checkpoint_every=2",
)  # fmt: skip
"""Two rounds in a few seconds, with checkpoints within and after every epoch of a heal."""
INTERRUPTED = "interrupted"
"""Where a copy of each run is left as its first kill left it, for those who look at damage."""
EACH = (2, 4, 6)
"""Kills of one run, in turn."""
OWN = {
    "process.json", "result.json", "provenance.json", "worker.log", "supervisor.log", "events.jsonl", "units.jsonl", "preflight.json",
    "config.json",
}  # fmt: skip
"""Files that tell of attempts and times, beside attempts/; what is compared is everything else, and what the events say."""


class Outcome(NamedTuple):
    """What a run came to: the bytes of its files by path, and what its standing events say of training and measurement."""

    run: str
    files: dict[str, bytes]
    said: list[str]


def outcome(folder: RunDir) -> Outcome:
    """Everything that must not depend on how often a run was interrupted."""
    files = {
        str(path.relative_to(folder.path)): _content(path)
        for path in sorted(folder.path.rglob("*"))
        if path.is_file() and not _own(str(path.relative_to(folder.path)))
    }
    kinds = (Kept, HealStep, EpochFinished, RoundBaked, Evaluated)
    said = [_timeless(event) for event in standing_events(folder.events) if isinstance(event, kinds)]
    return Outcome(folder.id, files, said)


def _own(name: str) -> bool:
    """Whether a file tells of attempts and times, and so may differ."""
    return name in OWN or name.startswith("attempts/")


def _content(path: Path) -> bytes:
    """A file's bytes; of safetensors the header in one order, and of adapter_config.json its lists: both come in an order that is drawn
    anew in every process."""
    data = path.read_bytes()
    if path.name == "adapter_config.json":
        return canonical({k: sorted(v) if isinstance(v, list) else v for k, v in json.loads(data).items()})
    if path.suffix != ".safetensors":
        return data
    end = 8 + int.from_bytes(data[:8], "little")
    return canonical(json.loads(data[8:end])) + data[end:]


def _timeless(event: Any) -> str:
    table = {name: getattr(event, name) for name in event.__struct_fields__}
    return repr({k: v for k, v in table.items() if k not in ("at", "elapsed", "attempt", "tokens_per_second")})


def differences(plain: Outcome, resumed: Outcome) -> list[str]:
    """What differs between two outcomes, one line each; empty when nothing does."""
    found = [f"missing: {p}" for p in sorted(set(plain.files) - set(resumed.files))]
    found += [f"stray: {p}" for p in sorted(set(resumed.files) - set(plain.files))]
    found += [f"other bytes: {p}" for p, data in plain.files.items() if p in resumed.files and resumed.files[p] != data]
    for n, (a, b) in enumerate(zip(plain.said, resumed.said, strict=False)):
        if a != b:
            found.append(f"event {n} differs: {a[:200]} | {b[:200]}")
            break
    if len(plain.said) != len(resumed.said):
        found.append(f"{len(plain.said)} events without a kill, {len(resumed.said)} with it")
    return found


def entries(project: Path, run: str) -> dict[str, str]:
    """The status of every attempt's entry by its key, in the journal as it stands."""
    return {
        row.key: str(row.data.get("status")) for row in rows(project) if row.kind == "run" and row.key.startswith(run)
    }


class Forks:
    """Attempts as forks of this process, which has loaded the libraries: a kill costs no start. Opens and closes entries as a
    supervisor does."""

    def __init__(self, project: Path) -> None:
        from .worker import load

        load()
        self.project = project

    def start(self, number: int) -> RunDir:
        from .plans import prepare

        return prepare(self.project, Case(variant=f"kill-{number}", sets=TINY))

    def attempt(self, folder: RunDir, number: int, kill_after: float | None) -> bool:
        """One attempt, to its end or to its death; whether it was killed."""
        from .worker import forked

        table = json.loads(folder.process.read_text())
        write_json(folder.process, table | {"attempt": number})
        open_entry(Book(self.project), load_record(folder, number))
        began = time.monotonic()
        pid = forked(folder, lambda: _engine(folder, number))
        status = _await(pid, kill_after)
        how = ending(folder, number, os.waitstatus_to_exitcode(status))
        finish(self.project, folder, number, how, time.monotonic() - began)
        return how.status == "killed"


def _engine(folder: RunDir, number: int) -> int:
    from engine.__main__ import main

    return main(["run", str(folder.path), *(["--attempt", str(number)] if number > 1 else [])])


def _await(pid: int, kill_after: float | None) -> int:
    """The wait status of a child, killed after so many seconds if it still lives."""
    until = None if kill_after is None else time.monotonic() + kill_after
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return status
        if until is not None and time.monotonic() >= until:
            os.kill(pid, signal.SIGKILL)
            return os.waitpid(pid, 0)[1]
        time.sleep(0.005)


class Commands:
    """Attempts through `cockpit launch` and `cockpit resume`; the worker is killed, or with it its supervisor."""

    def __init__(self, project: Path, preflight: Path) -> None:
        self.project, self._preflight, self._rng = project, preflight, random.Random(11)

    def start(self, number: int) -> RunDir:
        done = self._cockpit(
            "launch", "--preflight", str(self._preflight), "--detach", *(s for x in TINY for s in ("--set", x))
        )
        return find_run(self.project, done.stdout.strip())

    def attempt(self, folder: RunDir, number: int, kill_after: float | None) -> bool:
        if number > 1:
            self._cockpit("resume", folder.id, "--detach")
        began = time.monotonic()
        while True:
            table = json.loads(folder.process.read_text())
            if self._closed(folder, number):
                return bool(json.loads(folder.result.read_text())["status"] == "killed")
            if kill_after is not None and time.monotonic() - began >= kill_after and table.get("worker"):
                victims = [table["worker"]["pid"]]
                if self._rng.random() < 0.5:
                    victims.insert(0, table["supervisor"]["pid"])
                for pid in victims:
                    os.kill(pid, signal.SIGKILL)
                kill_after = None
                if len(victims) == 2:
                    self._cockpit("runs")  # the next command closes what nobody closed
            time.sleep(0.02)

    def _closed(self, folder: RunDir, number: int) -> bool:
        try:
            result = json.loads(folder.result.read_text())
        except (OSError, ValueError):
            return False
        return bool(result.get("attempt") == number and result.get("logged"))

    def _cockpit(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "cockpit.cli.main", *arguments], cwd=self.project, capture_output=True, text=True, timeout=300
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"cockpit {' '.join(arguments[:2])}: {done.stderr.strip()}")
        return done


class Killed(NamedTuple):
    """One run that was killed: when (seconds into each attempt), and what is wrong with what it came to."""

    folder: RunDir
    moments: list[float]
    wrong: list[str]


def uninterrupted(driver: Forks | Commands) -> tuple[Outcome, float]:
    """What the run comes to when it is left alone, and the seconds that it takes."""
    folder = driver.start(0)
    began = time.monotonic()
    driver.attempt(folder, 1, None)
    status = json.loads(folder.result.read_text())["status"]
    if status != "success":
        raise RuntimeError(f"the uninterrupted run ended as {status}: {folder.worker_log.read_text()[-500:]}")
    return outcome(folder), time.monotonic() - began


def kill(driver: Forks | Commands, plain: Outcome, seconds: float, number: int, points: Sequence[float]) -> Killed:
    """Kill a run at each of these points, in [0, 1) of its length, resume it in between and to the end, and compare."""
    folder = driver.start(number)
    moments: list[float] = []
    for before, point in zip((0.0, *points), points, strict=False):
        if not driver.attempt(folder, len(moments) + 1, (point - before) * seconds):
            break
        moments.append((point - before) * seconds)
        if len(moments) == 1:
            shutil.copytree(folder.path, driver.project / INTERRUPTED / folder.id)
    else:
        driver.attempt(folder, len(moments) + 1, None)
    attempts = len(moments) + 1
    wrong = differences(plain, outcome(folder))
    told = entries(driver.project, folder.id)
    for n in range(1, attempts + 1):
        status = told.pop(entry_key(folder.id, n), "no entry")
        if status != ("success" if n == attempts else "killed"):
            wrong.append(f"the entry of attempt {n} says {status}")
    wrong += [f"an entry of no attempt: {key}" for key in told]
    return Killed(folder, moments, wrong)


def laboratory(driver: Forks | Commands, kills: int) -> Iterator[Killed]:
    """Runs killed until so many kills have hit, each compared with the one that was left alone; that one comes first."""
    plain, seconds = uninterrupted(driver)
    yield Killed(find_run(driver.project, plain.run), [], [])
    rng, landed = random.Random(7), 0
    for number, each in enumerate(cycle(EACH), start=1):
        if landed >= kills:
            return
        done = kill(driver, plain, seconds, number, sorted(rng.random() for _ in range(min(each, kills - landed))))
        landed += len(done.moments)
        yield done


def told(done: Killed) -> str:
    """One line about a run."""
    if not done.moments:
        return f"{done.folder.id}  {'; '.join(done.wrong) or 'left alone'}"
    at = ", ".join(f"{m:.1f}" for m in done.moments)
    return f"{done.folder.id}  killed after {at} s: {'; '.join(done.wrong) or 'the same'}"


def summary(every: Sequence[Killed]) -> str:
    """What it comes to, in one sentence."""
    killed = [k for k in every if k.moments]
    hits, bad = sum(len(k.moments) for k in killed), sum(bool(k.wrong) for k in killed)
    return f"{hits} kills in {len(killed)} runs: {len(killed) - bad} came to exactly what the uninterrupted one came to, {bad} did not"


def main(argv: Sequence[str]) -> int:
    """The laboratory's own fifty kills; 0 when every run came to the same."""
    parser = argparse.ArgumentParser(prog="python -m tests.faultlab.kills", description="SIGKILL, resume, compare.")
    parser.add_argument("--kills", type=int, default=50, help="SIGKILLs in all")
    parser.add_argument("--out", type=Path, default=Path("fault-lab") / "kills", help="a folder of its own")
    parser.add_argument("--forks", action="store_true", help="kill forks of this process, not launched runs")
    args = parser.parse_args(argv)
    every = []
    for done in laboratory(driver(args.out.absolute(), forks=args.forks), args.kills):
        every.append(done)
        print(told(done), flush=True)
    print(summary(every))
    return int(any(done.wrong for done in every))


def driver(project: Path, *, forks: bool) -> Forks | Commands:
    """What starts the attempts in a project. Raises BadInput where something lies there already."""
    project.mkdir(parents=True, exist_ok=True)
    if any(project.iterdir()):
        raise BadInput(f"{project} is not empty; name a new folder with --out")
    return Forks(project) if forks else Commands(project, _preflight(project))


def _preflight(project: Path) -> Path:
    """The shipped example, with the gate waived: these runs test the gate's own machinery."""
    root = Path(__file__).parents[2]
    text = (root / "examples/preflight/nano-care.toml").read_text("utf-8")
    text = text.replace("set = []", f"set = {json.dumps(list(TINY))}")
    for rule in ("W2", "KB12", "KB35"):
        text += (
            f'\n[[waivers]]\nrule = "{rule}"\nreason = "A run of the kill laboratory, too small to measure anything."\n'
        )
    path = project / "preflight.toml"
    path.write_text(text, "utf-8")
    return path


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
