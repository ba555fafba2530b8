"""An entry's lesson as a known bug of the project: written by one command, read back strictly, judged on a flat config."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cockpit.cli.main import run
from engine.contract.config import Config
from engine.contract.errors import BadInput
from engine.contract.resolve import resolve
from journal.index import rows
from journal.promote import NAME, Rule, hits, new_rule, project_rules, write_rule
from journal.review import states

Logged = Callable[..., str]


def promote(project: Path, *arguments: str) -> int:
    return run(["journal", "promote", *arguments, "--project", str(project)])


def test_one_command_makes_a_rule_that_hits_the_run_that_taught_it(logged: Logged, tmp_path: Path) -> None:
    key = logged("k3f9", trait=0.3, sets=["heal.tau=0.6"])
    assert promote(tmp_path, "k3f9", "--rule", "tau lets the loops through", "--when", "heal.tau>=0.5") == 0
    (rule,) = project_rules(tmp_path)
    assert (rule.id, rule.cause, rule.entry, rule.when) == (
        "PB1",
        "tau lets the loops through",
        key,
        ("heal.tau >= 0.5",),
    )
    (hit,) = hits([rule], resolve("nano-care", sets=["heal.tau=0.5"]).flat())
    assert (hit.rule, hit.knobs, hit.state) == ("PB1", ["heal.tau"], "open")
    assert "tau lets the loops through" in hit.line()
    assert hits([rule], resolve("nano-care", sets=["heal.tau=0.49"]).flat()) == []
    assert states(rows(tmp_path))[key].promoted == ("PB1",)


def test_every_condition_must_hold_and_rules_are_numbered_on(logged: Logged, tmp_path: Path) -> None:
    logged("k3f9", trait=0.3, sets=["heal.tau=0.6", "heal.aggregate=max"])
    conditions = ("--when", "heal.tau>=0.5", "--when", "heal.aggregate in mean,max")
    assert promote(tmp_path, "k3f9", "--rule", "first", *conditions) == 0
    path = tmp_path / NAME
    path.write_text("# my own words\n" + path.read_text())
    assert promote(tmp_path, "k3f9", "--rule", "second", "--when", "heal.tau>0.1", "--fix", "lower tau") == 0
    assert path.read_text().startswith("# my own words\n")
    first, second = project_rules(tmp_path)
    assert (first.id, second.id, second.fix) == ("PB1", "PB2", "lower tau")
    flat = Config().flat()
    assert [h.rule for h in hits([first, second], flat | {"heal.tau": 0.5, "heal.aggregate": "rmse"})] == ["PB2"]
    assert [h.rule for h in hits([first, second], flat | {"heal.tau": 0.5, "heal.aggregate": "max"})] == ["PB1", "PB2"]


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("heal.tau>=0.7", "would not have stopped"),
        ("heal.taw>=0.5", "did you mean heal.tau?"),
        ("heal.tau>=much", "neither"),
        ("heal.tau=rmse", "can never hold"),
        ("heal.aggregate>=0.5", "can never hold"),
        ("heal.tau", "is not a switch"),
        ("keep.enabled=maybe", "can never hold"),
        ("import os", "is no condition"),
    ],
)
def test_a_rule_that_could_never_stop_anything_is_refused(
    logged: Logged, tmp_path: Path, capsys: pytest.CaptureFixture[str], when: str, said: str
) -> None:
    logged("k3f9", sets=["heal.tau=0.6"])
    before = (tmp_path / "RESEARCH_JOURNAL.md").read_bytes()
    assert promote(tmp_path, "k3f9", "--rule", "x", "--when", when) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / NAME).exists()
    assert (tmp_path / "RESEARCH_JOURNAL.md").read_bytes() == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[rule]]\nid = 'PB1'\ncause = 'c'\nfix = 'f'\nwhen = []\n", "no condition"),
        ("[[rule]]\nid = 'PB1'\ncause = 'c'\nfix = 'f'\nwhen = ['heal.nope = 1']\n", "heal.nope"),
        ("[[rule]]\nid = 'PB1'\ncause = 'c'\nwhen = ['heal.tau > 1']\n", "fix"),
        ("[[rule]]\nid = 'X1'\ncause = 'c'\nfix = 'f'\nwhen = ['heal.tau > 1']\n", "PB1"),
        (2 * "[[rule]]\nid = 'PB1'\ncause = 'c'\nfix = 'f'\nwhen = ['heal.tau > 1']\n", "two rules"),
        ("[[rule]]\nid = 'PB1'\ncause = 'c'\nfix = 'f'\nwhen = ['heal.tau > 1']\nwehn = 1\n", "wehn"),
        ("[[rules]]\nid = 'PB1'\n", "rules"),
        ("rule = 3\n", NAME),
        ("not toml", NAME),
    ],
)
def test_a_file_that_would_silently_stop_nothing_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / NAME).write_text(text)
    with pytest.raises(BadInput, match=NAME) as raised:
        project_rules(tmp_path)
    assert said in str(raised.value)


def test_a_rule_reads_back_as_it_was_written(tmp_path: Path) -> None:
    assert project_rules(tmp_path) == []
    made = new_rule(
        tmp_path, cause='a "quoted" \\ cause', when=["heal.lr>1e-3", "steer.method in random, zero"], by="me"
    )
    write_rule(tmp_path, made)
    assert project_rules(tmp_path) == [made]
    assert isinstance(made, Rule)
