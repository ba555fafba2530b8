"""Calibration: stated confidence against what came out (K6), and the figures of the whole book."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.cli.main import run
from engine.contract.files import append_line
from journal.calibration import Prediction, calibrate

Logged = Callable[..., str]
PREDICTIONS = st.lists(st.builds(Prediction, st.just("x"), st.floats(0, 1), st.booleans()), max_size=40)


@given(judged=PREDICTIONS)
def test_k6_every_prediction_is_in_exactly_one_bin_and_the_score_is_the_mean_square(judged: list[Prediction]) -> None:
    found = calibrate(judged)
    assert sum(b.count for b in found.bins) == found.count == len(judged)
    assert sum(b.met for b in found.bins) == found.met == sum(p.met for p in judged)
    for b in found.bins:
        assert b.low - 1e-12 <= b.confidence <= b.high + 1e-12
        assert b.interval[0] - 1e-9 <= b.met / b.count <= b.interval[1] + 1e-9
    assert found.enough == (len(judged) >= 10)
    if judged:
        assert found.brier == pytest.approx(
            sum((p.confidence - (1 if p.met else 0)) ** 2 for p in judged) / len(judged)
        )
        assert 0 <= found.brier <= 1
    else:
        assert found.brier is None
        assert found.sentence() == "no prediction was judged yet"


def test_k6_too_few_predictions_are_said_to_be_too_few() -> None:
    nine = [Prediction("x", 0.8, True)] * 9
    assert "too few" in calibrate(nine).sentence()
    assert "too few" not in calibrate([*nine, Prediction("x", 0.8, False)]).sentence()


def test_k6_confidence_far_from_the_outcome_is_told_by_its_side() -> None:
    found = calibrate([Prediction("x", 0.95, i % 2 == 0) for i in range(40)])
    assert not found.bins[0].agrees
    assert calibrate([Prediction("x", 0.5, i % 2 == 0) for i in range(40)]).bins[0].agrees


def test_k6_only_judged_predictions_that_still_stand_are_counted(
    logged: Logged, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = ("--project", str(tmp_path))
    for tail, trait in (("aaaa", 0.97), ("bbbb", 0.3), ("cccc", 0.95)):
        logged(tail, trait=trait)
    logged("smok", sets=["run.smoke=true"])
    logged("nnnn", status="nan")
    run(["journal", "review", "cccc", "--retract", "wrong split", *project])
    capsys.readouterr()
    assert run(["journal", "calibration", "--json", *project]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["count"], found["met"]) == (2, 1)
    assert found["brier"] == pytest.approx((0.2**2 + 0.8**2) / 2)
    assert run(["journal", "calibration", *project]) == 0
    shown = capsys.readouterr().out
    assert ".80 to .90" in shown
    assert "1 of 2 met (.50)" in shown


def test_an_empty_journal_has_no_calibration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["journal", "calibration", "--project", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "no prediction was judged yet.\n"
    assert run(["journal", "stats", "--project", str(tmp_path)]) == 0


def test_stats_count_by_status_state_and_what_the_checklist_caught(
    logged: Logged, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = ("--project", str(tmp_path))
    logged("aaaa", trait=0.97)
    logged("bbbb", trait=0.3)
    logged("nnnn", status="nan")
    logged("smok", sets=["run.smoke=true"])
    run(["journal", "review", "bbbb", "--condemn", "inert", *project])
    checks = tmp_path / "runs/.drafts/checks.jsonl"
    checks.parent.mkdir()
    append_line(
        checks, json.dumps({"at": "2026-06-04T00:00:00Z", "by": "check", "file": "a", "caught": ["K4"]}).encode()
    )
    capsys.readouterr()
    assert run(["journal", "stats", "--json", *project]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["status"] == {"success": 2, "nan": 1}
    assert found["state"] == {"draft": 3}
    assert found["verdict"] == {"met": 1, "missed": 1, "pending": 1}
    assert (found["entries"], found["smoke"], found["condemned"]) == (4, 1, 1)
    assert found["checks"]["K4"]["caught"] == 1
    assert run(["journal", "stats", *project]) == 0
    assert "K4 1" in capsys.readouterr().out
