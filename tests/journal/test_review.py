"""Reviews: appended lines of which the newest decides, and the commands that write them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.cli.main import run
from engine.contract.errors import BadInput
from engine.contract.files import read_json
from engine.contract.rundir import RunDir
from journal.blocks import Text
from journal.book import NAME, Book
from journal.card import embed
from journal.index import Row, rows
from journal.review import State, say, states
from journal.write import open_entry

Logged = Callable[..., str]


def cockpit(project: Path, *arguments: str) -> int:
    return run([*arguments, "--project", str(project)])


def state(project: Path, key: str) -> State:
    return states(rows(project))[key]


def test_a_finished_run_is_a_draft_and_a_smoke_run_is_nothing(logged: Logged, tmp_path: Path) -> None:
    real, smoke = logged("k3f9"), logged("sm0k", sets=["run.smoke=true"])
    assert state(tmp_path, real).state == "draft"
    assert state(tmp_path, smoke).state == ""
    assert cockpit(tmp_path, "journal", "review", "sm0k", "--reviewed") == 3


def test_a_run_that_is_not_finished_cannot_be_reviewed(
    make_run: Callable[..., RunDir], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from journal.record import load_record

    open_entry(Book(tmp_path), load_record(make_run("20260604T101347-nano-care-live")))
    assert states(rows(tmp_path))["20260604T101347-nano-care-live"].state == ""
    book = Book(tmp_path)
    with pytest.raises(BadInput, match="needs a reason"):
        say(book, "x", "me", "retracted", state="retracted")
    assert cockpit(tmp_path, "journal", "review", "live", "--reviewed") == 3
    assert "not finished" in capsys.readouterr().err


def test_the_newest_word_decides_and_nothing_is_erased(logged: Logged, tmp_path: Path) -> None:
    key = logged("k3f9")
    before = (tmp_path / NAME).read_bytes()
    assert cockpit(tmp_path, "journal", "review", "k3f9", "--reviewed") == 0
    assert state(tmp_path, key).state == "reviewed"
    assert cockpit(tmp_path, "journal", "review", "k3f9", "--retract", "the | split *leaked*\n<!-- -->") == 0
    now = state(tmp_path, key)
    assert (now.state, now.reason) == ("retracted", "the | split *leaked* <!-- -->")
    assert now.by
    assert (tmp_path / NAME).read_bytes().startswith(before)
    assert cockpit(tmp_path, "journal", "review", "k3f9", "--draft", "--reason", "it did not") == 0
    assert state(tmp_path, key).state == "draft"
    assert sum(row.kind == "note" and row.intact for row in rows(tmp_path)) == 3


def test_an_entry_is_superseded_by_a_run_that_exists(logged: Logged, tmp_path: Path) -> None:
    old, new = logged("k3f9"), logged("p0aa", day=5)
    review = ("journal", "review", "k3f9", "--superseded-by")
    assert cockpit(tmp_path, *review, "zzzz", "--reason", "same with more rounds") == 2
    assert cockpit(tmp_path, *review, "k3f9", "--reason", "itself") == 2
    assert cockpit(tmp_path, *review, "p0aa") == 2  # without a reason
    assert state(tmp_path, old).state == "draft"
    assert cockpit(tmp_path, *review, "p0aa", "--reason", "same with more rounds") == 0
    assert (state(tmp_path, old).state, state(tmp_path, old).superseded_by) == ("superseded", new)


def test_a_second_attempt_supersedes_the_first_by_itself(tmp_path: Path) -> None:
    book = Book(tmp_path)
    for key in ("run-a", "run-a#2", "run-a#3"):
        book.append(key, Text(f"## 2026-06-12 (a) · {key} · [x]", embed({"status": "killed"})))
    found = states(rows(tmp_path))
    assert [found[k].superseded_by for k in ("run-a", "run-a#2", "run-a#3")] == ["run-a#2", "run-a#3", ""]


def test_one_word_at_a_time(logged: Logged, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logged("k3f9")
    assert cockpit(tmp_path, "journal", "review", "k3f9") == 2
    assert cockpit(tmp_path, "journal", "review", "k3f9", "--reviewed", "--retract", "x") == 2
    assert "--reviewed and --retract" in capsys.readouterr().err
    assert cockpit(tmp_path, "journal", "review", "k3f9", "--state", "retracted") == 2


def test_only_a_miss_is_condemned_and_its_result_says_so(
    logged: Logged, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    met, missed = logged("k3f9", trait=0.97), logged("m155", trait=0.3)
    assert cockpit(tmp_path, "journal", "review", "k3f9", "--condemn", "no") == 3
    assert "only a miss" in capsys.readouterr().err
    result = tmp_path / "runs" / missed / "result.json"
    before = read_json(result)
    assert cockpit(tmp_path, "journal", "review", "m155", "--condemn", "tau is inert") == 0
    assert read_json(result) == before | {"condemned": True}
    assert state(tmp_path, missed).condemned == "tau is inert"
    assert state(tmp_path, missed).state == "draft"
    assert cockpit(tmp_path, "journal", "review", "m155", "--pardon", "it was the seed") == 0
    assert read_json(result)["condemned"] is False
    assert state(tmp_path, missed).condemned == ""
    assert "condemned" not in read_json(tmp_path / "runs" / met / "result.json")


def test_notes_and_tags_show_below_the_entry(
    logged: Logged, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logged("k3f9")
    assert cockpit(tmp_path, "journal", "note", "k3f9", "the worst text is \x1b[31mred", "--tag", "figure-2") == 0
    assert cockpit(tmp_path, "journal", "note", "k3f9", "--tag", "draft-b") == 0
    assert cockpit(tmp_path, "journal", "note", "k3f9", "--untag", "draft-b") == 0
    assert cockpit(tmp_path, "journal", "note", "k3f9") == 2
    assert cockpit(tmp_path, "journal", "note", "k3f9", "--tag", "two words") == 2
    capsys.readouterr()
    assert cockpit(tmp_path, "journal", "show", "k3f9") == 0
    shown = capsys.readouterr().out
    assert "**Asked.**" in shown
    assert "the worst text is red" in shown
    assert "\x1b" not in shown
    assert "figure-2" in shown
    assert "draft-b" not in shown
    assert cockpit(tmp_path, "journal", "show", "k3f9", "--json") == 0
    one = json.loads(capsys.readouterr().out)
    assert one["state"]["tags"] == ["figure-2"]
    assert one["state"]["notes"][0][2] == "the worst text is red"


def test_a_note_edited_by_hand_still_retracts_but_never_vouches(logged: Logged, tmp_path: Path) -> None:
    kept, lost = logged("k3f9"), logged("p0aa")
    assert cockpit(tmp_path, "journal", "review", "k3f9", "--reviewed") == 0
    assert cockpit(tmp_path, "journal", "review", "p0aa", "--retract", "wrong split") == 0
    path = tmp_path / NAME
    text = path.read_bytes()
    path.write_bytes(text.replace(b" reviewed ", b"  reviewed  ").replace(b" retracted: wrong split", b" fine"))
    assert state(tmp_path, kept).state == "draft"
    assert state(tmp_path, lost).state == "retracted"


def test_an_entry_edited_by_hand_is_not_vouched_for(
    logged: Logged, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logged("k3f9")
    path = tmp_path / NAME
    path.write_bytes(path.read_bytes().replace(b"**Verdict.** ", b"**Verdict.** triumph, "))
    assert cockpit(tmp_path, "journal", "review", "k3f9", "--reviewed") == 3
    assert "edited by hand" in capsys.readouterr().err


MOMENTS = st.integers(0, 9)
WORDS = st.one_of(
    st.fixed_dictionaries({"state": st.sampled_from(["draft", "reviewed", "retracted", "superseded", "nonsense"])}),
    st.fixed_dictionaries({"tag": st.sampled_from(["a", "b"])}),
    st.fixed_dictionaries({"untag": st.sampled_from(["a", "b"])}),
    st.fixed_dictionaries({"text": st.text(max_size=5)}),
    st.fixed_dictionaries({"condemned": st.booleans()}),
)


def _row(kind: str, key: str, data: dict[str, object], status: str = "success") -> Row:
    import msgspec

    card = msgspec.Raw(msgspec.json.encode(data))
    return Row(
        kind=kind, key=key, date="", letter="", title="", level="", smoke=False, intact=True, start=0, end=0,
        status=status, card=card,
    )  # type: ignore[arg-type]  # fmt: skip


@given(said=st.lists(st.tuples(MOMENTS, WORDS), max_size=8), order=st.randoms())
def test_a_state_does_not_depend_on_the_order_in_the_file(
    said: list[tuple[int, dict[str, object]]], order: object
) -> None:
    notes = [_row("note", f"n{i}", {"of": "a", "at": f"2026-01-0{at}", **w}) for i, (at, w) in enumerate(said)]
    book = [_row("run", "a", {}), *notes]
    shuffled = list(book)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert states(book) == states(shuffled)
    words = [w["state"] for _, w in sorted(said, key=lambda pair: pair[0]) if w.get("state", "nonsense") != "nonsense"]
    assert states(book)["a"].state == (words[-1] if words else "draft")
