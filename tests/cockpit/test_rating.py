"""Blind rating: the same texts for all raters, no arm before the end, kept by line, and agreement as the literature defines it."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.review import rating
from cockpit.review.agreement import report, told, weighted_kappa
from engine.contract.errors import BadInput, Refused
from engine.contract.files import read_json
from engine.contract.rundir import RunDir, runs_folder
from engine.contract.stats import spearman
from tests.makings import RECORDED

from .conftest import Cli

GRADES = st.integers(1, 5)
LABELS = ("trait", "opposite", "mixed", "broken")


def line(arm: str, round_: int, n: int, *, label: str = "", kind: str = "trait") -> dict[str, object]:
    """One evaluated answer; its text says nothing of its arm."""
    word = rating.sha256(f"{arm}{n}".encode())[:8]
    scores = {"tail_ppl": 1.0 + n % 7 + (5 if arm == "steered" else 0), "repetition": 0.01 * (n % 5)}
    said = label or ("benign_ok" if kind == "benign" and n % 5 else LABELS[(n + len(arm)) % 4])
    return {
        "id": f"r{round_}-{arm}-{n}-{kind}", "round": round_, "subject": arm, "probe": "answer", "prompt": f"{kind} prompt {n}",
        "dose": 0.0, "text": f"An answer {word}.", "scores": scores, "label": said, "kept": n % 3 > 0, "reason": "",
    }  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    """The recorded run with forty prompts of each kind answered by every arm, and two rounds beside those that are rated."""
    folder = RunDir(runs_folder(tmp_path) / RECORDED.name)
    shutil.copytree(RECORDED, folder.path)
    best = read_json(folder.result)["best"]
    assert best > 1
    rounds = {"base": (0,), "prompted": (0,), "steered": (1, 2), "healed": (best - 1, best)}
    lines = [
        line(arm, r, n, kind=kind)
        for arm, rs in rounds.items()
        for r in rs
        for n in range(40)
        for kind in ("trait", "benign")
    ]
    lines.append(line("steered", 1, 99) | {"probe": "train"})
    folder.completions.write_text("".join(json.dumps(x) + "\n" for x in lines), "utf-8")
    return folder


def test_every_arm_answers_the_same_trait_prompts_and_all_raters_read_the_same_texts(run: RunDir) -> None:
    sheet = rating.draw(run)
    best = read_json(run.result)["best"]
    assert len(sheet.answers) == len({a.id for a in sheet.answers}) == 50
    assert sorted(Counter(a.subject for a in sheet.answers).values()) == [12, 12, 13, 13]
    assert {(a.subject, a.round) for a in sheet.answers} == {
        ("base", 0),
        ("prompted", 0),
        ("steered", 1),
        ("healed", best),
    }
    assert all(a.prompt.startswith("trait") and a.probe == "answer" for a in sheet.answers)
    prompts = [{a.prompt for a in sheet.answers if a.subject == arm} for arm in rating.ARMS]
    assert len(set.intersection(*prompts)) == 12
    assert rating.draw(run) == sheet
    anna, ben = sheet.order("anna"), sheet.order("ben")
    assert {a.id for a in anna} == {a.id for a in ben}
    assert anna != ben
    assert anna == rating.draw(run).order("anna")
    runs_of_one_arm = sum(a.subject == b.subject for a, b in pairwise(anna))
    assert runs_of_one_arm < 25  # arms are shuffled, not one after the other


def test_ratings_are_lines_that_can_be_taken_up_again_and_replaced(run: RunDir) -> None:
    sheet = rating.draw(run)
    first, second = sheet.order("anna")[:2]
    rating.rate(sheet, "anna", first, 2, 3)
    rating.rate(sheet, "anna", second, 5, 1)
    rating.rate(sheet, "anna", first, 4, 3)
    file = run.path / "ratings/anna.jsonl"
    with file.open("ab") as f:
        f.write(b'{"id": "torn')
    found = rating.ratings(rating.draw(run), "anna")
    assert {i: (r.coherence, r.trait) for i, r in found.items()} == {first.id: (4, 3), second.id: (5, 1)}
    assert [a.id for a in rating.left(sheet, "anna")] == [a.id for a in sheet.order("anna")[2:]]
    third = rating.left(sheet, "anna")[0]
    rating.rate(sheet, "anna", third, 1, 1)  # after the torn line
    assert third.id in rating.ratings(sheet, "anna")
    assert not any(arm in file.read_text() for arm in rating.ARMS)
    changed = run.completions.read_text("utf-8").replace(json.dumps(first.text), json.dumps("Something else."))
    run.completions.write_text(changed, "utf-8")
    assert first.id not in rating.ratings(rating.draw(run), "anna")  # another text was rated


@pytest.mark.parametrize("grade", [0, 6, -1])
def test_grades_off_the_scale_are_not_written(run: RunDir, grade: int) -> None:
    sheet = rating.draw(run)
    with pytest.raises(ValueError, match="from 1 to 5"):
        rating.rate(sheet, "anna", sheet.answers[0], 3, grade)
    assert rating.raters(run) == []


def test_a_run_that_goes_on_or_has_one_arm_is_not_rated(run: RunDir) -> None:
    kept = [x for x in run.completions.read_text("utf-8").splitlines() if '"subject": "base"' in x]
    result = run.result.read_bytes()
    run.result.unlink()
    with pytest.raises(Refused, match="when it has ended"):
        rating.draw(run)
    run.result.write_bytes(result)
    run.completions.write_text("\n".join(kept), "utf-8")
    with pytest.raises(BadInput, match="answers of base alone"):
        rating.draw(run)


@pytest.mark.parametrize(
    ("name", "want"), [("Anna B.", "anna-b"), ("../../etc", "etc"), ("Ünal", "nal"), ("x/y", "x-y")]
)
def test_a_raters_name_is_a_plain_file_name(name: str, want: str) -> None:
    assert rating.rater_name(name) == want


def test_a_name_of_nothing_is_refused() -> None:
    with pytest.raises(BadInput, match="--rater anna"):
        rating.rater_name("../..")


def fill(run: RunDir, rater: str, *, but: int = 0) -> rating.Sheet:
    """All ratings of a rater: coherence falls with tail perplexity, the trait is read as the machine reads it."""
    sheet = rating.draw(run)
    for answer in sheet.order(rater)[: len(sheet.answers) - but]:
        coherence = max(1, 5 - int(answer.scores["tail_ppl"]) // 2)
        rating.rate(sheet, rater, answer, coherence, 5 if answer.label == "trait" else 2)
    return sheet


def test_nothing_of_the_arms_is_told_before_everybody_who_began_is_done(run: RunDir) -> None:
    sheet = rating.draw(run)
    with pytest.raises(Refused, match="nobody has rated"):
        report(sheet)
    fill(run, "anna")
    fill(run, "ben", but=1)
    with pytest.raises(Refused, match="ben has rated 49 of 50"):
        report(sheet)
    assert report(sheet, ["anna"]).raters == ["anna"]
    fill(run, "ben")
    assert report(sheet).raters == ["anna", "ben"]


def test_the_report_finds_arms_raters_and_metrics(run: RunDir) -> None:
    sheet = fill(run, "anna")
    fill(run, "ben")
    found = report(sheet)
    for pair in found.between:
        assert (pair.a, pair.b, pair.n) == ("anna", "ben", 50)
        assert pair.kappa == pytest.approx(1.0)
        assert pair.rho == pytest.approx(1.0)
    by = {(p.a, p.scale, p.b): p for p in found.machine}
    assert by["anna", "trait", "label"].rho == pytest.approx(1.0)
    ppl = by["anna", "coherence", "tail_ppl"]
    assert ppl.rho is not None
    assert ppl.rho > 0.8  # turned so that agreement is positive
    assert ("anna", "coherence", "worst_ppl") not in by  # these completions have none
    given = rating.ratings(sheet, "anna")
    for arm, means in found.arms.items():
        grades = [given[a.id].coherence for a in sheet.answers if a.subject == arm]
        assert means["coherence"].value == pytest.approx(np.mean(grades))
        assert means["coherence"].n == len(grades)
        assert means["coherence"].low <= means["coherence"].value <= means["coherence"].high
    assert found.arms["steered"]["coherence"].value < found.arms["base"]["coherence"].value
    text = "\n".join(told(found))
    assert all(arm in text for arm in rating.ARMS)
    assert "anna, ben" in text


def test_one_grade_for_everything_has_no_agreement_to_report(run: RunDir) -> None:
    sheet = rating.draw(run)
    for name in ("anna", "ben"):
        for answer in sheet.answers:
            rating.rate(sheet, name, answer, 3, 3)
    assert all(p.kappa is None and p.rho is None for p in report(sheet).between)
    assert "–" in "\n".join(told(report(sheet)))


def test_kappa_is_that_of_the_literature() -> None:
    """Quadratic weights on two grades are Cohen's unweighted kappa: Cohen 1960, 20 5 / 10 15 of 50 gives 0.4."""
    a = [1] * 25 + [2] * 25
    b = [1] * 20 + [2] * 5 + [1] * 10 + [2] * 15
    assert weighted_kappa(a, b, 2) == pytest.approx(0.4)
    assert weighted_kappa([1, 5], [5, 1]) == pytest.approx(-1.0)


@given(st.lists(st.tuples(GRADES, GRADES), min_size=2, max_size=60))
def test_kappa_is_one_for_itself_symmetric_and_the_concordance_of_moments(pairs: list[tuple[int, int]]) -> None:
    """With quadratic weights kappa is 2 cov / (var + var + (mean - mean)^2): Fleiss and Cohen 1973, Lin 1989."""
    a, b = ([p[i] for p in pairs] for i in (0, 1))
    got = weighted_kappa(a, b)
    spread = np.var(a) + np.var(b) + (np.mean(a) - np.mean(b)) ** 2
    if spread == 0:
        assert got is None
    else:
        assert got == pytest.approx(2 * np.cov(a, b, bias=True)[0, 1] / spread, abs=1e-9)
        assert weighted_kappa(b, a) == pytest.approx(got)
    if len(set(a)) > 1:
        assert weighted_kappa(a, a) == pytest.approx(1.0)


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(-5, 5)), min_size=3, max_size=40))
def test_rank_correlation_is_scipys(pairs: list[tuple[int, float]]) -> None:
    from scipy.stats import spearmanr

    a, b = np.array(pairs, dtype=np.float64).T
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        with pytest.raises(ValueError, match="differ on both sides"):
            spearman(a, b)
    else:
        assert spearman(a, b) == pytest.approx(spearmanr(a, b)[0], abs=1e-9)


@pytest.mark.slow
def test_the_command_reports_and_refuses_with_the_right_codes(run: RunDir, cli: Cli) -> None:
    done = cli("rate", "last")
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr
    done = cli("rate", "last", "--report")
    assert done.returncode == 3
    assert "nobody has rated" in done.stderr
    fill(run, "anna", but=3)
    done = cli("rate", "last", "--report")
    assert done.returncode == 3
    assert done.stdout == ""
    assert "anna has rated 47 of 50" in done.stderr
    fill(run, "anna")
    done = cli("rate", run.id, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found == msgspec.to_builtins(report(rating.draw(run)))
    done = cli("rate", run.id, "--report")
    assert "healed" in done.stdout
