"""GPU leases: one run a GPU, a busy one refuses with the holder's name, and what a dead holder left is free (FAULTS 29, 30)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.runs import lease, processes
from cockpit.runs.launch import lay, start
from cockpit.runs.lease import UNNAMED, Gpu
from engine.contract.errors import BadInput, Busy, Exit
from engine.contract.files import write_json
from engine.contract.rundir import RunDir
from journal.blocks import parse
from journal.book import Book
from tests.queued import plan

from .conftest import ROOT, environment, result

A, B = Gpu("GPU-aaaa-1111", "GPU 0"), Gpu("GPU-bbbb-2222", "GPU 1")
HOLD = """
import sys, time
from pathlib import Path
from cockpit.runs import lease
from engine.contract.rundir import RunDir
gpus = [lease.Gpu(*pair.split("=")) for pair in sys.argv[2:]]
print(lease.take(gpus, RunDir(Path(sys.argv[1]))).uuid, flush=True)
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def own_leases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def folder(tmp_path: Path) -> RunDir:
    return run_folder(tmp_path, "k3f9")


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process, which has leased GPU 0 to a run of its own."""
    run = run_folder(tmp_path, "p0aa")
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run.path), f"{A.uuid}={A.label}"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment(),
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == A.uuid
    yield process
    process.kill()
    process.wait()


def run_folder(project: Path, name: str) -> RunDir:
    run = RunDir(project / "runs" / f"20260604T101347-nano-care-{name}")
    run.path.mkdir(parents=True, exist_ok=True)
    return run


def test_fault29_a_busy_gpu_refuses_with_the_holders_name(folder: RunDir, other: subprocess.Popen[str]) -> None:
    with pytest.raises(Busy) as refused:
        lease.take([A], folder)
    assert refused.value.exit == Exit.BUSY == 10
    words = str(refused.value)
    assert words.startswith(f"GPU 0 is held by 20260604T101347-nano-care-p0aa of {folder.path.parent.parent.name} ")
    assert f"(process {other.pid})" in words
    assert "--queue" in words


def test_fault29_the_next_gpu_is_taken_when_the_first_is_held(folder: RunDir, other: subprocess.Popen[str]) -> None:
    assert lease.taken([A, B]) == ""
    assert lease.take([A, B], folder) == B
    assert "GPU 0 is held by" in lease.taken([A, B])
    assert "GPU 1 is held by" in lease.taken([A, B])


def test_fault29_a_lease_whose_holder_was_killed_is_free(folder: RunDir, other: subprocess.Popen[str]) -> None:
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert lease.holder(A) is None
    assert lease.take([A], folder) == A


def test_fault30_a_lease_whose_pid_was_reused_is_free(folder: RunDir) -> None:
    lease.take([A], folder)
    file = lease.file(A)
    kept = json.loads(file.read_text())
    was = {name: value - 1000 for name, value in kept["holder"].items() if name != "pid"}
    file.write_text(json.dumps(kept | {"holder": {"pid": os.getpid()} | was}))
    assert lease.holder(A) is None


@pytest.mark.parametrize("field", ["boot_id", "host"])
def test_fault29_a_lease_from_before_a_reboot_is_free(folder: RunDir, field: str) -> None:
    lease.take([A], folder)
    file = lease.file(A)
    file.write_text(json.dumps(json.loads(file.read_text()) | {field: "another"}))
    assert lease.holder(A) is None


def test_fault29_a_worker_that_outlived_its_supervisor_still_holds_the_gpu(
    folder: RunDir, other: subprocess.Popen[str]
) -> None:
    holding = RunDir(folder.path.with_name("20260604T101347-nano-care-p0aa"))
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    write_json(holding.process, {"worker": processes.stamp(worker.pid)})
    other.kill()
    other.wait()
    try:
        with pytest.raises(Busy):
            lease.take([A], folder)
    finally:
        worker.kill()
        worker.wait()
    assert lease.take([A], folder) == A


def test_what_is_given_back_is_free_and_only_ones_own_is_given_back(
    folder: RunDir, other: subprocess.Popen[str]
) -> None:
    lease.take([B], folder)
    lease.release(folder)
    assert lease.holder(B) is None
    lease.release(RunDir(folder.path.with_name("20260604T101347-nano-care-p0aa")))
    assert lease.holder(A) is not None, "another process's lease is not ours to give back"


def test_a_damaged_lease_is_named_and_not_taken_for_free(folder: RunDir) -> None:
    lease.take([A], folder)
    lease.file(A).write_text("{")
    with pytest.raises(BadInput, match=r"GPU-aaaa-1111\.json"):
        lease.take([A], folder)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        (None, [A, B]), ("0,1", [A, B]), ("1", [B]), ("1,0", [B, A]), ("", []), ("-1", []), ("0,-1,1", [A]),
        ("GPU-bbbb", [B]), ("GPU-", []), ("7", []), (" 1 , 0", [B, A]),
    ],
)  # fmt: skip
def test_the_gpus_of_a_run_are_those_that_cuda_shows_it(setting: str | None, expected: list[Gpu]) -> None:
    assert lease.visible([A, B], setting) == expected


@given(st.lists(st.sampled_from([A, B]), unique=True), st.none() | st.text(alphabet="01-,GPUab", max_size=8))
def test_only_installed_gpus_are_ever_visible(installed: list[Gpu], setting: str | None) -> None:
    found = lease.visible(installed, setting)
    assert found == [UNNAMED] if not installed else set(found) <= set(installed)


def test_the_worker_sees_its_own_gpu_alone(folder: RunDir) -> None:
    assert lease.environment(lease.take([B], folder)) == {"CUDA_VISIBLE_DEVICES": B.uuid}
    assert lease.environment(None) == lease.environment(UNNAMED) == {}


@pytest.mark.parametrize(
    ("cuda", "device", "expected"), [(True, "auto", True), (True, "cpu", False), (False, "auto", False)]
)
def test_a_run_wants_a_gpu_where_its_config_and_its_sealed_facts_say_so(
    cuda: bool, device: str, expected: bool
) -> None:
    sealed = plan(cuda=cuda)
    config = sealed.run.config.model_copy(
        update={"model": sealed.run.config.model.model_copy(update={"device": device})}
    )
    assert lease.wanted(config, sealed.record) is expected


def hold_all(project: Path) -> list[Gpu]:
    """Lease every GPU that a run here would want to a run of this process."""
    gpus = lease.gpus()
    for gpu in gpus:
        lease.take([gpu], run_folder(project, "p0aa"))
    return gpus


def test_fault29_a_launch_onto_a_busy_gpu_leaves_no_folder(tmp_path: Path) -> None:
    hold_all(tmp_path)
    before = sorted((tmp_path / "runs").iterdir())
    with pytest.raises(Busy, match="add --queue, or wait"):
        start(tmp_path, plan(cuda=True))
    assert sorted((tmp_path / "runs").iterdir()) == before


def test_fault29_a_supervisor_that_finds_the_gpu_taken_ends_busy_with_its_entry_and_no_worker(tmp_path: Path) -> None:
    hold_all(tmp_path)
    folder = lay(tmp_path, plan(cuda=True))
    write_json(folder.process, {"host": processes.host(), "boot_id": processes.boot_id(), "attempt": 1})
    command = [sys.executable, "-P", "-m", "cockpit.runs.supervisor", str(folder.path)]
    done = subprocess.run(command, env=environment(), capture_output=True, timeout=240)
    assert done.returncode == Exit.BUSY, done.stderr
    ended: dict[str, Any] = result(folder)
    assert (ended["status"], ended["exit"], ended["logged"]) == ("busy", 10, True)
    assert "is held by" in ended["reason"]
    assert not folder.worker_log.exists()
    (entry,) = parse(Book(tmp_path).read())
    assert b"busy" in entry.body or b"busy" in entry.heading
