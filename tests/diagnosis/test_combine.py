"""One answer from many findings: causes before symptoms, honest doubt, and never healthy without evidence (D2)."""

from __future__ import annotations

import shutil
from itertools import product

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contract.rundir import RunDir
from engine.diagnosis.advice import advice
from engine.diagnosis.artifacts import Artifacts, Table
from engine.diagnosis.causes import EXPLAINS, WEIGHT
from engine.diagnosis.combine import FIXES, SIGNATURES, diagnose
from engine.diagnosis.findings import graded
from engine.diagnosis.ours import read_run
from engine.diagnosis.thresholds import Thresholds
from tests.diagnosis.conftest import Judge, Story, healthy

NAMES = {s.name for s in SIGNATURES}


def test_every_signature_has_advice_and_fixes_and_every_cause_is_a_signature() -> None:
    assert set(advice()) == NAMES
    assert set(FIXES) == NAMES
    assert set(EXPLAINS) | {name for held in EXPLAINS.values() for name in held} | set(WEIGHT) <= NAMES


def test_fault33_an_empty_run_folder_is_insufficient_and_says_what_it_needs(folder: RunDir) -> None:
    folder.path.mkdir(parents=True)
    found = diagnose(read_run(folder))
    assert (found.answer, found.root_cause, found.confidence) == ("insufficient", "insufficient", 0.0)
    assert "needs" in found.summary
    assert any("events.jsonl" in m.what for m in found.missing)
    assert set(found.missing[-1].for_) == NAMES


@pytest.mark.parametrize(
    "gone", ["events.jsonl", "preflight.json", "result.json", "completions.jsonl", "config.json", "rounds"]
)
def test_D2_without_any_one_artifact_a_healthy_run_is_not_called_healthy(gone: str, folder: RunDir) -> None:
    path = healthy().write(folder).path / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    found = diagnose(read_run(folder))
    if gone == "result.json":
        assert found.root_cause == "healthy"  # the worker's own last word says how it ended
        return
    assert found.root_cause == "insufficient"
    assert found.missing


@pytest.mark.parametrize("fields", [("update_ratio",), ("kl", "fired"), ("lr",), ("grad_norm",), ("loss", "nll")])
def test_D2_without_any_one_column_a_healthy_run_is_not_called_healthy(fields: tuple[str, ...], folder: RunDir) -> None:
    a = read_run(healthy().write(folder))
    columns = {k: np.full_like(v, np.nan) if k in fields else v for k, v in a.steps.columns.items()}
    found = diagnose(msgspec.structs.replace(a, steps=Table(a.steps.file, columns)))
    assert found.root_cause == "insufficient"
    assert found.missing


def test_D2_a_run_that_goes_on_is_provisional_and_never_healthy(judge: Judge, story: Story) -> None:
    story.status = ""
    found = judge(story)
    assert found.provisional
    assert found.root_cause == "insufficient"
    assert found.missing[0].what == "the run's end"


@pytest.mark.parametrize(
    "status", ["stopped", "killed", "timeout", "starved", "failed", "refused", "diverged", "nan", "oom"]
)
def test_D2_a_run_that_did_not_end_well_is_never_healthy(status: str, judge: Judge, story: Story) -> None:
    story.status, story.reason = status, "for a reason"
    assert judge(story).root_cause != "healthy"


def test_non_finite_after_a_jump_of_the_rate_is_the_rates_doing(judge: Judge, story: Story) -> None:
    from tests.diagnosis.test_signatures import guard

    story.every(
        lr=lambda s: s.lr * (50 if s.step > 15 else 1),
        update_ratio=lambda s: min(s.update_ratio * (50 if s.step > 15 else 1), 0.9),
    )
    guard("nonfinite", "nan", "nan")(story)
    story.sets = ("run.rounds=1", 'heal.schedule="constant"')
    found = judge(story)
    assert found.root_cause in ("learning rate too high", "learning-rate schedule wrong")
    assert "non-finite" in [h.name for h in found.competing_hypotheses]


def test_what_ended_the_run_comes_before_what_it_merely_suffered_from(judge: Judge, story: Story) -> None:
    story.every(tau=4.0, fired=0.0, g_bar=0.0)
    story.end("oom", "out of memory (CUDA)")
    found = judge(story)
    assert found.root_cause == "out of memory"
    assert [h.weaker for h in found.competing_hypotheses if h.name == "inert barrier"] == ["it did not end the run"]


def test_two_causes_of_one_class_that_do_not_explain_each_other_leave_doubt(judge: Judge, story: Story) -> None:
    story.vals(0.40, 0.31, 0.41, 0.30, 0.42, 0.41)
    story.every(update_ratio=lambda s: 0.01 * s.lr)
    found = judge(story)
    assert found.answer == "insufficient"
    assert 0.0 < found.confidence < 0.8
    assert len(found.competing_hypotheses) >= 2
    assert found.missing
    assert "not sure enough" in found.summary


def test_the_bar_of_confidence_is_a_threshold(folder: RunDir, story: Story) -> None:
    story.step(40, loss=30.0, nll=30.0)
    a = read_run(story.write(folder))
    assert diagnose(a).root_cause == "spike"
    assert diagnose(a, Thresholds(confident=0.99)).root_cause == "insufficient"


@given(st.floats(1e-9, 1e9), st.floats(1e-9, 1e9))
def test_strength_grows_with_what_is_seen_and_stays_in_its_range(x: float, y: float) -> None:
    for steps in ((0.1, 1.0, 10.0), (10.0, 1.0, 0.1)):
        low, high = sorted((x, y), reverse=steps[0] > steps[2])
        assert 0.0 <= graded(low, steps) <= graded(high, steps) <= 0.97


@given(st.sampled_from(["", "success", "nan", "killed"]), st.booleans(), st.integers(0, 40), st.floats(0, 2))
def test_no_columns_however_odd_raise_or_read_as_healthy(status: str, live: bool, rows: int, value: float) -> None:
    names = (
        "line",
        "round",
        "step",
        "epoch",
        "loss",
        "nll",
        "grad_norm",
        "lr",
        "update_ratio",
        "kl",
        "tau",
        "g_nll",
        "g_bar",
        "fired",
    )
    for fill, other in product((np.nan, value), repeat=2):
        columns = {n: np.full(rows, fill if i % 2 else other) for i, n in enumerate(names)}
        columns |= {"line": np.arange(rows) + 1.0, "round": np.ones(rows), "step": np.arange(rows) + 1.0}
        a = Artifacts(name="x", origin="run", steps=Table("events.jsonl", columns), live=live, status=status)
        assert diagnose(a).root_cause != "healthy"
