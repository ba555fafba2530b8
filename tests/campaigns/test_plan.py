"""From words to arms and seeds (K12, W15): every combination once, and axes that the checklist declares."""

from __future__ import annotations

from math import prod
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.campaigns.plan import arms, campaign, knobs, over, seeds, together
from engine.contract import seeds as known
from engine.contract.errors import BadInput, Refused
from tests.cockpit.conftest import preflight, run_cli

VALUES = {
    "heal.aggregate": ["mean", "rmse", "p95", "max"],
    "heal.lam": ["0.1", "0.3", "1"],
    "generate.doses": ["[0.5, 1.0]", "[1.0]"],
}
settings_ = st.fixed_dictionaries(
    {}, optional={knob: st.lists(st.sampled_from(v), min_size=2, unique=True) for knob, v in VALUES.items()}
)


@given(settings_)
def test_every_combination_is_one_arm_with_a_name_of_its_own(chosen: dict[str, list[str]]) -> None:
    found = over([f"{knob}={','.join(values)}" for knob, values in chosen.items()])
    assert found == chosen, "values of a list keep their commas"
    made = arms(found)
    assert len(made) == prod(len(v) for v in chosen.values())
    assert len({tuple(sets) for sets in made.values()}) == len(made)
    for name, sets in made.items():
        assert [s.partition("=")[0] for s in sets] == list(chosen)
        assert all(value.strip('"') in name for value in (s.partition("=")[2] for s in sets))


@given(st.integers(1, 32))
def test_k12_a_number_is_so_many_of_everybodys_seeds(count: int) -> None:
    assert seeds(str(count), 5) == list(known.seeds(count))


def test_k12_five_seeds_are_taken_where_nobody_says_how_many() -> None:
    assert seeds("", 5) == [42, 137, 256, 314, 512]
    assert seeds("7,42", 5) == [7, 42]
    assert seeds("42,", 5) == [42]


@pytest.mark.parametrize("text", ["42", "0", "three", "7,7", ","])
def test_seeds_that_cannot_be_meant_are_refused(text: str) -> None:
    with pytest.raises(BadInput, match="seed"):
        seeds(text, 5)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("heal.tau=0.5", "at least two"),
        ("heal.tau=0.5,0.5", "at least two"),
        ("heal.tua=0.5,1", "did you mean heal.tau"),
        ("run.seed=1,2", "--seeds"),
        ("run.time_limit=1,2", "limits make no arms"),
        ("evaluate.thinking_tokens=0,64", r"not comparable \(KB45\)"),
        ("evaluate.vignettes_file=a.jsonl,b.jsonl", r"not comparable \(KB45\)"),
    ],
)
def test_an_axis_that_cannot_be_meant_is_refused(setting: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        over([setting])


def test_axes_that_the_checklist_does_not_declare_are_refused_by_name(tmp_path: Path) -> None:
    checklist = preflight(tmp_path / "tiny.toml")
    asked = over(["heal.aggregate=mean,rmse", "steer.method=mean_diff,random", "heal.lam=0.1,0.3"])
    with pytest.raises(Refused, match=r"heal\.aggregate and heal\.lam as an axis") as refused:
        campaign(tmp_path, "matrix", checklist, asked, [42])
    assert 'axes = ["steer.method", "heal.aggregate", "heal.lam"]' in str(refused.value)
    done = run_cli(
        "campaign", "matrix", "--preflight", str(checklist), "--over", "heal.lam=0.1,0.3", "--hypothesis", "Does lam matter?",
        project=tmp_path,
    )  # fmt: skip
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (3, "", 1)
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())


def test_settings_that_go_together_make_one_arm_each_and_meet_every_value_of_an_axis() -> None:
    linked = together(["own", "heal.aggregate=mean,heal.tau=0.02", "wide: generate.doses=[0.5, 1.0],heal.lam=1"])
    assert arms({}, linked) == {
        "own": [],
        "aggregate mean, tau 0.02": ["heal.aggregate=mean", "heal.tau=0.02"],
        "wide": ["generate.doses=[0.5, 1.0]", "heal.lam=1"],
    }
    made = arms(over(["heal.rank=1,8"]), linked)
    assert list(made) == [
        "rank 1", "rank 8", "aggregate mean, tau 0.02, rank 1", "aggregate mean, tau 0.02, rank 8", "wide, rank 1", "wide, rank 8",
    ]  # fmt: skip
    assert made["wide, rank 8"] == ["generate.doses=[0.5, 1.0]", "heal.lam=1", "heal.rank=8"]


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        (["heal.tau=1"], "compares nothing alone"),
        (["own", "heal.tua=1"], "did you mean heal.tau"),
        (["own", "run.seed=3"], "--seeds"),
        (["own", "evaluate.thinking_tokens=64"], r"not comparable \(KB45\)"),
        (["own", "heal.tau=1,heal.tau=2"], "named twice"),
        (["own: heal.tau=1", "heal.tau=2"], "without settings"),
        (["heal.tau=1", "again: heal.tau=1"], "there twice"),
        (["a: heal.tau=1", "a: heal.tau=2"], "there twice"),
    ],
)
def test_an_arm_that_cannot_be_meant_is_refused(given_: list[str], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        together(given_)


@pytest.mark.slow
def test_a_setting_of_both_an_axis_and_an_arm_and_two_names_of_one_config_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"heal\.lam is given by --over and by --arm"):
        knobs(over(["heal.lam=0.1,0.3"]), together(["own", "heal.lam=1"]))
    checklist = preflight(tmp_path / "tiny.toml")
    linked = together(["own", "the same: steer.method=mean_diff"])
    with pytest.raises(BadInput, match="'own' and 'the same' are one config"):
        campaign(tmp_path, "matrix", checklist, {}, [42], linked=linked)


def test_arms_and_axes_keep_the_values_that_members_run_with(tmp_path: Path) -> None:
    checklist = preflight(tmp_path / "tiny.toml")
    found = campaign(tmp_path, "matrix", checklist, {}, [42, 137], linked=together(["own", "steer.method=random"]))
    assert found.arms == ["own", "method random"]
    assert found.over == {"steer.method": ["mean_diff", "random"]}
    assert [(m.arm, m.seed, m.values["steer.method"]) for m in found.members] == [
        ("own", 42, "mean_diff"), ("own", 137, "mean_diff"), ("method random", 42, "random"), ("method random", 137, "random"),
    ]  # fmt: skip
    again = campaign(tmp_path, "matrix", checklist, {}, [42, 137], linked=together(["own", "steer.method=random"]))
    assert again.id == found.id
