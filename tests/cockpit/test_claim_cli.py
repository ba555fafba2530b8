"""`cockpit claim`: a question is sealed from options or a file, checked with the exit code of a rule, and listed by what it lacks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cockpit.cli.main import run
from journal.book import NAME
from tests.journal.claim_runs import ASKED, RMSE, Lab

TOML = """
question = "Does rmse hold more of the trait than mean does?"
family = "refa"
contrast = "heal.aggregate=rmse against heal.aggregate=mean"
metric = "trait_rate"
op = ">="
threshold = 0.05
level = "publishable"
"""


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    lab = Lab(tmp_path)
    monkeypatch.chdir(tmp_path)
    return lab


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    capsys.readouterr()
    code = run(["claim", *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_question_is_sealed_from_a_file_and_options_win_over_it(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    (lab.project / "q.toml").write_text(TOML)
    assert run(["claim", "new", "--from", "q.toml", "--level", "smoke"]) == 0
    said = capsys.readouterr()
    assert said.out.strip() in (lab.project / NAME).read_text()
    assert "run.seed = 42, 137, 256:" in said.err
    assert "random: --set heal.aggregate=rmse --set steer.method=random" in said.err
    _, (listed,) = _json(capsys, "list")
    assert (listed["state"], listed["asked_level"], listed["seeds"]) == ("open", "smoke", 0)


def test_a_question_is_sealed_from_options_alone(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    options = [part for name, value in ASKED.items() for part in (f"--{name}", str(value))]
    assert run(["claim", "new", *options, "--equivalence", "--margin", "0.1"]) == 2  # an equivalence has no op
    assert "leave op and threshold out" in capsys.readouterr().err
    assert run(["claim", "new", *options]) == 0
    assert run(["claim", "show"]) == 0
    assert "before any member ran): rmse − mean, trait ≥ +.05" in capsys.readouterr().out


def test_fault_36_a_check_ends_with_3_and_everything_it_lacks_then_with_0(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    lab.ask()
    lab.arms(4)
    dirty = lab.run(512, RMSE, provenance={"dirty": True})
    assert run(["claim", "check"]) == 3
    told = capsys.readouterr().out
    for part in (
        "rmse: seed 512 was launched",
        "mean: 4 seeds",
        "the random-vector control: 4 seeds",
        f"{dirty.id}: is dirty",
    ):
        assert part in told
    code, table = _json(capsys, "check")
    assert (code, table["granted"], table["carries"]) == (3, False, "smoke")
    assert {lack["of"] for lack in table["lacks"]} == {"selection", "seeds", "random"}
    assert list(table["does_not_count"]) == [ASKED["family"], dirty.id]
    assert run(["claim", "check", "--level", "smoke"]) == 3  # the dirty seed may not be dropped
    lab.run(512, RMSE)
    assert run(["claim", "check", "--level", "smoke"]) == 0
    assert "granted at level smoke, 4 seeds: rmse − mean, trait: +.13" in capsys.readouterr().out
    _, (listed,) = _json(capsys, "list")
    assert (listed["state"], listed["level"], listed["lacks_control"]) == ("granted", "smoke", [])


def test_k15_the_claims_that_lack_a_control_can_be_listed(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    lab.ask(level="smoke")
    lab.arm(RMSE, 3)
    run(["claim", "check"])
    _, found = _json(capsys, "list")
    assert [c["claim"] for c in found if "random" in c["lacks_control"]] == [found[0]["claim"]]
    assert found[0]["controls"] == {"base": True, "prompted": True, "random": False}
    assert run(["claim", "list"]) == 0
    assert "lacks random" in " ".join(capsys.readouterr().out.split())


def test_a_claim_that_is_not_there_is_bad_input(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["claim", "check"]) == 2
    assert "no claims yet; seal a question with" in capsys.readouterr().err
    lab.ask()
    assert run(["claim", "check", "zzzz"]) == 2
    assert "no claim named 'zzzz'" in capsys.readouterr().err


def test_a_question_that_is_not_whole_names_everything_it_needs(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["claim", "new", "--question", "Does it keep the tails?"]) == 2
    assert "also needs family, metric, contrast" in capsys.readouterr().err
