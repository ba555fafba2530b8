"""An earlier run's KL under this run's tau: the recorded curve, what lies above tau, the operating KL, and words where there is none."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.preflight.measured import Measured, measured
from cockpit.runs import evidence
from cockpit.widgets.evidence_kl import HEIGHT, pressure
from engine.contract.config import Heal
from engine.contract.distance import near
from engine.contract.prior import PriorRun
from engine.contract.rundir import runs_folder
from tests.makings import RECORDED

DOTS = range(0x2801, 0x2900)


@pytest.fixture(autouse=True)
def unicode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COCKPIT_ASCII", "0")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(RECORDED, runs_folder(tmp_path) / RECORDED.name)
    return tmp_path


@pytest.fixture
def prior(project: Path) -> PriorRun:
    (found,) = evidence.gather(project).runs
    return found


def of(project: Path, prior: PriorRun | None) -> Measured:
    found = measured(project, prior, [])
    assert found is not None
    return found


def text(heal: Heal, run: Measured | None, width: int = 50) -> str:
    return "\n".join(row.plain.rstrip() for row in pressure(heal, run, width))


def test_the_comparator_comes_first_and_without_one_the_nearest_that_measured_its_kl(
    project: Path, prior: PriorRun
) -> None:
    found = near([prior], prior.config, prior.model_hash)
    assert of(project, prior).run == measured(project, None, found).run == RECORDED.name  # type: ignore[union-attr]
    assert measured(project, None, []) is None


def test_every_recorded_step_is_read(project: Path, prior: PriorRun) -> None:
    view = of(project, prior).view
    assert len(view.steps["kl"]) == 192
    assert set(view.steps["round"].tolist()) == {1, 2, 3, 4}
    assert np.isfinite(view.steps["kl"]).all()


def test_the_rounds_stand_under_the_curve_and_the_operating_kl_and_tau_beside_it(
    project: Path, prior: PriorRun
) -> None:
    shown = text(Heal(tau=0.05), of(project, prior))
    assert "KL of -gqqg under this run's τ  nats ─" in shown
    assert all(word in shown for word in ("r1", "r2", "r3", "r4", "heal step", "▴ active", "τ 0.05 now"))
    assert prior.operating_kl is not None
    assert f"{prior.operating_kl:.3f}"[:4] in shown
    assert "p90" in shown
    rows = shown.splitlines()
    assert rows.index(next(r for r in rows if "p90" in r)) < rows.index(next(r for r in rows if "now" in r))


def test_a_tau_above_the_operating_kl_is_inert_and_says_what_that_means(project: Path, prior: PriorRun) -> None:
    shown = text(Heal(tau=4.0), of(project, prior))
    assert "✗ inert" in shown
    assert "never fires" in shown
    assert "active" not in shown


@pytest.mark.parametrize(("share", "above"), [(0.1, True), (0.5, True), (1.5, False), (40.0, False)])
def test_dots_lie_in_the_wash_above_tau_exactly_when_the_recorded_kl_did(
    project: Path, prior: PriorRun, share: float, above: bool
) -> None:
    run = of(project, prior)
    rows = list(pressure(Heal(tau=share * float(run.view.steps["kl"].max())), run, 70))
    washed = [bool(row.spans) and any("wash-barrier" in str(span.style) for span in row.spans) for row in rows]
    inked = [
        any(
            "accent-barrier" in str(span.style) and any(ord(c) in DOTS for c in row.plain[span.start : span.end])
            for span in row.spans
        )
        for row in rows
    ]
    dashes = max(n for n, there in enumerate(washed) if there)  # tau itself lies in the lowest washed row
    assert washed[1 : dashes + 1] == [True] * dashes, "the wash reaches to the top"
    assert any(inked[1:dashes]) == above
    assert not any(inked[dashes + 1 :])


@given(st.floats(0.0001, 50), st.integers(20, 120), st.booleans())
def test_no_line_is_wider_than_the_pane_and_in_ascii_every_sign_is(tau: float, width: int, plain: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COCKPIT_ASCII", "1" if plain else "0")
        run = _recorded()
        rows = list(pressure(Heal(tau=tau), run, width))
        assert all(row.cell_length <= max(width, 44) for row in rows)
        if plain and width >= 40:
            plot = rows[1 : 1 + HEIGHT]
            assert all(c.isascii() or c in "τ▴✗" for row in plot for c in row.plain), (
                "the screen's filter does the rest"
            )


def test_without_its_steps_the_numbers_stay(project: Path, prior: PriorRun) -> None:
    (runs_folder(project) / RECORDED.name / "events.jsonl").unlink()
    shown = text(Heal(tau=0.05), of(project, prior))
    assert "p90   τ 0.05 now   ▴ active" in shown
    assert "r1" not in shown


def test_damaged_events_leave_the_steps_that_can_be_read(project: Path, prior: PriorRun) -> None:
    path = runs_folder(project) / RECORDED.name / "events.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"\x00\xff{torn\n" + b"".join(lines[: len(lines) // 2]) + lines[-1][:20])
    shown = text(Heal(tau=0.05), of(project, prior))
    assert "r1" in shown
    assert "r4" not in shown


def test_nothing_to_compare_with_is_said_and_no_barrier_needs_none() -> None:
    assert "No earlier run near this one measured it." in text(Heal(tau=0.05), None)
    assert text(Heal(divergence="none"), None) == ""


def _recorded() -> Measured:
    from cockpit.live.view import read_run

    return Measured(RECORDED.name, 0.0989, read_run(RECORDED / "events.jsonl"))
