"""A run is dirty when its sources differ from their commit or no commit is known, and for no other reason (requirement K2)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cockpit.runs.provenance import provenance, sources

from .conftest import SECRET


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    for package in ("engine", "cockpit", "journal"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "one")
    return tmp_path


def test_a_clean_clone_names_its_commit(clone: Path) -> None:
    commit, dirty, diff = sources(clone)
    assert len(commit) == 40
    assert (dirty, diff) == (False, "")


def test_journals_and_runs_never_make_it_dirty(clone: Path) -> None:
    (clone / "RESEARCH_JOURNAL.md").write_text("mine")
    (clone / "runs").mkdir()
    (clone / "runs/x.json").write_text("{}")
    assert sources(clone)[1] is False


def test_a_changed_source_is_dirty_and_its_diff_is_kept(clone: Path) -> None:
    (clone / "engine/__init__.py").write_text("changed = 1\n")
    (clone / "journal/new.py").write_text("")
    commit, dirty, diff = sources(clone)
    assert dirty
    assert len(commit) == 40
    assert "+changed = 1" in diff
    assert "journal/new.py" in diff


def test_no_commit_is_unknown_and_dirty(tmp_path: Path) -> None:
    assert sources(tmp_path) == ("unknown", True, "")
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine/__init__.py").write_text("")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    assert sources(tmp_path) == ("unknown", True, "")


def test_provenance_holds_neither_environment_nor_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """FAULTS 27."""
    monkeypatch.setenv("HF_TOKEN", SECRET)
    monkeypatch.setattr("sys.argv", ["cockpit", f"--set={SECRET}"])
    record, diff = provenance()
    assert SECRET not in str(record)
    assert f"--set={SECRET}" not in diff
    assert record["hardware"]["line"]
