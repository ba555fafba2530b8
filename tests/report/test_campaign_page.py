"""The report of a campaign, and controls in every table: what was not run is named (issue of campaigns, K13)."""

from __future__ import annotations

from pathlib import Path

import msgspec

from cockpit.report.controls import controls_table
from cockpit.report.page.campaign import campaign_page
from cockpit.report.tables import console
from engine.contract.rundir import RunDir, runs_folder
from journal import campaign_controls
from journal.campaign import Campaign
from journal.campaign_entry import columns
from journal.controls import controls, over_the_loop
from journal.record import load_record
from tests.campaigns.conftest import Recorded, recorded  # noqa: F401
from tests.cockpit.conftest import run_cli
from tests.report.conftest import Page

RANDOM, REAL = "method random", "method mean_diff"
OVER = {method: over_the_loop(method, "survival") for method in ("random", "shuffled", "zero")}
ON_KL = over_the_loop("random", "kl")


def own(project: Path, campaign: Campaign, seed: int = 42) -> RunDir:
    (member,) = [m for m in campaign.members if (m.arm, m.seed) == (REAL, seed)]
    return RunDir(runs_folder(project) / member.run)


def test_a_campaigns_page_is_whole_and_its_means_are_those_of_the_runs(recorded: Recorded) -> None:  # noqa: F811
    html, drawings = campaign_page(recorded.project, recorded.campaign)
    page = Page(html)
    assert page.faults == []
    assert [a for _, a in page.tags if "src" in a or not str(a.get("href", "#")).startswith("#")] == []
    assert [d.name for d in drawings] == ["members", "curves", "pareto"]
    by_run = {
        a["data-run"]: float(a["data-value"])
        for a, _ in page.numbers()
        if a.get("data-run") and a["data-metric"] == "trait_rate"
    }
    assert len(by_run) == 10
    for member in recorded.campaign.members:
        row = load_record(RunDir(runs_folder(recorded.project) / member.run)).row("healed", "test")
        assert row is not None
        assert by_run[member.run] == row.metrics["trait_rate"]
    means = [float(a["data-value"]) for a, _ in page.numbers() if "data-run" not in a]
    found = [
        recorded.spread(arm, metric) for arm in (RANDOM, REAL) for metric in ("trait_rate", "tail_ppl", "care_nats")
    ]
    assert all(spread is not None and spread.mean in means for spread in found)


def test_controls_of_a_run_are_the_runs_that_differ_by_their_vector_alone(recorded: Recorded) -> None:  # noqa: F811
    record = load_record(own(recorded.project, recorded.campaign))
    found = {c.name: c for c in controls(recorded.project, record)}
    assert list(found) == ["base", "persona-prompted", "raw steering by dose", *OVER.values(), ON_KL]
    random = found[OVER["random"]]
    (sister,) = [m.run for m in recorded.campaign.members if (m.arm, m.seed) == (RANDOM, 42)]
    assert random.run == sister
    row = load_record(RunDir(runs_folder(recorded.project) / sister)).row("healed", "test")
    assert random.rows == (row,)
    zero = found[OVER["zero"]]
    assert load_record(RunDir(runs_folder(recorded.project) / zero.run)).config.steer.method == "zero"
    assert zero.rows[0].split == record.table_split()
    for name in (OVER["shuffled"], ON_KL):
        assert found[name].rows == ()
        assert found[name].said.startswith("not run: ")


def test_a_control_of_another_seed_is_none(recorded: Recorded) -> None:  # noqa: F811
    record = load_record(own(recorded.project, recorded.campaign, seed=137))
    found = {c.name: c for c in controls(recorded.project, record)}
    assert found[OVER["zero"]].rows == (), "zero was run on seed 42 alone"
    assert "on seed 137" in found[OVER["zero"]].said


def test_what_was_not_run_is_named_in_every_table(recorded: Recorded) -> None:  # noqa: F811
    folder = own(recorded.project, recorded.campaign)
    out = console()
    with out.capture() as captured:
        out.print(controls_table(controls(recorded.project, load_record(folder))))
    said = " ".join(captured.get().split())
    assert "not run: shuffled over the loop" in said
    assert "random over the loop, by KL" in said
    shown = run_cli("show", folder.id, project=recorded.project).stdout
    assert " ".join(shown.split()).count("not run: shuffled") == 1
    listed = run_cli("campaign", "show", recorded.campaign.id, project=recorded.project)
    assert "controls not run: shuffled over the loop" in " ".join(listed.stdout.split())


def test_a_campaigns_controls_are_means_over_the_seeds_that_have_them(recorded: Recorded) -> None:  # noqa: F811
    found = {c.name: c for c in campaign_controls.controls(recorded.project, recorded.campaign)}
    assert list(found) == [OVER["shuffled"], OVER["zero"], ON_KL], "random is an arm of its own"
    zero = found[OVER["zero"]]
    assert {s.n for s in zero.spreads.values()} == {1}
    assert zero.said == "on 1 of 5 seeds"
    assert set(columns(recorded.campaign, [])) <= set(zero.spreads)
    assert found[OVER["shuffled"]].spreads == {}


def test_where_doses_are_found_by_kl_a_random_vector_is_matched_on_it(recorded: Recorded) -> None:  # noqa: F811
    record = load_record(own(recorded.project, recorded.campaign))
    assert record.run is not None
    config = record.run.config
    steer = config.steer.model_copy(update={"calibration": "kl"})
    run = msgspec.structs.replace(record.run, config=config.model_copy(update={"steer": steer}))
    found = {c.name: c for c in controls(recorded.project, msgspec.structs.replace(record, run=run))}
    assert found[ON_KL].said.startswith("not run: no run of the project is this one"), "none was run, but one could be"
    assert found[OVER["random"]].said == "not run: doses are found by KL"
