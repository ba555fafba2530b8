"""The real command line over the real engine on nano, at a tiny scale; what many tests read is run once for all of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from filelock import FileLock

from engine.contract.rundir import RunDir, all_runs

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/preflight/nano-care.toml"
SECRET = "planted-secret-4711"
TINY = [
    "steer.contexts=16", "steer.probes=4", "steer.bisections=0", "steer.survival=0.0", "steer.dose_high=0.75",
    "generate.completions=12", "generate.prompts=6", "generate.max_new_tokens=24",
    "keep.enabled=false", "keep.min_kept=2", "keep.max_kept=8", "heal.epochs=1", "heal.batch_size=4",
    "evaluate.prompts=4", "evaluate.test_prompts=4", "evaluate.vignettes=28", "evaluate.facts=4", "evaluate.bootstrap=100",
    "evaluate.max_new_tokens=24", "evaluate.probes=0", "evaluate.coherence_floor=0.0", "run.rounds=1",
]  # fmt: skip


class Shared(NamedTuple):
    """A project with a fast-dev-run and a launched run in it, and what their commands said."""

    project: Path
    smoke: RunDir
    real: RunDir
    said: dict[str, Any]


def preflight(
    path: Path, *, sets: list[str] | None = None, waive: tuple[str, ...] = ("W2", "KB12"), extra: str = ""
) -> Path:
    """The shipped example for a tiny config; the gate is waived unless a test says otherwise."""
    text = EXAMPLE.read_text("utf-8").replace("set = []", f"set = {json.dumps(TINY if sets is None else sets)}")
    for rule in waive:
        text += f'\n[[waivers]]\nrule = "{rule}"\nreason = "A run of the test suite, too small to measure anything."\n'
    path.write_text(text + extra, "utf-8")
    return path


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "cockpit.cli.main", *arguments]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "120", "MY_API_KEY": SECRET}


Cli = Callable[..., subprocess.CompletedProcess[str]]


def run_cli(*arguments: str, project: Path, timeout: float = 400, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        cwd=project,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=timeout,
        input=stdin,
    )


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """cli('runs', '--json'): a command in the test's own project, unless project= names another."""

    def call(*arguments: str, project: Path = tmp_path, **more: Any) -> subprocess.CompletedProcess[str]:
        return run_cli(*arguments, project=project, **more)

    return call


@pytest.fixture(scope="session")
def common(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this session share."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "cockpit-common"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session", autouse=True)
def one_cache(common: Path, own_user_folders: Path) -> Iterator[None]:
    """The facts of a model are looked up once, not once a worker."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(common / "cache"))
        yield


@pytest.fixture(scope="session")
def shared(common: Path) -> Shared:
    """fast-dev-run, then a launch that its success allows, in one project. For reading only."""
    project, notes = common / "project", common / "said.json"
    with FileLock(str(common / "shared.lock")):
        if not notes.exists():
            shutil.rmtree(project, ignore_errors=True)
            project.mkdir()
            checklist = preflight(common / "tiny.toml", waive=("KB12",))
            gate = run_cli("fast-dev-run", project=project)
            real = run_cli("launch", "--preset", "nano-care", "--preflight", str(checklist), *sets(), project=project)
            said = {n: [r.returncode, r.stdout, r.stderr] for n, r in (("gate", gate), ("real", real))}
            notes.write_text(json.dumps(said))
    runs = all_runs(project)
    assert len(runs) == 2, notes.read_text()
    return Shared(project, runs[0], runs[1], json.loads(notes.read_text()))


def sets() -> list[str]:
    """TINY as --set options."""
    return [part for setting in TINY for part in ("--set", setting)]


@pytest.fixture
def started(tmp_path: Path, cli: Cli) -> RunDir:
    """A tiny run that was just launched and let go."""
    done = cli(
        "launch", "--preflight", str(preflight(tmp_path / "tiny.toml")), "--set", "run.hang_limit=60", "--detach"
    )
    assert done.returncode == 0, done.stderr
    folder = RunDir(tmp_path / "runs" / done.stdout.strip())
    wait(lambda: bool(process(folder).get("worker")))
    return folder


def process(folder: RunDir) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(folder.process.read_text())
    return value


def result(folder: RunDir) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(folder.result.read_text()) if folder.result.exists() else {}
    return value


def wait(ready: Callable[[], bool], seconds: float = 60) -> None:
    """Until `ready`, or fail."""
    until = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)
