"""The environment that every recipe stands on is built once, again when it must be, and never half; the menu is complete.

A small program stands in for the environment's python: it writes down how it was called and installs nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
JUST = shutil.which("just") or str(Path(sys.executable).parent / "just")

PYTHON = """#!/bin/sh
echo "$@" >>"$CALLS"
exit "${PIP_EXIT:-0}"
"""


class Clone:
    """A folder with our justfile and pyproject.toml, and an active virtual environment beside it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a clone"
        self.venv = folder / "venv"
        self.calls = folder / "calls"
        self.root.mkdir()
        for name in ("justfile", "pyproject.toml"):
            shutil.copy(ROOT / name, self.root / name)
        python = self.venv / "bin/python"
        python.parent.mkdir(parents=True)
        python.write_text(PYTHON)
        python.chmod(0o755)

    def just(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        env = os.environ | {"VIRTUAL_ENV": str(self.venv), "CALLS": str(self.calls)} | environment
        command = [JUST, "--justfile", str(self.root / "justfile"), *arguments]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=240)

    def installs(self) -> int:
        return self.calls.read_text().count("pip install") if self.calls.exists() else 0


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def test_the_environment_is_built_once_and_says_so_on_stderr(clone: Clone) -> None:
    first, second = clone.just("_environment"), clone.just("_environment")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert clone.installs() == 1
    assert "Installing the cockpit" in first.stderr
    assert first.stdout == second.stdout == second.stderr == ""


def test_a_changed_pyproject_installs_again(clone: Clone) -> None:
    clone.just("_environment")
    with (clone.root / "pyproject.toml").open("a") as file:
        file.write("\n# another dependency\n")
    clone.just("_environment")
    assert clone.installs() == 2


def test_a_clone_that_moved_installs_again(clone: Clone) -> None:
    clone.just("_environment")
    clone.root = clone.root.rename(clone.root.with_name("elsewhere"))
    clone.just("_environment")
    assert clone.installs() == 2


def test_a_failed_install_is_not_taken_for_a_finished_one(clone: Clone) -> None:
    clone.just("_environment")
    (clone.root / "pyproject.toml").write_text("[project]\n")
    assert clone.just("_environment", PIP_EXIT="1").returncode == 1
    shutil.copy(ROOT / "pyproject.toml", clone.root / "pyproject.toml")
    assert clone.just("_environment").returncode == 0
    assert clone.installs() == 3


def test_an_active_environment_without_python_is_named(clone: Clone) -> None:
    result = clone.just("_environment", VIRTUAL_ENV=str(clone.root / "gone"))
    assert result.returncode == 2
    assert str(clone.root / "gone") in result.stderr


def test_arguments_and_exit_codes_pass_through(clone: Clone) -> None:
    clone.just("_environment")
    cockpit = clone.venv / "bin/cockpit"
    cockpit.write_text('#!/bin/sh\nprintf "%s|" "$@"\nexit 3\n')
    cockpit.chmod(0o755)
    result = clone.just("run", "--set", "heal.tau=2.0", "--note", "two words")
    assert result.stdout == "launch|--preset|gemma-3-1b|--set|heal.tau=2.0|--note|two words|"
    assert result.returncode == 3


def test_the_menu_has_every_recipe_with_a_sentence() -> None:
    dump = subprocess.run(
        [JUST, "--justfile", str(ROOT / "justfile"), "--dump", "--dump-format", "json"],
        capture_output=True,
        text=True,
        check=True,
    )
    recipes = json.loads(dump.stdout)["recipes"].values()
    menu = {recipe["name"]: recipe["doc"] for recipe in recipes if not recipe["private"]}
    assert set(menu) >= {"fast-dev-run", "run", "cockpit", "test", "test-all", "e2e", "check", "bench", "nano"}
    assert all(menu.values())
