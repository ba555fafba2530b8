"""What must not start does not: one line that says what to do, the right exit code, and no run folder (requirements K9, W2)."""

from __future__ import annotations

import json
import shutil
from importlib import resources
from pathlib import Path

import pytest

from .conftest import SECRET, TINY, Cli, Shared, preflight

NANO = Path(str(resources.files("engine"))) / "nano" / "weights"


def refused(cli: Cli, project: Path, code: int, says: str, *arguments: str) -> None:
    done = cli(*arguments)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert done.stdout == ""
    assert not list((project / "runs").glob("2*"))


@pytest.mark.parametrize(
    ("code", "says", "arguments"),
    [
        (2, "did you mean nano-care?", ["launch", "--preset", "nano-car"]),
        (2, "did you mean heal.tau?", ["launch", "--preset", "nano-care", "--set", "heal.tua=1"]),
        (2, "--preset", ["launch"]),
        (2, "does not exist", ["launch", "--preset", "nano-care", "--preflight", "none.toml"]),
        (2, "no CUDA device", ["launch", "--preset", "gemma-3-1b"]),
        (2, "2h", ["launch", "--preset", "nano-care", "--time-limit", "soon"]),
        (2, "fast-dev-run", ["launch", "--preset", "nano-care", "--set", "run.smoke=true"]),
        (3, "cockpit preflight new --preset nano-care", ["launch", "--preset", "nano-care"]),
        (2, "no trait named", ["launch", "--preset", "nano-care", "--set", "trait.name=hope"]),
        (2, "No such command", ["lauch"]),
        (2, "No such option", ["launch", "--presett", "x"]),
        (2, "no runs", ["show", "last"]),
        (2, "no entries", ["journal", "show"]),
        (2, "is not a folder", ["--project", "/nowhere", "runs"]),
    ],
)
def test_bad_input_and_refusals_are_one_line(
    code: int, says: str, arguments: list[str], tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    if says == "no CUDA device" and Path("/dev/nvidia0").exists():
        pytest.skip("this machine has a GPU")
    refused(cli, tmp_path, code, says, *arguments)


def test_a_preflight_of_another_family_is_refused_by_the_knob(tmp_path: Path, cli: Cli) -> None:
    checklist = str(preflight(tmp_path / "f.toml"))
    refused(
        cli,
        tmp_path,
        3,
        "heal.tau (0.05 answered for, 0.4 asked)",
        "launch",
        "--preflight",
        checklist,
        "--set",
        "heal.tau=0.4",
    )


def test_w2_no_run_without_a_green_fast_dev_run_of_this_code(tmp_path: Path, cli: Cli) -> None:
    checklist = str(preflight(tmp_path / "f.toml", waive=("KB12",)))
    refused(cli, tmp_path, 3, "cockpit fast-dev-run", "launch", "--preflight", checklist)


def test_k9_open_blocks_are_refused_and_counted(tmp_path: Path, cli: Cli) -> None:
    checklist = preflight(tmp_path / "f.toml", waive=("W2",))
    checklist.write_text(checklist.read_text().replace('comparator = "none"', 'comparator = "TBD"'))
    refused(cli, tmp_path, 3, "and 1 more: cockpit preflight check", "launch", "--preflight", str(checklist))


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["tokenizer", "chat template"])
def test_a_model_folder_without_tokenizer_or_template_is_one_line(missing: str, tmp_path: Path, cli: Cli) -> None:
    """FAULTS 41."""
    model = tmp_path / "model"
    shutil.copytree(NANO, model)
    drop = ("tokenizer*",) if missing == "tokenizer" else ("chat_template*",)
    for pattern in drop:
        for file in model.glob(pattern):
            file.unlink()
    checklist = preflight(tmp_path / "f.toml", sets=[*TINY, f"model.id={model}"])
    refused(cli, tmp_path, 2, missing, "launch", "--preflight", str(checklist))


def test_preflight_check_says_item_by_item_what_blocks(tmp_path: Path, cli: Cli) -> None:
    checklist = preflight(tmp_path / "f.toml")
    assert cli("preflight", "check", str(checklist)).returncode == 0
    checklist.write_text(checklist.read_text().replace('direction = "reverse"', 'direction = "forward"'))
    done = cli("preflight", "check", str(checklist))
    assert done.returncode == 3
    assert "✗ K4" in done.stdout
    assert "✓ K5" in done.stdout
    found = json.loads(cli("preflight", "check", str(checklist), "--json").stdout)
    assert [block["item"] for block in found["blocks"]] == ["K4"]
    assert [(bug["rule"], bug["state"]) for bug in found["known_bugs"]] == [("KB12", "waived")]


def test_a_new_preflight_has_the_facts_and_blocks_until_answered(tmp_path: Path, cli: Cli) -> None:
    assert cli("preflight", "new", "--preset", "nano-care", "--out", "new.toml").returncode == 0
    text = (tmp_path / "new.toml").read_text()
    assert 'model_class = "LlamaForCausalLM"' in text
    assert "# K6: This run tests hypothesis: ___" in text
    assert cli("preflight", "new", "--preset", "nano-care", "--out", "new.toml").returncode == 2
    done = cli("preflight", "check", "new.toml", "--json")
    assert done.returncode == 3
    assert {b["item"] for b in json.loads(done.stdout)["blocks"]} == {
        "K0",
        "K1",
        "K2",
        "K3",
        "K4",
        "K5",
        "K6",
        "K7",
        "K8",
    }


def test_answers_are_carried_over_into_a_new_preflight(tmp_path: Path, cli: Cli) -> None:
    old = preflight(tmp_path / "old.toml")
    assert cli("preflight", "new", "--answers", str(old), "--out", "new.toml").returncode == 0
    assert cli("preflight", "check", "new.toml").returncode == 0


@pytest.mark.slow
def test_no_secret_of_the_environment_reaches_a_file(shared: Shared) -> None:
    """FAULTS 27."""
    for path in shared.project.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path
