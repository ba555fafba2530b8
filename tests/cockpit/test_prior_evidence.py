"""What a project knows of itself reaches the checklist: seals, comparator, splits, notes, counts, and what was amended."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cockpit.cli.launching import remarks
from cockpit.preflight import carry, drafts, tally
from cockpit.preflight.amending import amend
from cockpit.preflight.plan import prepare
from cockpit.preflight.survey import compare, survey
from cockpit.report.checklist import show
from cockpit.runs import evidence
from engine.contract.answers import load_answers
from engine.contract.config import Config
from engine.contract.errors import BadInput, Refused
from engine.contract.events import Evaluated, encode
from engine.contract.files import append_line, write_json
from engine.contract.hashes import canonical, sha256
from engine.contract.prior import Prior
from engine.contract.resolve import resolve
from engine.contract.rundir import RunDir, runs_folder
from journal.record import load_record

from .conftest import EXAMPLE, preflight

RUN = "20260601T000000-nano-care-k3f9"
Seal = Callable[..., RunDir]


@pytest.fixture
def sealed(tmp_path: Path) -> Seal:
    """sealed(RUN, sets, status='nan', axes=..., **result): a run folder as prepare and the supervisor leave it."""

    def make(name: str = RUN, sets: tuple[str, ...] = (), status: str = "success", **result: Any) -> RunDir:
        file = preflight(tmp_path / f"{name}.toml", sets=[*sets], waive=("W2",))
        if sets:
            file.write_text(
                file.read_text().replace("Four rounds of", f"With {' '.join(sets).replace('=', ' at ')}, rounds of")
            )
        plan = prepare(tmp_path, preflight=file)
        folder = RunDir(runs_folder(tmp_path) / name)
        folder.path.mkdir(parents=True)
        plan.run.save(folder.config)
        write_json(folder.preflight, plan.record)
        measured = {
            "tokenizer_hash": plan.record["evidence"]["facts"]["tokenizer_hash"],
            "operating_kl": 0.5,
            "metric_version": None,
        }
        ended = {"status": status, "logged": True, "attempt": 1, "title": "care .93", "measured": measured}
        write_json(folder.result, ended | result)
        return folder

    return make


def test_k16c_nothing_is_analysed_before_its_entry_is_closed(tmp_path: Path) -> None:
    folder = RunDir(tmp_path / RUN)
    folder.path.mkdir()
    with pytest.raises(Refused, match="it has not ended"):
        evidence.require_logged(folder)
    write_json(folder.result, {"status": "success", "logged": False})
    with pytest.raises(Refused, match="not in the journal yet"):
        evidence.require_logged(folder)
    write_json(folder.result, {"status": "nan", "logged": True})
    evidence.require_logged(folder)


def test_k5_the_splits_are_sealed_by_id_and_hash(sealed: Seal) -> None:
    record = json.loads(sealed().preflight.read_text())
    test, val = (record["evidence"]["splits"][name] for name in ("test", "val"))
    assert test["id"].startswith("nano-care ")
    assert test["id"].endswith("/test")
    assert test["items"] > 400
    assert len(test["hash"]) == 64
    assert test["hash"] != val["hash"]


def test_k7_the_comparator_builds_the_difference_table(tmp_path: Path, sealed: Seal) -> None:
    sealed()
    file = preflight(tmp_path / "new.toml", sets=["heal.lam=0.7", "evaluate.batch_size=3"], waive=("W2",))
    file.write_text(file.read_text().replace('comparator = "none"', 'comparator = "k3f9"'))
    answers = load_answers(file)
    known = survey(tmp_path, answers, answers.base_config())
    assert known.comparison is not None
    assert [(d.knob, d.ours) for d in known.comparison.knobs] == [("heal.lam", 0.7), ("evaluate.batch_size", 3)]
    assert known.comparison.comparable
    assert [n.run.id for n in known.near] == [RUN]
    file.write_text(file.read_text().replace("Four rounds", "A larger weight and four rounds"))
    record = prepare(tmp_path, preflight=file).record
    assert record["evidence"]["comparison"]["knobs"][0]["knob"] == "heal.lam"
    assert record["evidence"]["near"][0]["run"] == RUN


def test_k1_another_tokenizer_is_not_comparable(tmp_path: Path, sealed: Seal) -> None:
    sealed(measured={"tokenizer_hash": "f" * 64})
    prior = evidence.gather(tmp_path, "k3f9")
    answers = load_answers(EXAMPLE)
    known = survey(tmp_path, answers, answers.base_config())
    found = compare(prior, known.config, known.facts)
    assert found is not None
    assert not found.comparable
    assert "another tokenizer" in found.why


def test_kb45_another_number_of_thinking_tokens_is_not_comparable(tmp_path: Path, sealed: Seal) -> None:
    sealed()
    answers, prior = load_answers(EXAMPLE), evidence.gather(tmp_path, "k3f9")
    known = survey(tmp_path, answers, answers.base_config())
    table = known.config.model_dump() | {"evaluate": known.config.evaluate.model_dump() | {"thinking_tokens": 64}}
    told = {
        c: compare(prior, Config.model_validate(t), known.facts)
        for c, t in (("same", known.config.model_dump()), ("other", table))
    }
    assert told["same"] is not None
    assert told["same"].comparable
    assert told["other"] is not None
    assert not told["other"].comparable
    assert told["other"].why == "not comparable: evaluate.thinking_tokens was 0, is 64"


def test_a_second_launch_of_the_family_says_what_is_unchanged(tmp_path: Path, sealed: Seal) -> None:
    sealed()
    plan = prepare(tmp_path, preflight=tmp_path / f"{RUN}.toml", sets=["run.seed=137"])
    assert plan.record["evidence"]["unchanged"] == {"since": RUN, "items": [f"K{n}" for n in range(9)]}


def test_k16_waivers_and_what_is_unchanged_are_printed_at_launch(tmp_path: Path, sealed: Seal) -> None:
    sealed()
    file = preflight(tmp_path / "f.toml", sets=[], waive=("W2",), extra="expires = 2999-01-31\n")
    said = list(remarks(prepare(tmp_path, preflight=file).record))
    assert said[0] == "K0 to K7 unchanged since -k3f9"
    assert said[1].startswith("waived W2 (until 2999-01-31): A run of the test suite")


def test_a_tampered_seal_is_no_seal(tmp_path: Path, sealed: Seal) -> None:
    folder = sealed()
    assert [s.id for s in evidence.seals(tmp_path)] == [RUN]
    folder.preflight.write_text(folder.preflight.read_text().replace('"K0"', '"K9"', 1).replace("0.8", "0.9", 1))
    assert evidence.seals(tmp_path) == []
    folder.preflight.write_text("[]")
    assert evidence.seals(tmp_path) == []


def test_carrying_over_keeps_comments_and_blanks_only_what_no_longer_holds(tmp_path: Path, sealed: Seal) -> None:
    sealed()
    old = preflight(tmp_path / "old.toml", sets=[], waive=("W2",))
    old.write_text(old.read_text().replace("[direction] # K4", "[direction] # K4, my own remark"))
    draft = carry.new(tmp_path, "", ["heal.lam=0.7"], str(old))
    assert "my own remark" in draft.text
    assert 'hypothesis = "" # was: Four rounds' in draft.text
    assert 'acknowledged = "" # K0 to K5' in draft.text
    assert any("K6 is open again" in line and "heal.lam is 0.7, was" in line for line in draft.said)
    (tmp_path / "new.toml").write_text(draft.text)
    found = drafts.check(tmp_path, tmp_path / "new.toml")
    assert {b.item for b in found.blocks} == {"K0", "K6"}
    assert all(b.empty for b in found.blocks)
    (tmp_path / "new.toml").write_text(
        draft.text.replace('acknowledged = ""', 'acknowledged = "k3f9"').replace(
            'hypothesis = ""', 'hypothesis = "A larger weight undoes care."'
        )
    )
    assert drafts.check(tmp_path, tmp_path / "new.toml").blocks == []


@pytest.mark.slow
def test_carrying_over_from_a_run_takes_its_seal(tmp_path: Path, sealed: Seal) -> None:
    sealed()
    draft = carry.new(tmp_path, "", ["heal.rank=16"], "k3f9")
    assert "# K6: This run tests hypothesis: ___" in draft.text
    assert "Four rounds of steer" in draft.text
    assert "rank = 16" in draft.text
    assert any("K3 is open again" in line for line in draft.said)
    with pytest.raises(BadInput, match="does not exist"):
        carry.new(tmp_path, "", [], "none.toml")


def test_nothing_is_blanked_where_nothing_changed(tmp_path: Path) -> None:
    old = preflight(tmp_path / "old.toml", sets=[], waive=("W2",))
    draft = carry.new(tmp_path, "", [], str(old))
    assert draft.text == old.read_text()
    assert draft.said == [f"carried over from {old}"]
    changed = carry.new(tmp_path, "", ["heal.lam=0.7"], str(old))
    assert 'hypothesis = "" # was:' in changed.text


def test_checks_count_what_they_caught_once_and_never_what_was_not_answered_yet(tmp_path: Path, sealed: Seal) -> None:
    sealed()
    sealed("20260602T000000-nano-care-m2x1")
    file = preflight(tmp_path / "f.toml", sets=[], waive=("W2",))
    good = file.read_text()
    file.write_text(
        good.replace('direction = "reverse"', 'direction = "forward"').replace(
            'hypothesis = "Four', 'hypothesis = "" # "'
        )
    )
    for _ in range(3):
        drafts.check(tmp_path, file)
    file.write_text(good)
    counts = drafts.check(tmp_path, file).tally
    assert counts["K4"].words() == "unchanged 1 time, caught 1"
    assert (counts["K6"].caught, counts["K1"].caught) == (0, 0)
    file.write_text(good.replace('direction = "reverse"', 'direction = "forward"'))
    with pytest.raises(Refused, match="K4"):
        prepare(tmp_path, preflight=file)
    assert tally.tally(tmp_path, [])["K4"].caught == 2
    assert [json.loads(line)["by"] for line in tally.checks_file(tmp_path).read_text().splitlines()] == [
        "check",
        "check",
        "launch",
    ]


def test_fault_34_garbage_among_the_checks_is_left_out(tmp_path: Path) -> None:
    path = tally.checks_file(tmp_path)
    path.parent.mkdir(parents=True)
    path.write_text('garbage\n{"file": 3, "caught": []}\n{"file": "f", "caught": ["K4"]}\n{"torn')
    assert tally.tally(tmp_path, [])["K4"].caught == 1


def test_k9_an_amendment_is_appended_and_the_record_shows_it(tmp_path: Path, sealed: Seal) -> None:
    folder = sealed()
    folder.result.unlink()
    before = folder.preflight.read_bytes()
    (line,) = amend(folder, ["prediction.confidence=.6"], "The pilot was noisier than thought.")
    assert (line["old"], line["new"]) == (0.8, 0.6)
    assert folder.preflight.read_bytes() == before
    record = load_record(folder)
    assert [a["key"] for a in record.amendments] == ["prediction.confidence"]
    assert record.damage == ""
    append_line(
        folder.events,
        encode(Evaluated(subject="base", split="val", metrics={"trait_rate": 0.2}, ci={}, n={"trait_rate": 9})),
    )
    with pytest.raises(Refused, match="evaluated something already"):
        amend(folder, ["prior.learnt=More was known", "prediction.threshold=0.1"], "The base looks odd.")
    assert len(load_record(folder).amendments) == 1, "all or none"
    folder.amendments.write_text(folder.amendments.read_text().replace("0.6", "0.9"))
    assert "amendments.jsonl was changed" in load_record(folder).damage


def test_a_person_reads_what_to_do_within_the_width(
    tmp_path: Path, sealed: Seal, capsys: pytest.CaptureFixture[str]
) -> None:
    from rich.console import Console

    sealed()
    sealed("20260602T000000-nano-care-p0aa", ("heal.lr=0.9",), status="nan")
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "lam.md").write_text("heal.lam 0.7 undid the trait last year \x1b[2J [bold]\n")
    file = preflight(tmp_path / "f.toml", sets=["heal.lam=0.7"], waive=("W2",))
    file.write_text(file.read_text().replace('comparator = "none"', 'comparator = "k3f9"'))
    show(Console(width=100, highlight=False), drafts.check(tmp_path, file), file)
    said = capsys.readouterr().out
    for part in (
        "✓ K0 to K5", "unchanged since -", "✗ K6", "heal.lam", "Nearest earlier runs", "-p0aa", "nan",
        "Against -k3f9, the comparator", "same tokenizer", "memory/lam.md:1", "blocked: K6 to mend",
    ):  # fmt: skip
        assert part in said, part
    assert max(map(len, said.splitlines())) <= 100
    assert "\x1b[2J" not in said
    assert "[bold]" in said


def test_k2_the_seal_and_config_reach_a_launch_by_their_hashes(sealed: Seal) -> None:
    record = json.loads(sealed().preflight.read_text())
    assert record["evidence"]["facts"]["commit"]
    assert record["answers_hash"] == sha256(canonical(record["answers"]))
    assert resolve("nano-care").flat() == record["config"]
    assert evidence.gather(Path("/nowhere"), "k3f9") == Prior()


@pytest.mark.parametrize(
    ("rule", "sets", "result", "says"),
    [
        ("KB19", [], {"base_trait_rate": 0.95}, "the base already shows care in 95% of its answers"),
        ("KB45", ["evaluate.temperature=0.9"], {}, "evaluate.temperature differs from the comparator"),
    ],
)
def test_k8_a_bug_that_an_earlier_run_shows_blocks_until_it_is_waived_and_the_waiver_is_printed(
    rule: str, sets: list[str], result: dict[str, Any], says: str, tmp_path: Path, sealed: Seal
) -> None:
    folder = sealed()
    ended = json.loads(folder.result.read_text())
    write_json(folder.result, ended | {"measured": ended["measured"] | result})

    def launch(*waive: str, extra: str = "") -> dict[str, Any]:
        file = preflight(tmp_path / "new.toml", sets=sets, waive=("W2", *waive), extra=extra)
        text = file.read_text().replace('comparator = "none"', 'comparator = "k3f9"')
        file.write_text(text.replace("Four rounds", "Under this evaluation four rounds"))
        return prepare(tmp_path, preflight=file).record

    with pytest.raises(Refused, match=rf"K8: known bug {rule}: {says}"):
        launch()
    with pytest.raises(Refused, match=f"the waiver of {rule} expired on 2020-01-31"):
        launch(rule, extra="expires = 2020-01-31\n")
    record = launch(rule, extra="expires = 2999-01-31\n")
    assert [(hit["rule"], hit["state"]) for hit in record["evidence"]["known_bugs"]] == [(rule, "waived")]
    assert any(line.startswith(f"waived {rule} (until 2999-01-31): A run of") for line in remarks(record))
