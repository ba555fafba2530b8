"""What is no result leaves no export, and what cannot be written says why, before anything is loaded (A10, FAULTS 35)."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from cockpit.cli.main import run as cockpit
from cockpit.report.tensorboard import Mirror
from cockpit.runs import processes
from engine.contract.errors import BadInput, Refused
from engine.contract.files import write_json
from engine.contract.rundir import RunDir
from engine.export.command import export
from engine.export.source import find_source
from journal.book import Book
from tests.export.conftest import bake

Said = pytest.CaptureFixture[str]


def asked(project: Path, capsys: Said, *arguments: str) -> tuple[int, str]:
    """Exit code and stderr of `cockpit export` in a project."""
    code = cockpit(["--project", str(project), "export", *arguments])
    return code, capsys.readouterr().err


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a smoke run, a run on random weights, and one whose entry is open."""
    project = tmp_path_factory.mktemp("bare")
    for tail, sets, logged in (
        ("smk2", ["run.smoke=true"], True),
        ("rnd2", ["model.id=random:llama"], True),
        ("opn2", [], False),
    ):
        folder = bake(project, tail, *sets, rounds=1, best=1, logged=logged)
    folder.result.unlink()  # the last one goes on, supervised by this process
    here = {"host": processes.host(), "boot_id": processes.boot_id(), "attempt": 1}
    write_json(folder.process, here | {"supervisor": processes.me()})
    return project


@pytest.mark.parametrize("form", ["peft", "merged", "gguf", "vector"])
def test_A10_fault35_a_smoke_run_is_never_exported(bare: Path, tmp_path: Path, capsys: Said, form: str) -> None:
    out = tmp_path / "out"
    code, said = asked(bare, capsys, "smk2", "--format", form, "--out", str(out))
    assert code == 3
    assert "is a smoke run: its scale was reduced, so it is no result and is not exported" in said
    with pytest.raises(Refused, match="is a smoke run"):
        export([str(next((bare / "runs").glob("*-smk2"))), "--format", form, "--out", str(out)])
    assert not out.exists()


def test_A10_a_run_on_random_weights_is_never_exported(bare: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"ran on random weights \(random:llama\), so it is no result"):
        export([str(next((bare / "runs").glob("*-rnd2"))), "--format", "peft", "--out", str(tmp_path / "out")])


def test_K16_a_run_whose_entry_is_open_is_not_exported(bare: Path, tmp_path: Path, capsys: Said) -> None:
    code, said = asked(bare, capsys, "opn2", "--format", "peft", "--out", str(tmp_path / "out"))
    assert (code, "cannot be analysed: it has not ended" in said) == (3, True)
    assert not (tmp_path / "out").exists()


def test_a_seal_that_was_broken_vouches_for_nothing(project: Path, tmp_path: Path, capsys: Said) -> None:
    shutil.copytree(project, tmp_path / "p")
    (sealed,) = (tmp_path / "p").glob("runs/*-k3f9/preflight.json")
    sealed.write_text(sealed.read_text().replace("Four rounds", "Five rounds"))
    code, said = asked(tmp_path / "p", capsys, "k3f9", "--format", "vector", "--out", str(tmp_path / "out"))
    assert (code, "is not what was sealed" in said) == (3, True)


def test_a_base_that_changed_since_the_seal_is_refused(tmp_path: Path) -> None:
    from engine.model.load import NANO

    base = shutil.copytree(NANO, tmp_path / "base")
    run = bake(tmp_path, "chg2", f"model.id={base}", rounds=1, best=1)
    template = base / "chat_template.jinja"
    template.write_text(template.read_text() + "{# another #}")
    with pytest.raises(Refused, match="the base is not the one this run was sealed with"):
        export([str(run.path), "--format", "peft", "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


def test_nothing_is_written_over(project: Path, tmp_path: Path, capsys: Said) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    code, said = asked(project, capsys, "k3f9", "--format", "vector", "--out", str(tmp_path))
    assert (code, said) == (2, f"{tmp_path} is not empty; name another folder with --out\n")
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_a_failed_export_leaves_nothing_behind_and_no_note(project: Path, tmp_path: Path, capsys: Said) -> None:
    before = Book(project).read()
    code, said = asked(project, capsys, "k3f9", "--format", "vector", "--round", "7", "--out", str(tmp_path / "out"))
    assert (code, "has no round with a vector 7; it has 1, 2" in said) == (2, True)
    assert list(tmp_path.iterdir()) == []
    assert Book(project).read() == before


def test_an_export_among_the_run_folders_is_refused(project: Path, capsys: Said) -> None:
    code, said = asked(project, capsys, "k3f9", "--format", "vector", "--out", str(project / "runs" / "x"))
    assert (code, "lies among the run folders" in said) == (2, True)


def test_an_unknown_format_names_the_known_ones(project: Path, tmp_path: Path, capsys: Said) -> None:
    code, said = asked(project, capsys, "k3f9", "--format", "onnx", "--out", str(tmp_path / "out"))
    assert (code, said) == (2, "--format takes peft, merged, gguf, vector, not 'onnx'\n")


def test_a_dtype_is_for_merged_models_alone(run: RunDir, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--dtype is for --format merged"):
        export([str(run.path), "--format", "peft", "--dtype", "bf16", "--out", str(tmp_path / "out")])


def test_a_missing_package_names_its_extra(run: RunDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", [])
    monkeypatch.delitem(sys.modules, "gguf", raising=False)
    with pytest.raises(BadInput, match=r"not installed: pip install -e '\.\[gguf\]'"):
        export([str(run.path), "--format", "gguf", "--out", str(tmp_path / "out")])


def test_a_mirror_without_tensorboard_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", [])
    monkeypatch.delitem(sys.modules, "tensorboard", raising=False)
    with pytest.raises(BadInput, match=r"not installed: pip install -e '\.\[tensorboard\]'"):
        Mirror(tmp_path / "logs")
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize(("form", "best", "chosen"), [("peft", 1, 1), ("merged", 2, 2), ("peft", 0, 2), ("gguf", 2, 1)])
def test_the_round_is_the_best_else_the_last_and_a_vectors_is_the_bases_own(
    run: RunDir, tmp_path: Path, form: str, best: int, chosen: int
) -> None:
    copy = RunDir(shutil.copytree(run.path, tmp_path / run.id))
    copy.events.write_text(copy.events.read_text().replace('"best":2', f'"best":{best}'))
    assert find_source(copy.path, form, 0).round == chosen  # type: ignore[arg-type]
