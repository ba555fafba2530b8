"""A claim stands on every seed that was launched for its question, on controls, and on files that still say what was recorded."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from engine.contract.errors import BadInput, Refused
from engine.contract.files import read_json, write_json
from engine.contract.rundir import RunDir
from journal.book import NAME, Book
from journal.claims import ledger
from journal.claims.question import asked, define
from journal.index import find_entry
from journal.review import say
from tests.journal.claim_runs import ASKED, MEAN, RANDOM, RMSE, Lab


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


@pytest.fixture(scope="module")
def _three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lab = Lab(tmp_path_factory.mktemp("three"))
    lab.ask(level="smoke")
    lab.arms(3)
    return lab.project


@pytest.fixture
def three(_three: Path, tmp_path: Path) -> Lab:
    """A smoke claim with its three arms on three seeds each, not yet checked."""
    shutil.copytree(_three, tmp_path, dirs_exist_ok=True)
    return Lab(tmp_path)


def _lacks(done: ledger.Checked) -> set[str]:
    return {lack.of for lack in done.finding.lacks}


def _why(done: ledger.Checked, run: RunDir) -> str:
    return "; ".join(next(m.why for m in done.finding.members if m.run == run.id))


def test_k12_five_seeds_of_every_arm_with_controls_are_granted_as_publishable(lab: Lab) -> None:
    lab.ask()
    lab.arms(5)
    done = lab.check()
    assert done.finding.lacks == ()
    assert (done.claim.standing, done.claim.data["level"], done.finding.seeds) == ("granted", "publishable", 5)
    assert done.finding.verdict is not None
    assert (done.finding.verdict.state, done.finding.verdict.met_by, done.finding.verdict.of) == ("met", 5, 5)
    assert done.finding.contrast is not None
    assert done.finding.contrast.value == pytest.approx(0.13)


def test_fault_36_four_seeds_are_refused_as_publishable_and_granted_as_smoke(lab: Lab) -> None:
    lab.ask()
    lab.arms(4)
    done = lab.check()
    assert not done.finding.granted
    assert done.finding.level == "smoke"
    assert _lacks(done) == {"seeds", "random"}
    texts = [lack.text for lack in done.finding.lacks]
    assert any(
        t.startswith("rmse: 4 seeds count, publishable needs 5; next: run.seed 512 with heal.aggregate=rmse")
        for t in texts
    )
    assert lab.check("smoke").claim.data["level"] == "smoke"


def test_k12_two_seeds_carry_no_claim_at_any_level(lab: Lab) -> None:
    lab.ask(level="smoke")
    lab.arms(2)
    done = lab.check()
    assert not done.finding.granted
    assert done.finding.level == "exploratory"
    with pytest.raises(BadInput, match="no claim is granted at level 'exploratory'"):
        lab.check("exploratory")


def test_asking_a_granted_claim_for_more_takes_nothing_away(three: Lab) -> None:
    assert three.check().claim.standing == "granted"
    done = three.check("publishable")
    assert not done.finding.granted
    assert (done.claim.standing, done.claim.data["level"]) == ("granted", "smoke")


def test_fault_35_smoke_runs_carry_no_claim(lab: Lab) -> None:
    lab.ask(level="smoke")
    runs = [lab.run(seed, (*RMSE, "run.smoke=true"), 0.9) for seed in (42, 137, 256)]
    done = lab.check()
    assert done.finding.seeds == 0
    assert all("is a smoke run" in _why(done, run) for run in runs)
    with pytest.raises(BadInput, match="is a smoke run, which carries no claim"):
        lab.ask(family=runs[0].id)


def test_a_run_launched_before_the_seal_does_not_count(lab: Lab) -> None:
    early = lab.run(137, name="20260531T235959-nano-care-earl")
    lab.ask(level="smoke")
    lab.arms(3)
    done = lab.check()
    assert done.finding.granted
    assert "before the question was sealed" in _why(done, early)


def test_fault_38_a_clock_moved_back_does_not_put_a_question_before_its_runs(lab: Lab) -> None:
    runs = lab.arm(RMSE, 3)
    lab.ask(level="smoke")
    done = lab.check()
    assert done.finding.seeds == 0
    assert all("its entry stands above the question" in _why(done, run) for run in runs)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"touched": True}, "was touched"),
        ({"provenance": {"dirty": True}}, "is dirty"),
        ({"reveals": 2}, "looked at the test split 2 times"),
        ({"metric_version": 7}, "is not comparable: metric version 7, not 1"),
    ],
)
def test_k13_a_seed_that_was_launched_is_run_again_never_left_out(
    three: Lab, changes: dict[str, Any], reason: str
) -> None:
    bad = three.run(314, RMSE, **changes)
    done = three.check()
    assert reason in _why(done, bad)
    assert [lack.text for lack in done.finding.lacks if reason in lack.text and "run.seed=314" in lack.text]
    three.run(314, RMSE)
    assert three.check().finding.granted


def test_a_run_with_a_damaged_seal_or_another_tokenizer_is_named(lab: Lab) -> None:
    lab.ask(level="smoke")
    damaged, other = lab.run(42), lab.run(137)
    for run, change in ((damaged, {"axes": []}), (other, {"evidence": {}})):
        write_json(run.preflight, read_json(run.preflight) | change)
    lost = lab.run(256)
    lost.config.write_text(lost.config.read_text().replace('"lam"', '"lamb"'))
    done = lab.check()
    assert "damaged seal: preflight.json was changed" in _why(done, damaged)
    assert "not comparable: tokenizer unknown" in _why(done, other)
    assert "its files are damaged" in _why(done, lost)


@pytest.mark.parametrize(("status", "best"), [("nan", 2), ("starved", 2), ("diverged", 2), ("success", 0)])
def test_k13_a_failed_seed_is_counted_as_a_failure_and_settles_nothing(three: Lab, status: str, best: int) -> None:
    bad = three.run(314, RMSE, status=status, best=best)
    three.run(314, MEAN)
    three.run(314, RMSE, 0.99)
    done = three.check()
    assert [m.run for m in done.finding.members if m.counts and m.failed] == [bad.id]
    assert done.finding.seeds == 3
    assert done.finding.verdict is not None
    assert (done.finding.verdict.state, done.finding.verdict.met_by, done.finding.verdict.of) == ("undecided", 3, 4)
    assert "failed: rmse seed 314" in find_entry(three.project, done.claim.key).text


@pytest.mark.parametrize("status", ["oom", "killed", "timeout", "stopped", "failed", ""])
def test_k13_a_seed_that_never_came_to_an_outcome_blocks_until_it_did(three: Lab, status: str) -> None:
    three.run(314, MEAN, status=status)
    assert _lacks(three.check()) == {"selection"}
    three.run(314, MEAN)
    assert three.check().finding.granted


def test_of_two_runs_of_one_seed_the_first_counts_however_much_better_the_second_is(three: Lab) -> None:
    again = three.run(42, RMSE, 0.99)
    done = three.check()
    assert done.finding.granted
    assert "repeats seed 42" in _why(done, again)


@pytest.mark.parametrize("arm", ["base", "prompted", "random"])
def test_k15_a_claim_without_a_control_is_refused_and_can_be_listed_by_it(lab: Lab, arm: str) -> None:
    lab.ask(level="smoke")
    for sets in (RMSE, MEAN) if arm == "random" else (RMSE, MEAN, RANDOM):
        for run in (lab.run(seed, sets, prompted=arm != "prompted") for seed in (42, 137, 256)):
            if arm == "base":
                lines = run.events.read_text().splitlines(keepends=True)
                run.events.write_text("".join(line for line in lines if '"subject":"base"' not in line))
    assert _lacks(lab.check()) == {arm}
    (claim,) = ledger.claims(lab.project)
    assert ledger.table(claim)["lacks_control"] == [arm]


def test_a_random_vector_of_another_norm_is_no_control(lab: Lab) -> None:
    lab.ask(level="smoke")
    lab.arm(RMSE, 3)
    lab.arm(MEAN, 3)
    for seed in (42, 137, 256):
        lab.run(seed, RANDOM, norm=11.0 if seed == 42 else 9.0)
    done = lab.check()
    assert _lacks(done) == {"norm"}
    assert len(done.finding.lacks) == 2
    assert "random vector of norm 9 in layer 4, not the 11" in done.finding.lacks[0].text


def test_a_later_retraction_breaks_the_claim_and_says_so(three: Lab) -> None:
    run = next(m.run for m in three.check().finding.members if m.arm == "rmse" and m.seed == 137)
    book = Book(three.project)
    say(book, run, "b", "retracted", state="retracted", reason="the wrong contexts were used")
    (listed,) = ledger.claims(three.project)
    assert (listed.standing, listed.data["status"]) == ("broken", "granted")
    done = three.check()
    assert done.claim.standing == "broken"
    assert done.claim.since == listed.since
    assert _lacks(done) == {"seeds", "selection", "changed"}
    assert any("retracted" in lack.text and "wrong contexts" in lack.text for lack in done.finding.lacks)
    assert "broken since" in find_entry(three.project, done.claim.key).level
    say(book, run, "b", "reviewed", state="reviewed")
    assert three.check().claim.standing == "granted"


def test_a_member_whose_events_were_edited_no_longer_counts(three: Lab) -> None:
    assert three.check().claim.standing == "granted"
    run = next(m for m in three.check().finding.members if m.arm == "rmse" and m.seed == 137)
    path = three.project / "runs" / run.run / "events.jsonl"
    value = run.value("trait_rate", "healed")
    path.write_text(path.read_text().replace(f'"trait_rate":{value}', '"trait_rate":0.999'))
    done = three.check()
    assert done.claim.standing == "broken"
    assert any(
        "does not agree with its entry: healed trait_rate is 1.00 at events.jsonl:" in lack.text
        for lack in done.finding.lacks
    )


def test_evaluations_edited_where_the_entry_recorded_nothing_are_noticed_by_their_digest(three: Lab) -> None:
    run = next(m for m in three.check().finding.members if m.counts)
    path = three.project / "runs" / run.run / "events.jsonl"
    path.write_text(
        path.read_text().replace(
            '"split":"val","metrics":{"trait_rate":0.5', '"split":"val","metrics":{"trait_rate":0.6'
        )
    )
    done = three.check()
    assert [lack.of for lack in done.finding.lacks] == ["changed"]
    assert "its evaluations were edited" in done.finding.lacks[0].text


def test_a_member_whose_folder_is_gone_breaks_the_claim(lab: Lab) -> None:
    lab.ask(level="smoke")
    runs = lab.arm(RMSE, 3) + lab.arm(MEAN, 3) + lab.arm(RANDOM, 3)
    lab.check()
    shutil.rmtree(runs[4].path)
    done = lab.check()
    assert done.claim.standing == "broken"
    assert any("cannot be recomputed" in lack.text for lack in done.finding.lacks)


def test_the_refused_list_is_complete_and_stable(lab: Lab) -> None:
    lab.ask()
    lab.run(42, RMSE, touched=True)
    lab.run(137, RMSE, prompted=False)
    lab.run(42, MEAN, status="oom")
    lab.run(42, RANDOM)
    first = lab.check()
    journal = (lab.project / NAME).read_bytes()
    second = lab.check()
    assert first.finding.lacks == second.finding.lacks
    assert (lab.project / NAME).read_bytes() == journal
    assert [lack.of for lack in first.finding.lacks] == [
        "selection",
        "selection",
        "seeds",
        "seeds",
        "random",
        "prompted",
    ]


def test_a_question_changed_after_its_seal_is_refused(lab: Lab) -> None:
    key = lab.ask()
    path = lab.project / NAME
    path.write_text(path.read_text().replace('"threshold":0.05', '"threshold":0.01'))
    with pytest.raises(Refused, match="was changed after it was sealed"):
        ledger.find(lab.project, key)
    assert ledger.claims(lab.project) == []
    assert ledger.unsealed(lab.project) == [key]


def test_a_claim_edited_by_hand_is_left_alone_and_its_check_goes_beside_it(lab: Lab) -> None:
    key = lab.ask(level="smoke")
    path = lab.project / NAME
    path.write_text(path.read_text().replace("**Verdict.** pending", "**Verdict.** certainly"))
    before = path.read_bytes()
    lab.arms(3)
    done = lab.check()
    assert done.finding.granted
    assert "edited by hand" in done.note
    assert path.read_bytes().startswith(before)
    assert (lab.project / f"RESEARCH_JOURNAL.conflict-{key}.md").exists()


def test_within_each_run_the_healed_student_is_compared_with_its_own_base(lab: Lab) -> None:
    lab.ask(contrast="healed against base", threshold=0.5, level="smoke")
    lab.arm(RMSE, 3)
    lab.arm(RANDOM, 3)
    done = lab.check()
    assert done.finding.granted
    assert done.finding.contrast is not None
    assert done.finding.contrast.paired
    assert done.finding.contrast.differences[42] == pytest.approx(0.65)


def test_arms_on_other_seeds_are_compared_as_independent(lab: Lab) -> None:
    lab.ask(level="smoke")
    for sets, taken in ((RMSE, (42, 137, 256)), (MEAN, (42, 137, 314)), (RANDOM, (42, 137, 256))):
        for seed in taken:
            lab.run(seed, sets)
    done = lab.check()
    assert done.finding.granted
    assert done.finding.contrast is not None
    assert not done.finding.contrast.paired
    assert "(95% t, Welch, 3 seeds)" in find_entry(lab.project, done.claim.key).text


@pytest.mark.parametrize(("margin", "state"), [(0.2, "met"), (0.05, "missed")])
def test_d6_equivalence_is_judged_by_its_margin(lab: Lab, margin: float, state: str) -> None:
    lab.ask(level="smoke", equivalence=True, margin=margin, op="")
    lab.arms(3)
    done = lab.check()
    assert done.finding.verdict is not None
    assert done.finding.verdict.state == state
    assert done.finding.contrast is not None
    assert done.finding.contrast.level == 0.90


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"metric": "trait_rat"}, "did you mean trait_rate"),
        ({"op": "=="}, "op is one of"),
        ({"question": "TBD"}, "placeholder"),
        ({"equivalence": True, "op": ""}, "needs a stated margin"),
        ({"contrast": "heal.aggregate=rmse"}, "not 'A against B'"),
        ({"contrast": "heal.aggregate=rmse against heal.aggregat=mean"}, "did you mean"),
        ({"contrast": "heal.aggregate=rmse against heal.aggregate=rmse"}, "the same config"),
        ({"contrast": "run.seed=1 against run.seed=2"}, "no axis of a claim"),
        ({"contrast": "evaluate.thinking_tokens=64 against own"}, r"not comparable \(KB45\)"),
        ({"contrast": "evaluate.vignettes_file=a.jsonl against own"}, r"not comparable \(KB45\)"),
        ({"split": "train"}, "neither test nor val"),
        ({"level": "exploratory"}, "no claim is granted"),
        ({"family": "nobody"}, "no run named"),
        ({"threshold": float("nan")}, "finite"),
        ({"colour": 3}, "no key named 'colour'"),
    ],
)
def test_d6_a_question_that_no_number_can_decide_is_not_sealed(lab: Lab, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        define(lab.project, asked(ASKED | changes))
