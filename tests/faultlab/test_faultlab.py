"""The laboratory itself, small: real faults that bite, one healthy run, and tables that say what was found (requirements D1, D2)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.contract.rundir import RunDir, all_runs
from engine.contract.runfile import load_runfile
from engine.diagnosis.combine import SIGNATURES
from engine.diagnosis.thresholds import Thresholds

from .cases import PARTS, all_cases, part
from .conftest import command
from .faults import ALL, FAULTS
from .healthy import SEEDS, healthy
from .inject import Case
from .score import Scored, brier, score

CAUSES = {signature.name for signature in SIGNATURES}
IN_A_RUN = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 21}
"""Faults of the list that one run can show; 19 is the kill laboratory."""


def test_D1_every_fault_of_the_list_and_every_signature_has_a_run_that_shows_it() -> None:
    assert {fault.number for fault in ALL} - {0} == IN_A_RUN
    expected = {cause for fault in ALL for cause in fault.expected}
    assert expected <= CAUSES
    assert CAUSES - expected <= {"dose collapse", "hang or time limit", "worker error"}, (
        "signatures that no fault shows"
    )


def test_D2_thresholds_are_never_tuned_on_what_is_reported() -> None:
    cases = all_cases(list(FAULTS), len(SEEDS), 60)
    by_part = {name: [c for c in cases if part(c) == name] for name in PARTS}
    assert not {c.name for c in by_part["tuning"]} & {
        c.name for c in by_part["other seeds"] + by_part["other strengths"]
    }
    assert {c.seed for c in by_part["tuning"] if c.fault}.isdisjoint(c.seed for c in by_part["other seeds"] if c.fault)
    assert {c.strength for c in by_part["other strengths"]} == {"held_out"}
    assert len({c.run for c in cases}) == len(cases)


def test_D2_there_are_enough_healthy_runs_and_they_differ() -> None:
    runs = healthy(60)
    assert len(runs) >= 59
    assert len({(c.preset, c.sets, c.seed) for c in runs}) == len(runs)


@pytest.mark.slow
def test_D2_known_faults_are_named_and_a_healthy_run_is_not_called_sick(tmp_path: Path) -> None:
    names = ("nan_loss", "starved")
    arguments = ("--faults", ",".join(names), "--seeds", "1", "--healthy", "1", "--kills", "0", "--out", str(tmp_path))
    done = command("tests.faultlab.run", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    scored = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    by_fault = {row["case"].get("fault", ""): row for row in scored}
    assert {name: (by_fault[name]["status"], by_fault[name]["cause"]) for name in names} == {
        "nan_loss": ("nan", "non-finite"),
        "starved": ("starved", "starved filter"),
    }
    assert all(row["bit"] for row in scored)
    assert by_fault[""]["verdict"] in ("right", "asked")
    assert (tmp_path / "matrix.md").read_text() == done.stdout[:-1]
    again = command("tests.faultlab.run", *arguments, "--diagnose-only")
    assert [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()] == scored, again.stderr
    for folder in all_runs(tmp_path):
        assert json.loads(folder.result.read_text())["logged"], "every run has its entry"
        load_runfile(folder.config)


def test_D2_the_brier_score_counts_answers_and_leaves_out_those_without_a_confidence(tmp_path: Path) -> None:
    def scored(confidence: float, correct: bool | None) -> Scored:
        return Scored(
            case=Case(), part="tuning", bit=True, status="", expected="", found="", cause="", leading="", named=False,
            confidence=confidence, correct=correct, verdict="right", asked_for="",
        )  # fmt: skip

    assert brier([scored(0.9, True), scored(0.8, False), scored(0.0, None)]) == pytest.approx((0.01 + 0.64) / 2)
    assert brier([scored(0.0, None)]) is None
    assert score(tmp_path, Case(), Thresholds()) is None
    assert RunDir(tmp_path / "runs").path.exists() is False
