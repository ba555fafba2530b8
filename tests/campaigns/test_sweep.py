"""Sweeps (K15, K16 g, S12): locked until baseline and ablation stand, seeded, resumable, best on val, then seeds that no trial saw."""

from __future__ import annotations

import json
import math
import sys
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.campaigns import store
from cockpit.campaigns.members import fill, live
from cockpit.campaigns.space import distribution, place, space, value
from cockpit.campaigns.sweep import advance, plan, study_file
from cockpit.campaigns.unlock import lacking
from cockpit.campaigns.work import conclude
from cockpit.report.page.campaign import campaign_page
from engine.contract.answers import parse_answers
from engine.contract.errors import BadInput, Refused
from engine.contract.events import RunFinished, VectorExtracted, encode
from engine.contract.files import write_json
from engine.contract.hashes import code_hash
from engine.contract.preflight import seal
from engine.contract.prior import Prior
from engine.contract.resolve import resolve
from engine.contract.rundir import RunDir, all_runs, runs_folder
from engine.contract.runfile import load_runfile
from journal import ablation
from journal.book import Book
from journal.campaign import Campaign
from journal.index import find_entry
from journal.record import load_record
from journal.sweep import BEST, Range, Sweep
from journal.write import close_entry
from tests.cockpit.conftest import preflight, run_cli
from tests.makings import evaluated
from tests.queued import EXAMPLE, FACTS
from tests.report.conftest import Page

from .conftest import CAREFUL, SMALL, Recorded

BASE = resolve("nano-care").flat()
LR = {"heal.lr": Range(low=1e-4, high=1e-2, log=True)}


def searching(
    project: Path, search: dict[str, Range] | None = None, *, count: int = 6, batch: int = 1, name: str = "bbbb"
) -> Campaign:
    """A sealed sweep of nano-care, saved and not begun; no engine looks at a model."""
    search = search or LR
    table = tomllib.loads(EXAMPLE.read_text("utf-8")) | {"axes": list(search)}
    table["waivers"] = [{"rule": "K16g", "reason": "a test of the search, which measures nothing"}]
    config = resolve("nano-care", sets=["run.seed=1"])
    record = seal(
        parse_answers(table), config, FACTS, "t" * 64, Prior(), evidence={"estimate": {"seconds": {"heal": 60.0}}}
    )
    asked = Sweep(
        metric="trait_rate", maximise=True, search=search, count=count, batch=batch, tuned_on=[1], sampler="TPE"
    )
    made = Campaign(
        id=f"20260604T101347-campaign-{name}", kind="sweep", identity="the same", made_at="2026-06-04T10:13:47.000Z",
        where=str(project), command="again", code_hash=code_hash(), preset="nano-care",
        over={knob: [r.words()] for knob, r in search.items()}, seeds=[42, 137], record=record, members=(), sweep=asked,
    )  # fmt: skip
    store.save(project, made)
    return made


def trait(folder: RunDir) -> float:
    """What a run of these tests measures: best at a learning rate of 1e-3."""
    return 1.0 - abs(math.log10(load_runfile(folder.config).config.heal.lr) + 3.0) / 4.0


def end(folder: RunDir, status: str = "success", **said: float) -> None:
    """Close a run as its worker and its supervisor do."""
    measured = said.get("trait", trait(folder))
    rows = [evaluated("healed", measured, split, round=1) for split in ("val", "test")]
    ended = RunFinished(status=status, reason="", best=int(said.get("best", 1)), seconds=1.0, tokens=1)
    folder.events.write_bytes(b"".join(map(encode, [evaluated("base", 0.2), *rows, ended])))
    write_json(folder.process, {"attempt": 1, "supervised_at": "2026-06-04T10:13:47.000Z"})
    write_json(folder.provenance, {"code_hash": code_hash(), "commit": "d" * 40, "dirty": False})
    write_json(folder.result, {"status": status, "reason": "", "attempt": 1, "seconds": 1.0, "logged": True})
    close_entry(Book(folder.path.parents[1]), load_record(folder))


def step(project: Path, campaign: Campaign) -> bool:
    """One turn of the loop: draw or settle, queue, and let every run end."""
    if not advance(project, campaign.id):
        return False
    for member in live(project, fill(project, campaign.id)):
        end(RunDir(runs_folder(project) / member.run))
    return True


def finished(project: Path, campaign: Campaign) -> Campaign:
    while step(project, campaign):
        pass
    return store.find(project, campaign.id)


def swept(campaign: Campaign) -> Sweep:
    assert campaign.sweep is not None
    return campaign.sweep


@pytest.mark.parametrize("batch", [1, 3])
def test_s12_a_sweep_learns_and_its_best_runs_on_seeds_that_no_trial_saw(tmp_path: Path, batch: int) -> None:
    made = finished(tmp_path, searching(tmp_path, count=12, batch=batch))
    sweep = swept(made)
    assert [t.number for t in sweep.trials] == list(range(12))
    assert sweep.trials[0].values == {"heal.lr": BASE["heal.lr"]}, "the base config is tried first"
    values = [t.value for t in sweep.trials]
    assert sweep.best is not None
    assert sweep.best.value == max(v for v in values if v is not None)
    last = [m for m in made.members if m.arm.startswith(BEST)]
    assert [m.seed for m in last] == [42, 137]
    assert {m.values["heal.lr"] for m in last} == {sweep.best.values["heal.lr"]}
    assert {m.seed for m in made.members if m not in last} == {1}
    assert made.arms == [last[0].arm]
    assert made.complete
    assert not step(tmp_path, made), "an ended sweep draws nothing more"


def test_s12_a_sweep_that_is_interrupted_anywhere_draws_what_it_would_have_drawn(tmp_path: Path) -> None:
    whole = finished(tmp_path / "whole", searching(_new(tmp_path / "whole"), count=6))
    project = _new(tmp_path / "cut")
    cut = searching(project, count=6)
    path = store.room(project) / f"{cut.id}.json"
    for _ in range(6):
        before = path.read_bytes()
        assert advance(project, cut.id)
        path.write_bytes(before)  # killed between the study's line and the campaign's file
        assert step(project, cut)
    found = finished(project, cut)
    assert [t.values for t in swept(found).trials] == [t.values for t in swept(whole).trials]
    assert [t.value for t in swept(found).trials] == [t.value for t in swept(whole).trials]
    assert len(all_runs(project)) == len(all_runs(tmp_path / "whole"))
    assert all(json.loads(line) for line in study_file(project, cut.id).read_text().splitlines()), (
        "lines of JSON, nothing pickled"
    )


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_equal_settings_run_once(tmp_path: Path) -> None:
    made = finished(tmp_path, searching(tmp_path, {"heal.aggregate": Range(choices=["mean", "rmse"])}, count=6))
    trials = swept(made).trials
    assert len(trials) == 6
    assert len([m for m in made.members if m.seed == 1]) == len({t.values["heal.aggregate"] for t in trials}) <= 2
    repeated = [t for t in trials if t.said]
    assert repeated
    assert all(t.said.startswith("as trial ") and t.value is not None for t in repeated)


@pytest.mark.parametrize("how", ["diverged", "failed", "no round"])
def test_a_trial_without_a_number_is_named_and_never_the_best(tmp_path: Path, how: str) -> None:
    made = searching(tmp_path, count=2)
    assert advance(tmp_path, made.id)
    (member,) = live(tmp_path, fill(tmp_path, made.id))
    folder = RunDir(runs_folder(tmp_path) / member.run)
    if how == "no round":
        end(folder, best=0.0, trait=1.0)
    else:
        end(folder, how, trait=1.0)
    sweep = swept(finished(tmp_path, made))
    assert sweep.trials[0].value is None
    assert ("no round passed the floors" if how == "no round" else how) in sweep.trials[0].said
    assert sweep.best == sweep.trials[1]


def test_a_sweep_without_any_number_says_so_and_has_no_best(tmp_path: Path) -> None:
    made = searching(tmp_path, count=2)
    while advance(tmp_path, made.id):
        for member in live(tmp_path, fill(tmp_path, made.id)):
            end(RunDir(runs_folder(tmp_path) / member.run), "nan")
    found = store.find(tmp_path, made.id)
    assert swept(found).ended == "No trial came to a number"
    assert conclude(tmp_path, found) == ""
    assert "No trial came to a number" in find_entry(tmp_path, found.id).text


def test_a_killed_trial_is_waited_for_and_run_again(tmp_path: Path) -> None:
    made = searching(tmp_path, count=2)
    assert advance(tmp_path, made.id)
    (member,) = live(tmp_path, fill(tmp_path, made.id))
    end(RunDir(runs_folder(tmp_path) / member.run), "killed")
    assert not advance(tmp_path, made.id)
    assert store.find(tmp_path, made.id).sweep.trials[0].value is None  # type: ignore[union-attr]
    assert conclude(tmp_path, store.find(tmp_path, made.id)) == ""
    assert Book(tmp_path).find(made.id) is None, "an interrupted sweep has no entry"
    (again,) = live(tmp_path, fill(tmp_path, made.id))
    assert again.earlier == (member.run,)


def test_the_entry_lists_every_trial_and_the_page_too(tmp_path: Path) -> None:
    made = finished(tmp_path, searching(tmp_path, count=4))
    assert conclude(tmp_path, made) == ""
    written = find_entry(tmp_path, made.id)
    sweep = swept(made)
    assert len([line for line in written.text.splitlines() if line.startswith("| ") and line[2].isdigit()]) == 4
    assert f"Trial {sweep.best.number} was best on val" in written.text  # type: ignore[union-attr]
    assert "of 4 trials" in written.title
    html, _ = campaign_page(tmp_path, made)
    page = Page(html)
    assert page.faults == []
    shown = [float(a["data-value"]) for a, _ in page.numbers() if a.get("data-at", "").startswith("trial ")]
    assert shown == [t.value for t in sweep.trials]


@given(
    st.one_of(
        st.tuples(st.floats(1e-6, 1.0), st.floats(1e-6, 1.0), st.booleans())
        .filter(lambda e: e[0] < e[1])
        .map(lambda e: Range(low=e[0], high=e[1], log=e[2])),
        st.lists(st.integers(0, 99), min_size=2, unique=True).map(lambda c: Range(choices=list(c))),
    ),
    st.data(),
)
def test_what_is_drawn_is_a_value_of_the_range_and_back(found: Range, data: st.DataObject) -> None:
    held = data.draw(st.sampled_from(found.choices) if found.choices else st.floats(found.low, found.high))
    drawn = place(found, held)
    assert drawn is not None
    assert value(found, drawn) == held
    assert distribution(found)._contains(float(drawn))


def test_words_become_ranges() -> None:
    found = space(["heal.lr=1e-4..1e-2:log", "heal.epochs=2..8", "heal.aggregate=mean,rmse"], BASE)
    assert found["heal.lr"] == Range(low=1e-4, high=1e-2, log=True)
    assert found["heal.epochs"] == Range(low=2, high=8, whole=True)
    assert found["heal.aggregate"].choices == ["mean", "rmse"]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("heal.lr=1e-2..1e-4", "smaller number"),
        ("heal.lam=0..1:log", "above 0"),
        ("heal.lr=1e-4", "name a range"),
        ("heal.lr=1e-4..20", "heal.lr"),
        ("run.seed=1..9", "no seeds"),
        ("evaluate.thinking_tokens=0..64", r"not comparable \(KB45\)"),
        ("heal.tua=0..1", "did you mean heal.tau"),
    ],
)
def test_a_range_that_cannot_be_meant_is_refused(setting: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        space([setting], BASE)


def _record(recorded: Recorded) -> dict[str, Any]:
    found: dict[str, Any] = recorded.campaign.record
    return found


def test_k15_a_sweep_is_locked_until_its_baseline_and_its_ablation_stand_in_the_journal(recorded: Recorded) -> None:
    record = _record(recorded)
    (told,) = lacking(recorded.project, record)
    assert "holds an ablation: cockpit campaign ablation -" in told
    run = load_record(RunDir(runs_folder(recorded.project) / recorded.campaign.members[-1].run))
    cells = [msgspec.structs.replace(evaluated("steered", 0.5, "val"), vector="zero", dose=0.5, round=1)]
    zero = VectorExtracted(method="zero", layers=[4], pairs=8, norm={"4": 0.0}, cos_first=0.0)
    assert ablation.write(recorded.project, run, cells, {"zero": zero}, "A. Person")
    assert lacking(recorded.project, record) == []
    other = record | {"config": record["config"] | {"heal.rank": 4}}
    assert len(lacking(recorded.project, other)) == 2, "rows of another family unlock nothing"


@pytest.mark.slow
def test_k16g_a_sweep_without_its_controls_is_refused_or_waived_with_a_reason(tmp_path: Path) -> None:
    checklist = preflight(tmp_path / "tiny.toml", sets=SMALL, waive=(*CAREFUL, "K16g"))
    checklist.write_text(checklist.read_text().replace('axes = ["steer.method"]', 'axes = ["heal.lr"]'))
    asked: dict[str, Any] = {"count": 2, "batch": 1, "tuned_on": [1], "seeds": [42]}
    over = ["heal.lr=1e-4..1e-2:log"]
    with pytest.raises(Refused, match=r"baseline and ablation.*raw steering.*--waive"):
        plan(tmp_path, checklist, over, **asked)
    with pytest.raises(BadInput, match="a waiver has a reason"):
        plan(tmp_path, checklist, over, **asked, waive="todo")
    with pytest.raises(BadInput, match="seed 1 is tuned on"):
        plan(tmp_path, checklist, over, **asked | {"seeds": [1, 42]})
    with pytest.raises(Refused, match="as an axis"):
        plan(tmp_path, checklist, ["heal.tau=0..1"], **asked)
    assert store.campaigns(tmp_path) == ([], [])
    made = plan(tmp_path, checklist, over, **asked, waive="There is no time for a baseline in this test.")
    assert made.record["evidence"]["sweep"]["waived"] == "There is no time for a baseline in this test."
    again = plan(tmp_path, checklist, over, **asked, waive="There is no time for a baseline in this test.")
    assert (again.id, len(store.campaigns(tmp_path)[0])) == (made.id, 1)


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(BadInput, match=r"cockpit\[sweep\]"):
        plan(tmp_path, EXAMPLE, ["heal.lr=1e-4..1e-2"], count=2, batch=1, tuned_on=[1], seeds=[42])


@pytest.mark.e2e
def test_the_command_searches_on_the_real_engine(tmp_path: Path) -> None:
    floors = ["evaluate.tail_ppl_ceiling=1e6", "evaluate.capability_floor=0.0", "evaluate.margin=1.0"]
    checklist = preflight(tmp_path / "tiny.toml", sets=[*SMALL, *floors], waive=(*CAREFUL, "K16g"))
    checklist.write_text(checklist.read_text().replace('axes = ["steer.method"]', 'axes = ["heal.lr"]'))
    words = [
        "campaign",
        "sweep",
        "--preflight",
        str(checklist),
        "--over",
        "heal.lr=1e-4..1e-2:log",
        "--trials",
        "2",
        "--seeds",
        "42,",
    ]
    words += ["--hypothesis", "A higher rate keeps more.", "--waive", "A test of the command, which measures nothing."]
    done = run_cli(*words, project=tmp_path, timeout=400)
    assert done.returncode == 0, done.stderr
    (made,), _ = store.campaigns(tmp_path)
    assert [t.value is not None for t in swept(made).trials] == [True, True]
    assert len(all_runs(tmp_path)) == 3
    again = run_cli(*words, project=tmp_path, timeout=100)
    assert again.stdout == done.stdout
    assert len(all_runs(tmp_path)) == 3
