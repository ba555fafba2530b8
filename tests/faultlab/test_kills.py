"""Twelve SIGKILLs at random moments: a run that is resumed comes to what it would have come to (S10, A6, FAULTS 17 and 19)."""

from __future__ import annotations

import pytest

from .conftest import KillLab

pytestmark = pytest.mark.slow


def test_fault19_twelve_kills_change_no_weight_no_metric_leave_no_file_and_one_entry_each(kill_lab: KillLab) -> None:
    assert kill_lab.code == 0, "\n".join(kill_lab.out) + kill_lab.err
    *runs, total = kill_lab.out
    assert total.startswith("12 kills in "), total
    assert total.endswith(" 0 did not"), total
    assert all(line.endswith(": the same") for line in runs[1:]), runs
