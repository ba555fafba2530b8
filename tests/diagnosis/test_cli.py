"""`cockpit diagnose`: text and JSON, exit codes, live runs, foreign logs, hostile text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cockpit.cli.main import run
from cockpit.report.diagnosis import lay
from engine.contract.rundir import RunDir
from engine.diagnosis.combine import diagnose
from engine.diagnosis.ours import read_run
from tests.diagnosis.conftest import RUN, Story
from tests.diagnosis.test_signatures import CASES, loops

FIELDS = {
    "root_cause",
    "confidence",
    "evidence",
    "competing_hypotheses",
    "first_action",
    "prediction_if_true",
    "prediction_if_false",
    "fixes",
    "missing",
}


def diagnosed(folder: RunDir, *words: str) -> int:
    return run(["diagnose", *words, "--project", str(folder.path.parents[1])])


def test_D3_json_holds_every_field_and_is_all_that_is_on_stdout(
    story: Story, folder: RunDir, capfd: pytest.CaptureFixture[str]
) -> None:
    CASES["overfit"][2](story)
    story.write(folder)
    assert diagnosed(folder, RUN, "--json") == 0
    said = json.loads(capfd.readouterr().out)
    assert set(said) >= FIELDS
    assert (said["root_cause"], said["class"]) == ("overfit", "optimisation")
    assert said["evidence"][0]["line"] > 0
    assert any(fix["command"].startswith(f"cockpit fork {RUN} --from heal@r1") for fix in said["fixes"])


def test_the_text_names_cause_place_and_command(
    story: Story, folder: RunDir, capfd: pytest.CaptureFixture[str]
) -> None:
    CASES["spike"][2](story)
    story.write(folder)
    assert diagnosed(folder, "k3f9") == 0
    out = capfd.readouterr().out
    assert "spike   divergence   confidence" in out
    assert "r1 step 40" in out
    assert f"cockpit fork {RUN} --from heal@r1 --reuse kept --set heal.lr=0.0002\n" in out


def test_fault33_an_empty_run_folder_is_answered_with_0_and_insufficient(
    folder: RunDir, capfd: pytest.CaptureFixture[str]
) -> None:
    folder.path.mkdir(parents=True)
    assert diagnosed(folder, "last") == 0
    out = capfd.readouterr().out
    assert "insufficient" in out
    assert "needs" in out
    assert "healthy\n" not in out


def test_K10_a_live_run_is_diagnosed_from_its_stream_and_says_so(
    story: Story, folder: RunDir, capfd: pytest.CaptureFixture[str]
) -> None:
    story.status = ""
    story.write(folder)
    assert diagnosed(folder) == 0
    assert "PROVISIONAL" in capfd.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["nope"],
        [RUN, "--log", "x.csv"],
        ["--log", "nowhere.csv"],
        ["--map", "loss=a"],
        ["--vocabulary", "9"],
        ["--log", ".", "--map", "loss"],
    ],
)
def test_bad_input_is_2_and_one_line(
    words: list[str], story: Story, folder: RunDir, capfd: pytest.CaptureFixture[str]
) -> None:
    story.write(folder)
    assert diagnosed(folder, *words) == 2
    said = capfd.readouterr()
    assert said.out == ""
    assert len([line for line in said.err.splitlines() if "missing from the journal" not in line]) == 1


def test_a_foreign_log_needs_no_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "log.csv").write_text("it,train\n" + "".join(f"{n},1.0\n" for n in range(20)))
    assert run(["diagnose", "--log", "log.csv", "--map", "loss=train", "--map", "step=it"]) == 0
    assert "placeholder data" in capfd.readouterr().out
    assert [p.name for p in tmp_path.iterdir()] == ["log.csv"]


def test_fault26_hostile_text_in_evidence_cannot_act(
    story: Story, folder: RunDir, capfd: pytest.CaptureFixture[str]
) -> None:
    loops(story)
    for text in story.texts:
        text["text"] = "\x1b]52;c;AAAA\x07\x1b[2J\u202e[/bold] not not"
    story.write(folder)
    assert diagnosed(folder) == 0
    out = capfd.readouterr().out
    assert "mode collapse" in out
    assert not any(sign in out for sign in ("\x1b", "\x07", "\u202e"))


@pytest.mark.parametrize("width", [40, 80, 110, 200])
def test_lines_fit_their_width_except_a_command(width: int, story: Story, folder: RunDir) -> None:
    CASES["mode_collapse"][2](story)
    for line in lay(diagnose(read_run(story.write(folder))), width):
        words = "".join(part for part, _ in line)
        assert len(words) <= width or "cockpit " in words or width == 40
