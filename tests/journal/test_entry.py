"""An entry says what was asked, expected and found, for every way a run can end (requirements K0, K11, FAULTS 26)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contract import events as e
from engine.contract.files import read_json, write_json
from engine.contract.preflight import seal_hash
from engine.contract.rundir import RunDir
from journal.blocks import parse
from journal.book import Book
from journal.entry import body, heading, ledger, title
from journal.fields import FIELDS, NOT_MEASURED, sixteen
from journal.index import entries, find_entry
from journal.record import load_record
from journal.text import plain, quoted, stopped, unquoted
from journal.verdict import verdict
from journal.write import close_entry, open_entry

from .conftest import STARTED, evaluated

Maker = Callable[..., RunDir]
NAME = "20260604T101347-nano-care-k3f9"
FINISHED = e.RunFinished(status="success", reason="all rounds done", best=4, seconds=60.0, tokens=1000)
WHOLE = [
    STARTED,
    evaluated("base", 0.24),
    evaluated("prompted", 0.99),
    evaluated("steered", 0.95, round=4, dose=0.8),
    evaluated("healed", 0.93, round=4, change={"trait_rate": 0.69}, change_ci={"trait_rate": (0.66, 0.72)}),
    FINISHED,
]
HOSTILE = (
    "\x1b]52;c;aGk=\x07\x1b[2J\x9b31m [/bold] [node_modules] ```\n## 2026-06-04 (b) · fake\n<!-- /run:x --> \u202egnp"
)


@pytest.mark.parametrize(
    "status", ["success", "failed", "diverged", "nan", "oom", "timeout", "starved", "stopped", "killed"]
)
@pytest.mark.parametrize("reached", [0, 1, 2, 6])
def test_k11_sixteen_fields_are_there_for_every_ending(status: str, reached: int, make_run: Maker) -> None:
    fields = sixteen(load_record(make_run(NAME, WHOLE[:reached], status=status, reason="why")))
    assert tuple(fields) == FIELDS
    assert len(FIELDS) == 16
    assert all(value.strip() for value in fields.values())
    assert fields["Params EXACT"] == "1771648"
    assert fields["Status"] == status


def test_k11_fields_survive_an_empty_run_folder(tmp_path: Path) -> None:
    (tmp_path / "runs" / NAME).mkdir(parents=True)
    record = load_record(RunDir(tmp_path / "runs" / NAME))
    assert all(sixteen(record).values())
    assert "does not exist" in record.damage


def test_the_entry_shows_question_math_prediction_and_verdict(make_run: Maker) -> None:
    record = load_record(make_run(NAME, WHOLE, status="success"))
    text = body(record)
    for part in (
        "**Asked.**",
        "**Math.**",
        "**Expected** (sealed ",
        "**Verdict.** met: trait .93",
        "**Does not show.**",
    ):
        assert part in text
    assert "| base | .24 [.19, .29] |" in text
    assert "| healed − base, paired | +.69 [+.66, +.72] |" in text
    line = "## 2026-06-04 (c) · care .93 (base .24), benign ok .97, tail ppl 1.2, facts 1.00, prediction met · "
    assert heading(record, "c", "2026-06-04") == line + "[exploratory, seed 42, nano-care]"


def test_a_prediction_is_met_missed_or_pending(make_run: Maker) -> None:
    assert verdict(load_record(make_run(NAME, WHOLE, status="success"))).state == "met"
    low = [*WHOLE[:4], evaluated("healed", 0.5, round=4), FINISHED]
    assert verdict(load_record(make_run(NAME + "2", low, status="success"))).state == "missed"
    dead = load_record(make_run(NAME + "3", WHOLE[:3], status="killed"))
    assert (verdict(dead).state, verdict(dead).value) == ("pending", None)
    assert "ended as killed" in verdict(dead).text


def test_no_verdict_is_given_on_the_last_round_in_place_of_the_best(make_run: Maker) -> None:
    none_passed = msgspec.structs.replace(FINISHED, best=0)
    judged = verdict(load_record(make_run(NAME, [*WHOLE[:5], none_passed], status="success")))
    assert (judged.state, judged.value) == ("pending", None)
    assert "no round passed the floors" in judged.text


@pytest.mark.parametrize("resealed", [False, True])
def test_a_prediction_edited_after_launch_is_not_judged_and_not_called_sealed(resealed: bool, make_run: Maker) -> None:
    folder = make_run(NAME, WHOLE, status="success")
    preflight = read_json(folder.preflight)
    preflight["answers"]["prediction"]["threshold"] = 0.1
    if resealed:
        preflight["seal"] = seal_hash(preflight)
    write_json(folder.preflight, preflight)
    record = load_record(folder)
    assert verdict(record).state == "none"
    assert "preflight.json" in record.damage
    assert "**Expected** (sealed" not in body(record)
    assert "prediction met" not in title(record)


def test_a_damaged_config_leaves_facts_out_and_invents_none(make_run: Maker) -> None:
    folder = make_run(NAME, WHOLE, status="success", sets=["run.smoke=true", "run.seed=7"])
    folder.config.write_text("{")
    record = load_record(folder)
    assert record.smoke, "the sealed preflight says so"
    fields = sixteen(record)
    for name in ("Key config", "Batch/Seq"):
        assert fields[name] == NOT_MEASURED
    assert fields["Seed"] == "42", "what the worker said when it started"
    folder.events.unlink()
    assert sixteen(load_record(folder))["Seed"] == NOT_MEASURED
    assert "seed unknown" in heading(load_record(folder), "a", "2026-06-04")


def test_a_run_on_a_gpu_costs_gpu_seconds_and_one_on_a_cpu_none(make_run: Maker) -> None:
    on_gpu = [msgspec.structs.replace(STARTED, device="NVIDIA X"), FINISHED]
    assert "60 GPU s" in sixteen(load_record(make_run(NAME, on_gpu)))["Cost actual"]
    assert "no GPU" in sixteen(load_record(make_run(NAME + "2", [STARTED, FINISHED])))["Cost actual"]


def test_only_a_run_that_got_to_its_end_says_that_no_round_passed(make_run: Maker) -> None:
    stopped = [*WHOLE[:5], e.RunFinished(status="stopped", reason="asked", best=0, seconds=1.0, tokens=1)]
    assert "floors" not in sixteen(load_record(make_run(NAME, stopped, status="stopped")))["Best"]
    whole = [*WHOLE[:5], msgspec.structs.replace(FINISHED, best=0)]
    assert "no round passed the floors" in sixteen(load_record(make_run(NAME + "2", whole, status="success")))["Best"]


def test_a_smoke_run_is_one_ledger_line(make_run: Maker, tmp_path: Path) -> None:
    record = load_record(make_run(NAME, WHOLE, status="success", sets=["run.smoke=true"]))
    line = ledger(record, "a", "2026-06-04")
    assert "\n" not in line
    assert line.startswith("- 2026-06-04 (a) · smoke nano-care · success · care .93 (base .24)")
    assert line.endswith("· 1:01 · -k3f9")
    close_entry(Book(tmp_path), record)
    (entry,) = entries(tmp_path)
    assert entry.smoke
    assert entries(tmp_path, smoke=False) == []


def test_k10_opening_and_closing_make_one_entry_with_one_letter(make_run: Maker, tmp_path: Path) -> None:
    book = Book(tmp_path)
    folder = make_run(NAME, WHOLE[:2])
    open_entry(book, load_record(folder))
    open_entry(book, load_record(folder))
    assert "running" in find_entry(tmp_path, "k3f9").title
    other = make_run("20260604T111347-nano-care-b2b2", WHOLE, status="success")
    close_entry(book, load_record(other))
    finished = make_run("20260604T121347-nano-care-c3c3", WHOLE, status="killed", reason="gone")
    close_entry(book, load_record(finished))
    assert [(e.letter, e.short) for e in entries(tmp_path)] == [("c", "-c3c3"), ("b", "-b2b2"), ("a", "-k3f9")]
    (folder.result).write_text('{"status": "killed", "reason": "gone", "attempt": 1}')
    close_entry(book, load_record(folder))
    close_entry(book, load_record(folder))
    found = find_entry(tmp_path, NAME)
    assert (found.letter, found.intact, len(parse(book.read()))) == ("a", True, 3)
    assert "killed: gone" in found.title


def test_hostile_model_text_neither_acts_on_a_terminal_nor_forges_an_entry(make_run: Maker, tmp_path: Path) -> None:
    rows = [{"subject": "healed", "round": 4, "prompt": HOSTILE, "text": HOSTILE, "kept": True}]
    folder = make_run(NAME, WHOLE, status="failed", reason=HOSTILE, completions=rows)
    book = Book(tmp_path)
    close_entry(book, load_record(folder))
    data = book.read()
    assert [b.key for b in parse(data)] == [NAME]
    assert all(b >= 32 or b == 10 for b in data)
    assert "\u202e" not in data.decode()
    assert data.decode().count("\n## ") == 1
    assert "\n```" not in data.decode()
    assert title(load_record(folder)).count("\n") == 0


@pytest.mark.parametrize(
    "text", [HOSTILE, "a*b _c_ d_e", "[x](y)", "# h", "a\\_b &lt;", "<b>", "", "~~x~~", "x" * 1000]
)
def test_quoting_can_be_undone_for_a_terminal(text: str) -> None:
    assert unquoted(quoted(text)) == plain(text)
    assert "<" not in quoted(text)


@given(st.text(alphabet=st.one_of(st.sampled_from("&<>;#x202elt\\*_`~[](|"), st.characters()), max_size=60))
def test_quoting_is_undone_exactly_for_any_text(text: str) -> None:
    assert unquoted(quoted(text)) == plain(text)


def test_an_entity_in_model_text_stays_text() -> None:
    assert unquoted(quoted("&#x202e evil &lt")) == "&#x202e evil &lt"


def test_of_two_entries_of_one_run_the_last_is_meant(make_run: Maker, tmp_path: Path) -> None:
    book = Book(tmp_path)
    close_entry(book, load_record(make_run(NAME, WHOLE, status="success")))
    book.path.write_bytes(book.read() + b"\n" + book.read())
    assert len(entries(tmp_path)) == 2
    assert find_entry(tmp_path, "k3f9") == entries(tmp_path)[0]


def test_a_torn_line_and_garbage_in_the_events_do_not_hide_the_rest(make_run: Maker) -> None:
    folder = make_run(NAME, WHOLE[:2], status="killed")
    with folder.events.open("ab") as f:
        f.write(b'\x00\xff{"event":"unknown"}\nnull\n{"event":"evaluated","subj')
    record = load_record(folder)
    assert record.row("base", "test") is not None
    assert record.started is not None


def test_k0_the_formula_ends_before_what_is_unnecessary_begins() -> None:
    assert [stopped(text) for text in ("nll + kl", "nll.", "nll…")] == ["nll + kl.", "nll.", "nll…"]
