"""Every command that takes a run takes it by the short name that tables show, with and without the dash; nothing else changes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from cockpit.cli.main import application
from cockpit.cli.main import run as cockpit
from cockpit.cli.short_names import TakesShortNames, arguments_last
from journal.book import Book

EXAMPLE = Path(__file__).parents[2] / "examples/project"
TAKES = {"--sort": 1, "--project": 1, "--set": 1, "--pair": 2}
WORDS = st.sampled_from(
    ["last", "-k3f9", "-abcd#2", "-", "--json", "--sort", "--sort=-seed", "--pair", "-seed", "--", "x y", "-h"]
)


@given(st.lists(WORDS))
def test_words_are_only_ever_moved_behind_the_dashes_in_their_order(words: list[str]) -> None:
    found = arguments_last(words, TAKES)
    if found != words:
        assert sorted(found) == sorted(words if "--" in words else [*words, "--"])
        behind = iter(words)
        assert all(word in behind for word in found[found.index("--") + 1 :]), "in the order they had"
        assert arguments_last(found, TAKES) == found


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["-k3f9", "--json"], ["--json", "--", "-k3f9"]),
        (["--sort", "-seed", "-k3f9", "text"], ["--sort", "-seed", "--", "-k3f9", "text"]),
        (["--sort", "-seed"], ["--sort", "-seed"]),
        (["--pair", "-aaaa", "-bbbb", "-cccc"], ["--pair", "-aaaa", "-bbbb", "--", "-cccc"]),
        (["a", "--", "-k3f9", "--json"], ["--", "a", "-k3f9", "--json"]),
        (["-k3f9", "--sort"], ["-k3f9", "--sort"]),
        (["--jsno", "-k3f9"], ["--jsno", "--", "-k3f9"]),
    ],
)
def test_only_a_word_that_is_no_value_of_an_option_is_a_short_name(words: list[str], found: list[str]) -> None:
    assert arguments_last(words, TAKES) == found


def test_every_command_that_takes_a_run_or_a_claim_takes_its_short_name() -> None:
    """A command that is added without it is named here."""
    named = []
    for path, command in commands():
        takes = any(getattr(p, "metavar", "") in ("RUN", "[RUN]...", "CLAIM") for p in command.params)
        if takes and not command.hidden and not isinstance(command, TakesShortNames):
            named.append(path)
    assert named == []


def commands() -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    waiting: list[tuple[str, Any]] = [("cockpit", typer.main.get_command(application()))]
    while waiting:
        path, command = waiting.pop()
        members = getattr(command, "commands", None)
        if members is None:
            found.append((path, command))
        waiting += [(f"{path} {name}", member) for name, member in (members or {}).items()]
    return found


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The worked project, to write in."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "project"))


RUN, OTHER = "20261121T101309-nano-care-h86i", "20261121T101309-nano-care-ip64"


@pytest.mark.parametrize(
    "asked",
    [
        ["show", "{}", "--json"],
        ["tail", "{}"],
        ["attach", "{}", "--plain"],
        ["journal", "show", "{}"],
        ["journal", "rebuild", "{}"],
        ["journal", "export", "{}", "--format", "json"],
        ["journal", "list", "--sort", "-seed", "--columns", "seed"],
    ],
)
def test_a_run_is_found_by_its_short_name_with_and_without_the_dash(
    asked: list[str], project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = []
    for name in (RUN, RUN[-4:], RUN[-5:]):
        code = cockpit([*(word.format(name) for word in asked), "--project", str(project)])
        said.append((code, *capsys.readouterr()))
    assert said[0] == said[1] == said[2]
    assert said[0][1] or "entries say" in said[0][2]


def test_what_is_said_of_a_run_takes_short_names_and_leaves_text_alone(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where, run = ["--json", "--project", str(project)], RUN[-5:]
    assert cockpit(["journal", "note", run, "--tag", "odd", "of its tail", *where]) == 0
    assert json.loads(capsys.readouterr().out)["of"] == RUN
    assert (
        cockpit(["journal", "review", run, "--superseded-by", OTHER[-5:], "--reason", "it was read twice", *where]) == 0
    )
    assert json.loads(capsys.readouterr().out)["state"]["superseded_by"] == OTHER
    assert cockpit(["journal", "note", run, "-much", *where]) == 0
    assert "-much" in Book(project).read().decode().splitlines()[-3]


def test_a_claim_is_found_by_its_short_name(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cockpit(["claim", "list", "--json", "--project", str(project)]) == 0
    key = json.loads(capsys.readouterr().out)[0]["claim"]
    assert cockpit(["claim", "show", key[-5:], "--json", "--project", str(project)]) == 0
    assert json.loads(capsys.readouterr().out)["claim"] == key


def test_the_words_of_a_search_are_left_as_they_are(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--project", str(project), "--json"]
    assert cockpit(["journal", "search", "smoke", *where]) == 0
    assert json.loads(capsys.readouterr().out)
    assert cockpit(["journal", "search", "smoke", "-nano", *where]) == 0
    assert json.loads(capsys.readouterr().out) == []
