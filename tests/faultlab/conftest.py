"""One kill laboratory for all tests that read what it left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from filelock import FileLock

ROOT = Path(__file__).parents[2]


class KillLab(NamedTuple):
    """The project with the uninterrupted run, the runs that were killed and copies of them as the first kill left each; what was said."""

    project: Path
    code: int
    out: list[str]
    err: str


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A process of its own with the sources under test; the loop's own tests check shapes, so nobody does here."""
    environment = {k: v for k, v in os.environ.items() if k != "COCKPIT_TYPECHECK"} | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900
    )


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A module, as a recipe starts it."""
    return python("-m", *arguments)


@pytest.fixture(scope="session")
def kill_lab(tmp_path_factory: pytest.TempPathFactory) -> KillLab:
    """Twelve kills in forks of one process; run once for all workers of a session."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "kill-lab"
    said = folder / "said.json"
    with FileLock(f"{folder}.lock"):
        if not said.exists():
            done = command("tests.faultlab.kills", "--forks", "--kills", "12", "--out", str(folder))
            said.write_text(json.dumps([done.returncode, done.stdout.splitlines(), done.stderr[-4000:]]))
    return KillLab(folder, *json.loads(said.read_text()))
