"""A full disk, a read-only folder, and one flipped bit in every file of a run: named, and nothing recorded is lost (FAULTS 18, 21, 39)."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.contract.errors import BadInput
from engine.contract.events import read_events
from engine.contract.rundir import RunDir, all_runs
from engine.diagnosis.combine import diagnose
from engine.diagnosis.ours import read_run
from engine.resume import look_back
from journal.blocks import parse
from journal.book import Book
from journal.record import load_record

from .conftest import KillLab, command, python

pytestmark = pytest.mark.slow

TOLD_ELSEWHERE = {
    "finished": {"result.json", "process.json"},
    "interrupted": {
        "events.jsonl",
        "completions.jsonl",
        "result.json",
        "process.json",
        "provenance.json",
        "worker.log",
    },
}
"""Files without a checksum: of a closed run the result, which the journal's entry repeats under its sha256, and who ran it; of one that
nobody closed yet also what the result would record."""
MADE_AGAIN = "pool.jsonl"
"""What stands in it is generated again where a line is damaged; that this changes nothing has a test of its own."""
ROOMY, SMALL = "64m", "2600k"

Mount = Callable[[str], Path]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Mount]:
    """disk('2600k'): a file system of that size, again with another size or 'ro' to change it."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(size: str) -> Path:
        option = size if size in ("ro", "rw") else f"size={size}"
        again = "remount," if place.is_mount() else ""
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", again + option, "tmpfs", str(place)], capture_output=True, text=True
        )
        if done.returncode:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
        return place

    yield mount
    if place.is_mount():
        subprocess.run(["umount", "--lazy", str(place)], check=True)


FILL = """
import json, sys
from pathlib import Path
from tests.faultlab import kills
project, number = Path(sys.argv[1]), int(sys.argv[2])
driver = kills.Forks(project)
folder = driver.start(0) if number == 1 else kills.find_run(project, "last")
driver.attempt(folder, number, None)
"""


def _attempt(project: Path, number: int) -> subprocess.CompletedProcess[str]:
    return python("-c", FILL, str(project), str(number))


def test_fault21_a_full_disk_is_named_and_the_run_goes_on_where_it_was_once_there_is_room(
    disk: Mount, kill_lab: KillLab
) -> None:
    from .kills import differences, outcome

    project = disk(SMALL)
    first = _attempt(project, 1)
    (run,) = all_runs(project)
    recorded = run.events.read_bytes()
    told = run.worker_log.read_text() + first.stderr + (run.result.read_text() if run.result.exists() else "")
    assert "No space left on device" in told
    steps = sum(1 for _ in read_events(run.events))
    assert steps > 20, "it had come to the heal"
    assert look_back(run, 2, 2).units[-1].name == "steered"

    disk(ROOMY)
    said = diagnose(read_run(run))
    assert "disk full or read-only" in {said.root_cause, *(h.name for h in said.competing_hypotheses)}
    done = _attempt(project, 2)
    assert done.returncode == 0, done.stderr
    assert run.events.read_bytes().startswith(recorded[: recorded.rfind(b"\n") + 1])
    plain = next(folder for folder in all_runs(kill_lab.project) if "kill-0" in folder.id)
    assert differences(outcome(plain), outcome(run)) == []
    assert json.loads(run.result.read_text())["status"] == "success"
    assert [block.intact for block in parse(Book(project).read())] == [True, True]


def test_fault39_a_project_that_cannot_be_written_is_named_and_still_read(disk: Mount, kill_lab: KillLab) -> None:
    project = disk(ROOMY)
    shutil.copytree(kill_lab.project / "runs", project / "runs", symlinks=True)
    shutil.copy(kill_lab.project / "RESEARCH_JOURNAL.md", project)
    before = {p: p.read_bytes() for p in sorted(project.rglob("*")) if p.is_file()}
    disk("ro")
    where = ("--project", str(project))
    read = [("runs",), ("journal", "list"), ("journal", "check"), ("diagnose", "last")]
    for arguments in read:
        done = command("cockpit.cli.main", *arguments, *where)
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == 0, (arguments, done.stderr)
        assert (done.stdout + done.stderr).strip()
        assert "skipped" not in done.stderr, (arguments, done.stderr)
    refused = command("cockpit.cli.main", "fast-dev-run", *where)
    assert refused.returncode == 2, refused.stderr
    assert str(project) in refused.stderr
    assert "Traceback" not in refused.stderr
    assert {p: p.read_bytes() for p in before} == before


def flipped(folder: RunDir, into: Path) -> Iterator[tuple[str, RunDir]]:
    """Copies of a run, each with one bit flipped in the middle of one of its files, with that file's path."""
    for path in sorted(p for p in folder.path.rglob("*") if p.is_file() and p.stat().st_size):
        copy = RunDir(into / folder.id)
        shutil.rmtree(copy.path, ignore_errors=True)
        shutil.copytree(folder.path, copy.path)
        name = str(path.relative_to(folder.path))
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 4
        (copy.path / name).write_bytes(bytes(data))
        yield name, copy


def named(copy: RunDir, name: str) -> bool:
    """Whether diagnosis, the journal's record or a resume says that this file is not what it was."""
    texts = [f"{e.file} {e.text}" for e in read_run(copy).damage] + [load_record(copy).damage]
    try:
        look_back(copy, 2, 2)
    except BadInput as error:
        texts.append(str(error))
    return any(Path(name).name in text or Path(name).parent.name in text for text in texts)


@pytest.mark.parametrize("which", ["finished", "interrupted"])
def test_fault18_one_flipped_bit_in_any_file_of_a_run_is_named_or_costs_nothing_recorded(
    which: str, kill_lab: KillLab, tmp_path: Path
) -> None:
    if which == "finished":
        folder = next(run for run in all_runs(kill_lab.project) if "kill-0" in run.id)
    else:
        folder = max(
            map(RunDir, (kill_lab.project / "interrupted").iterdir()), key=lambda r: len(list(r.path.rglob("*")))
        )
    entries = Book(kill_lab.project).read()
    unnamed = set()
    for name, copy in flipped(folder, tmp_path):
        diagnose(read_run(copy))
        if not named(copy, name):
            unnamed.add(name)
    unseen = {name for name in unnamed - TOLD_ELSEWHERE[which] if Path(name).name != MADE_AGAIN}
    assert not unseen, f"a flipped bit goes unseen in {sorted(unseen)}"
    assert Book(kill_lab.project).read() == entries
    assert all(block.intact for block in parse(entries))


def test_fault18_completions_damaged_between_dose_and_generate_are_named_or_made_again(
    kill_lab: KillLab, tmp_path: Path
) -> None:
    from .kills import differences, outcome

    plain = next(run for run in all_runs(kill_lab.project) if "kill-0" in run.id)
    copy = RunDir(tmp_path / "runs" / plain.id)
    shutil.copytree(plain.path, copy.path)
    units = copy.units.read_bytes().splitlines(keepends=True)
    finished = [n for n, line in enumerate(units, start=1) if b'"name":"dose","round":1' in line]
    copy.units.write_bytes(b"".join(units[: finished[0]]))
    pool = copy.round(1) / MADE_AGAIN
    chunks = [bytearray(line) for line in pool.read_bytes().splitlines(keepends=True) if b'"unit":"dose"' in line]
    chunks[0][len(chunks[0]) // 2] ^= 4
    pool.write_bytes(b"".join(chunks))
    copy.result.unlink()
    _attempt(tmp_path, 2)
    told = json.loads(copy.result.read_text())
    assert MADE_AGAIN in told["reason"] or differences(outcome(plain), outcome(copy)) == []
