"""Filters, orders and columns of `journal list`."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.cli.main import run
from engine.contract.errors import BadInput
from journal.adopt import adopt
from journal.condition import Condition, holds, parse
from journal.index import find_row, rows
from journal.query import day, items

Logged = Callable[..., str]
Listed = Callable[..., list[str]]


@pytest.fixture
def listed(logged: Logged, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Listed:
    """listed('--where', ...) gives the endings of the runs listed, of six runs on six days, the fourth a smoke run, the last nan."""
    for i, (tail, trait, seed) in enumerate([("aaaa", 0.97, 42), ("bbbb", 0.41, 137), ("cccc", 0.92, 256)]):
        logged(tail, trait=trait, seed=seed, day=4 + i)
    logged("smok", sets=["run.smoke=true"], day=7)
    logged("dddd", trait=0.6, day=8)
    logged("nnnn", status="nan", day=9)

    def call(*arguments: str) -> list[str]:
        capsys.readouterr()
        assert run(["journal", "list", "--json", *arguments, "--project", str(tmp_path)]) == 0
        return [row["key"][-4:] for row in json.loads(capsys.readouterr().out)]

    return call


def test_the_list_is_newest_first_and_narrowed_by_any_field(listed: Listed) -> None:
    assert listed() == ["nnnn", "dddd", "smok", "cccc", "bbbb", "aaaa"]
    assert listed("--no-smoke") == ["nnnn", "dddd", "cccc", "bbbb", "aaaa"]
    assert listed("--where", "status=nan") == ["nnnn"]
    assert listed("--where", "healed.trait_rate>=.9", "--no-smoke") == ["cccc", "aaaa"]
    assert listed("--where", "trait_rate >= .9", "--where", "seed in 42,137", "--no-smoke") == ["aaaa"]
    assert listed("--where", "seed not in 42,137") == ["cccc"]
    assert listed("--where", "smoke") == ["smok"]
    assert listed("--where", "not smoke", "--where", "hypothesis~ROUNDS") == ["nnnn", "dddd", "cccc", "bbbb", "aaaa"]
    assert listed("--where", "axes=steer.method", "--limit", "1") == ["nnnn"]
    assert listed("--where", "when<=2026-06-05") == ["bbbb", "aaaa"]


def test_what_was_not_measured_passes_no_comparison_and_sorts_last(listed: Listed) -> None:
    assert "nnnn" not in listed("--where", "trait_rate<2") + listed("--where", "trait_rate!=2")
    assert listed("--where", "not healed.trait_rate") == ["nnnn"]
    assert listed("--sort", "-value", "--no-smoke") == ["aaaa", "cccc", "dddd", "bbbb", "nnnn"]
    assert listed("--sort", "value", "--no-smoke") == ["bbbb", "dddd", "cccc", "aaaa", "nnnn"]
    assert listed("--sort", "seed,-value", "--no-smoke") == ["aaaa", "dddd", "nnnn", "bbbb", "cccc"]


def test_days_states_and_tags(listed: Listed, tmp_path: Path) -> None:
    assert listed("--since", "2026-06-06", "--until", "2026-06-08") == ["dddd", "smok", "cccc"]
    run(["journal", "review", "aaaa", "--reviewed", "--project", str(tmp_path)])
    run(["journal", "note", "bbbb", "--tag", "fig", "--project", str(tmp_path)])
    assert listed("--state", "reviewed") == ["aaaa"]
    assert listed("--state", "reviewed", "--state", "draft") == ["nnnn", "dddd", "cccc", "bbbb", "aaaa"]
    assert listed("--tag", "fig") == ["bbbb"]
    assert listed("--where", "tags=fig") == ["bbbb"]
    assert listed("--where", "state=reviewed") == ["aaaa"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--where", "trait_rat>=.9"], "did you mean trait_rate?"),
        (["--where", "healed.trait_rate>=high"], "neither"),
        (["--where", "seed=many"], "holds numbers"),
        (["--where", "status>=5"], "holds text"),
        (["--where", "smoke=perhaps"], "true or false"),
        (["--where", "__import__('os')"], "is no condition"),
        (["--sort", "-valeu"], "did you mean value?"),
        (["--columns", "hypothesi"], "did you mean hypothesis?"),
        (["--state", "fine"], "there are draft, reviewed"),
        (["--since", "soon"], "is no day"),
    ],
)
def test_fault_25_a_filter_that_cannot_be_meant_is_refused_by_name(
    logged: Logged, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    logged("aaaa")
    assert run(["journal", "list", *arguments, "--project", str(tmp_path)]) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert shown.out == ""


def test_a_person_sees_the_columns_of_the_journal_screen(
    listed: Listed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["journal", "review", "aaaa", "--retract", "wrong", "--project", str(tmp_path)])
    capsys.readouterr()
    assert run(["journal", "list", "--project", str(tmp_path)]) == 0
    shown = capsys.readouterr()
    head, _, *lines = shown.out.splitlines()
    assert head.split() == ["when", "run", "hypothesis", "verdict", "trait", "tail", "ppl", "seeds", "level", "review"]
    row = next(line for line in lines if "-aaaa" in line)
    assert row.startswith("06-04 10:13  -aaaa")
    assert row.split()[-6:] == ["met", ".97", "1.2", "1", "exploratory", "✗"]
    assert next(line for line in lines if "-nnnn" in line).split()[-6:] == ["nan", "–", "–", "1", "exploratory", "·"]
    assert "6 entries · 4 unreviewed" in shown.err
    assert max(map(len, shown.out.splitlines())) <= 110
    assert run(["journal", "list", "--columns", "seed,trait_rate", "--limit", "2", "--project", str(tmp_path)]) == 0
    assert "healed.trait_rate" in capsys.readouterr().out


def test_the_fields_that_can_be_asked_for_are_named(
    listed: Listed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(["journal", "list", "--fields", "--project", str(tmp_path)]) == 0
    assert {"status", "state", "healed.trait_rate", "base.tail_ppl"} <= set(capsys.readouterr().out.split())


NAMES = st.from_regex(r"[a-z]{3,8}(\.[a-z_]{3,8})?", fullmatch=True).filter(lambda name: name not in ("not",))
VALUES = st.text(
    st.characters(codec="ascii", exclude_characters="\"'\n\r\x00", categories=("L", "N", "P")), min_size=1, max_size=8
)


@given(
    field=NAMES, op=st.sampled_from(["=", "!=", "~", "in", "not in"]), values=st.lists(VALUES, min_size=1, max_size=3)
)
def test_a_condition_reads_back_from_its_own_text(field: str, op: str, values: list[str]) -> None:
    if op not in ("in", "not in"):
        values = values[:1]
        if values[0].startswith(("=", "~")):
            return
    condition = Condition(field, op, tuple(values))  # type: ignore[arg-type]
    assert parse(condition.text()) == condition


@given(value=st.floats(-1e6, 1e6), limit=st.floats(-1e6, 1e6))
def test_comparisons_are_those_of_numbers(value: float, limit: float) -> None:
    for op, wanted in (
        (">=", value >= limit),
        ("<=", value <= limit),
        (">", value > limit),
        ("<", value < limit),
        ("=", value == limit),
    ):
        assert holds(parse(f"x{op}{limit!r}"), value) is wanted
        assert not holds(parse(f"x{op}{limit!r}"), None)
    assert holds(parse(f"x in {limit!r},{value!r}"), value)
    assert not holds(parse(f"x>={limit!r}"), math.nan)


def test_days_can_be_named() -> None:
    today = date(2026, 6, 10)
    assert [day(text, today) for text in ("today", "yesterday", "7d", "1w", "2026-01-02")] == [
        "2026-06-10", "2026-06-09", "2026-06-03", "2026-06-03", "2026-01-02",
    ]  # fmt: skip
    with pytest.raises(BadInput, match="is no day"):
        day("2026-13-01", today)


def test_what_was_adopted_stands_among_runs_of_its_day_and_is_never_the_last(logged: Logged, tmp_path: Path) -> None:
    newer, older = logged("k3f9", day=5), logged("p0aa", day=3)
    (tmp_path / "old.csv").write_text("name,date\nold,2026-06-04\nolder,2026-06-01\n")
    first, second = (taken.key for taken in adopt(tmp_path, tmp_path / "old.csv", write=True))
    found = rows(tmp_path)
    assert [item.row.key for item in items(found, {})] == [newer, first, older, second]
    assert find_row(found, "last", tmp_path).key == newer
    assert find_row(found, f"-{first[-20:]}", tmp_path).key == first
