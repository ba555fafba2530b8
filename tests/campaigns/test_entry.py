"""A campaign's question entry over recorded runs (K13, D6): every member, means with deviations, t intervals, nothing chosen."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from cockpit.campaigns import store
from cockpit.campaigns.members import fill
from cockpit.report.campaign import listed, shown
from engine.contract.rundir import RunDir, runs_folder
from engine.contract.stats import t_interval
from journal.audit import check
from journal.book import Book
from journal.campaign import against_base, between, mean_interval, measure, over_seeds
from journal.campaign_entry import columns, table_rows, verdict, write
from journal.index import find_entry
from journal.text import label, number
from tests.cockpit.conftest import run_cli

from .conftest import Recorded, sealed

RANDOM, REAL = "method random", "method mean_diff"


def text(recorded: Recorded) -> str:
    assert write(recorded.project, recorded.campaign) == ""
    return find_entry(recorded.project, recorded.campaign.id).text


def test_k13_every_arm_has_mean_and_deviation_over_all_its_seeds(recorded: Recorded) -> None:
    found = measure(recorded.project, recorded.campaign)
    for metric in columns(recorded.campaign, found):
        for arm in (RANDOM, REAL):
            assert over_seeds(found, metric, arm) == recorded.spread(arm, metric)
    names = [name for name, _, _ in table_rows(recorded.campaign, found)]
    assert names == ["base", "prompted", RANDOM, REAL], "steered differs between vectors, so it is no row over them"
    written = text(recorded)
    spread = recorded.spread(REAL, "trait_rate")
    assert spread is not None
    assert spread.sd is not None
    assert f"| {REAL} | 5 | {number('trait_rate', spread.mean)} ± {number('trait_rate', spread.sd)} |" in written


def test_k13_every_member_is_a_row_of_the_entry_with_its_own_number(recorded: Recorded) -> None:
    written = text(recorded)
    found = measure(recorded.project, recorded.campaign)
    assert len(found) == 10
    for m in found:
        value = number("trait_rate", m.value("trait_rate"))
        (row,) = [line for line in written.splitlines() if m.member.run in line]
        assert row.startswith(f"| {m.member.arm} | {m.member.seed} | {value} |")


def test_d6_intervals_are_t_intervals_on_seed_means_and_differences_are_paired_by_seed(recorded: Recorded) -> None:
    found, metric = measure(recorded.project, recorded.campaign), recorded.campaign.metric
    assert metric == "tail_ppl"
    healed, base = recorded.numbers(REAL, metric), recorded.numbers(REAL, metric, "base")
    assert mean_interval(found, metric, REAL) == t_interval(healed)
    change, apart = against_base(found, metric, REAL), between(found, metric, REAL, RANDOM)
    assert change is not None
    assert apart is not None
    assert change.interval == t_interval([h - b for h, b in zip(healed, base, strict=True)])
    assert apart.interval == t_interval([h - r for h, r in zip(healed, recorded.numbers(RANDOM, metric), strict=True)])
    assert apart.paired
    assert set(apart.differences) == {42, 137, 256, 314, 512}


def test_k13_a_member_without_a_number_is_named_and_never_passed_over(recorded: Recorded) -> None:
    lost = recorded.campaign.members[7]
    result = RunDir(runs_folder(recorded.project) / lost.run).result
    result.write_text(result.read_text().replace('"success"', '"diverged"').replace("all rounds done", "loss doubled"))
    found = measure(recorded.project, recorded.campaign)
    spread = over_seeds(found, "trait_rate", REAL)
    assert spread is not None
    assert spread.n == 4
    assert f"{REAL}, seed {lost.seed} ended as diverged: loss doubled" in verdict(found)
    written = text(recorded)
    assert "1 of 10 members without a number" in written.splitlines()[0]
    assert f"| {REAL} | {lost.seed} | – |" in written
    assert "a publishable result: 4 of 5 seeds" in written


def test_the_prediction_that_is_judged_is_the_campaigns_own(recorded: Recorded) -> None:
    record = recorded.campaign.record
    asked = record["answers"] | {"prediction": record["answers"]["prediction"] | {"op": "<=", "threshold": 1000.0}}
    for threshold, state in ((1000.0, "met"), (0.5, "missed")):
        asked["prediction"]["threshold"] = threshold
        changed = msgspec.structs.replace(recorded.campaign, record=record | {"answers": asked})
        assert {m.verdict for m in measure(recorded.project, changed)} == {state}


def test_the_entry_is_clean_found_by_name_and_written_once(recorded: Recorded) -> None:
    before = Book(recorded.project).read()
    written = text(recorded)
    data = Book(recorded.project).read()
    assert data.startswith(before), "every other byte stays"
    assert write(recorded.project, recorded.campaign) == ""
    assert Book(recorded.project).read() == data
    assert [f for f in check(recorded.project) if "campaign" in f.what] == []
    assert "[campaign, 5 seeds, nano-care]" in written.splitlines()[0]
    row = find_entry(recorded.project, "aaaa")
    assert row.data["question"] == recorded.campaign.hypothesis
    assert row.data["arms"].keys() == {RANDOM, REAL}
    assert len(row.data["members"]) == 10


def test_an_entry_that_a_person_edited_is_left_alone(recorded: Recorded) -> None:
    text(recorded)
    path = Book(recorded.project).path
    path.write_bytes(path.read_bytes().replace(b"No claim: that is", b"No claim yet: that is"))
    edited = path.read_bytes()
    assert "was edited by hand" in write(recorded.project, recorded.campaign)
    assert path.read_bytes() == edited


def test_what_it_does_not_show_is_said(recorded: Recorded) -> None:
    written = text(recorded)
    assert "anything about larger models; seeds other than 42, 137, 256, 314, 512" in written
    assert "publishable" not in written
    assert "No claim" in written


def test_the_table_on_the_terminal_has_the_same_numbers(recorded: Recorded) -> None:
    done = run_cli("campaign", "show", "aaaa", project=recorded.project)
    assert done.returncode == 0, done.stderr
    assert f"# H: {recorded.campaign.hypothesis}" in done.stderr
    spread = recorded.spread(REAL, "care_nats")
    assert spread is not None
    line = next(line for line in done.stdout.splitlines() if line.startswith(REAL))
    assert line.split()[2:4] == ["5", number("trait_rate", recorded.spread(REAL, "trait_rate").mean)]  # type: ignore[union-attr]
    assert number("care_nats", spread.mean) in line
    assert all(m.run[-4:] in done.stdout for m in recorded.campaign.members)
    assert label("tail_ppl") in done.stdout
    assert Book(recorded.project).find(recorded.campaign.id) is not None, "a finished campaign has its entry"


def test_json_holds_every_arm_and_member(recorded: Recorded) -> None:
    table = shown(recorded.project, recorded.campaign)
    assert [row["arm"] for row in table["arms"]] == ["base", "prompted", RANDOM, REAL]
    assert len(table["runs"]) == table["members"] == table["done"] == 10
    assert table["state"] == "done"
    read = msgspec.json.decode(msgspec.json.encode(table))
    assert [len(c["differences"]) for c in read["healed_minus_base"].values()] == [5, 5]


@pytest.mark.parametrize("queued", [False, True])
def test_a_campaign_that_has_not_ended_says_so_and_has_no_entry(tmp_path: Path, queued: bool) -> None:
    made = sealed(tmp_path, 42, 137)
    made = fill(tmp_path, made.id) if queued else store.find(tmp_path, made.id)
    assert listed(tmp_path, made)["state"] == ("goes on" if queued else "interrupted")
    found = measure(tmp_path, made)
    assert [m.counted for m in found] == [False, False]
    if queued:
        assert run_cli("campaign", "show", project=tmp_path).returncode == 0
        assert Book(tmp_path).find(made.id) is None
