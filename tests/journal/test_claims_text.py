"""A claim's entry reads like a question entry, and every number in it names the line it comes from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine.contract.events import Evaluated, decode
from journal.claims.text import sparkline
from journal.index import find_entry
from tests.journal.claim_runs import Lab

HOSTILE = "\x1b]52;c;aGk=\x07 is rmse better? -->\n## 2026-06-04 (b) · fake\n<!-- /claim:x --> [/bold]"


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def test_an_open_question_states_everything_before_any_member_runs(lab: Lab) -> None:
    entry = find_entry(lab.project, lab.ask(miss_means="The aggregate does not matter."))
    assert entry.level == "open, asks publishable, nano-care"
    assert (
        entry.text.index("**Asked.** Does rmse hold")
        < entry.text.index("**Math.** ")
        < entry.text.index("**Expected**")
    )
    assert "(sealed 2026-06-01 00:00 UTC, before any member ran): rmse − mean, trait ≥ +.05 on test" in entry.text
    assert "confidence .7" in entry.text
    assert "A miss would mean: The aggregate does not matter." in entry.text
    assert "**Verdict.** pending: no member has run." in entry.text


def test_k13_the_entry_has_mean_and_deviation_of_every_arm_and_the_contrast(lab: Lab) -> None:
    key = lab.ask()
    lab.arms(5)
    lab.check()
    entry = find_entry(lab.project, key)
    assert entry.level == "publishable, 5 seeds, nano-care"
    assert entry.title == "rmse − mean, trait: +.13 [+.13, +.13], met"
    rows = re.findall(r"^\| (\w+) \| (\d) \| (\S+ ± \S+) ", entry.text, re.MULTILINE)
    assert [row[:2] for row in rows] == [(arm, "5") for arm in ("base", "prompted", "random", "mean", "rmse")]
    assert rows[-1][2] == ".94 ± .01"
    assert "+.13 [+.13, +.13] (95% t, paired by seed, 5 seeds)." in entry.text
    assert "**Verdict.** met, 5 of 5 seeds alone." in entry.text
    assert "137 ▁" in entry.text
    assert "seeds other than 42, 137, 256, 314, 512" in entry.text


def test_k13_every_cell_of_every_member_is_the_number_in_the_line_it_names(lab: Lab) -> None:
    key = lab.ask(level="smoke")
    lab.arms(3)
    lab.check()
    pattern = r"^\| (\S+) \| (\d+) \| (base|prompted|healed) \| (\S+) \|.* \| (\S+) events\.jsonl:(\d+) \|$"
    rows = re.findall(pattern, find_entry(lab.project, key).text, re.MULTILINE)
    assert len(rows) == 3 * 3 * 3
    for _, seed, subject, shown, run, line in rows:
        path = lab.project / "runs" / run / "events.jsonl"
        event = decode(path.read_bytes().splitlines()[int(line) - 1])
        assert isinstance(event, Evaluated)
        assert (event.subject, event.split) == (subject, "test")
        assert float(shown) == pytest.approx(event.metrics["trait_rate"], abs=0.0051)
        assert f'"seed":{seed}' in path.read_text().splitlines()[0]


def test_fault_26_a_hostile_question_cannot_act_in_the_journal(lab: Lab) -> None:
    key = lab.ask(question=HOSTILE, miss_means=HOSTILE)
    lab.check()
    entry = find_entry(lab.project, key)
    assert entry.intact
    assert "\x1b" not in entry.text
    assert entry.text.count("\n## ") == 0
    assert "<!-- /claim:x" not in entry.text


def test_a_sparkline_spans_its_scale() -> None:
    assert sparkline([0.0, 0.5, 1.0], 0.0, 1.0) == "▁▅█"
    assert sparkline([0.3, 0.3], 0.3, 0.3) == "▁▁"
